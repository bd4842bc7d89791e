"""Makes metrics/exporter/wall/layout.js: the tiles of the catalogue, as the wall's scripts read them."""

import json
from collections.abc import Iterable, Mapping

from metrics.catalogue import ANSWERS, TILES
from metrics.tile import Tile, Wanted

_HEAD = "// Made by `sales-pulse generate` from metrics/catalogue; do not edit.\n"
_ABOUT = (
    "/** `about`: a label value that the title names, as the number is of this alone. `still`: has no trend."
    " `now`: has no history. */\n"
)
_ANSWERS = "/** KPI 2 for those whom nobody answered at first: they stand by the list of whom to call. */\n"


def render() -> str:
    """The script: data alone."""
    return f"{_HEAD}{_ABOUT}{_constant('TILES', TILES)}{_ANSWERS}{_constant('ANSWERS', ANSWERS)}"


def _constant(name: str, tiles: Iterable[Tile]) -> str:
    return f"export const {name} = [\n" + "".join(f"  {_tile(tile)},\n" for tile in tiles) + "];\n"


def _tile(tile: Tile) -> str:
    parts = [f"number: {_text(tile.number)}", f"main: {_wanted(tile.main)}"]
    if tile.about:
        parts.append(f"about: {_text(tile.about)}")
    parts += [f"{flag}: true" for flag in ("still", "now") if getattr(tile, flag)]
    return _object([*parts, f"more: [{', '.join(map(_wanted, tile.more))}]"])


def _wanted(wanted: Wanted) -> str:
    name = [f"name: {_text(wanted.name)}"] if wanted.name else []
    return _object([f"id: {_text(wanted.id)}", f"labels: {_labels(wanted.labels)}", *name])


def _labels(labels: Mapping[str, str]) -> str:
    return _object([f"{name}: {_text(value)}" for name, value in labels.items()]) if labels else "{}"


def _object(parts: list[str]) -> str:
    return "{ " + ", ".join(parts) + " }"


def _text(value: int | str) -> str:
    return json.dumps(value, ensure_ascii=False)
