"""What the digest has in common with the wall: its words, its tiles, its colours, read from the wall's own files.

They are JavaScript and CSS, because browsers read them; what is read here is data alone, which YAML reads, too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

LANGUAGES = ("en", "ru")
_WALL = files("metrics.exporter") / "wall"


@cache
def words(language: str) -> Mapping[str, str]:
    """The wall's words by key."""
    found: Mapping[str, str] = _literal("words.js", "WORDS")[language]
    return found


@dataclass(frozen=True)
class Wanted:
    """One number of a tile. name: key of its word, "" for the KPI's own title."""

    id: str
    labels: Mapping[str, str]
    name: str = ""


@dataclass(frozen=True)
class Tile:
    """One of the wall's tiles. about: key of the word that its title ends with. now: it is of this moment alone."""

    main: Wanted
    more: tuple[Wanted, ...]
    about: str
    still: bool
    now: bool

    @property
    def is_planned(self) -> bool:
        """Whether it is about a plan."""
        return "window" in self.main.labels


@cache
def tiles() -> tuple[Tile, ...]:
    """All tiles, in the wall's order."""
    found = [*_literal("layout.js", "TILES"), *_literal("layout.js", "ANSWERS")]
    return tuple(
        Tile(
            Wanted(**one["main"]),
            tuple(Wanted(**more) for more in one["more"]),
            one.get("about", ""),
            one.get("still", False),
            one.get("now", False),
        )
        for one in found
    )


@cache
def colours() -> Mapping[str, str]:
    """The wall's colours by name, as it is when it is light."""
    text = (_WALL / "theme.css").read_text()
    block = text.partition("html[data-theme=light] {")[2].partition("}")[0]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


def _literal(name: str, constant: str) -> Any:
    """The array or object that a constant of a script is, as data."""
    text = (_WALL / name).read_text().partition(f"const {constant} = ")[2]
    return yaml.safe_load(text[: re.search(r"^[\]}];$", text, re.MULTILINE).start() + 1])  # type: ignore[union-attr]
