"""Fields of an event that the contract does not know: ignored by its rule, and told, as most are slips of the pen."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

import msgspec

from producers.events.envelope import Attributes
from producers.events.registry import ALL_TYPES

_decode = msgspec.json.Decoder().decode
_MOST = 20
"""Of one event: whoever sends more unknown fields knows about them."""
_LONGEST = 64
"""Characters of a name; a longer one is none that anybody mistyped."""
_ATTRIBUTES = (*Attributes.model_fields, "data")
_KNOWN = frozenset(_ATTRIBUTES)


@dataclass(frozen=True, slots=True)
class Hint:
    """An unknown field of one event, by its path, and what to do."""

    index: int
    field: str
    detail: str


def hints(index: int, value: bytes) -> Iterable[Hint]:
    """What is unknown in an event. Of extension attributes only those are told that look like a known one."""
    try:
        event = _decode(value)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return
    if not isinstance(event, dict):
        return
    kind, data = event.get("type"), event.get("data")
    fields = _fields(kind) if isinstance(kind, str) else None
    if not event.keys() <= _KNOWN:
        yield from _unknown(index, "", event, _ATTRIBUTES, told=False)
    if fields and isinstance(data, dict) and not data.keys() <= fields.keys():
        yield from _unknown(index, "data.", data, fields, told=True)


def _unknown(index: int, path: str, found: dict[str, Any], known: Iterable[str], *, told: bool) -> Iterable[Hint]:
    free = [name for name in known if name not in found]
    for name in [name for name in found if name not in known and len(name) <= _LONGEST][:_MOST]:
        near = _near(name, free)
        if near:
            yield Hint(index, path + name, f"is unknown and ignored; did you mean {path}{near}?")
        elif told:
            yield Hint(index, path + name, "is unknown and ignored; leave it out")


@cache
def _fields(kind: str) -> dict[str, Any] | None:
    model = ALL_TYPES.get(kind)
    if model is None:
        return None
    data: Any = model.model_fields["data"].annotation
    return dict(data.model_fields)


def _near(name: str, known: list[str]) -> str:
    """The known name that was meant: spelled in another style, or with a slip. "" where none is near."""
    plain = {_plain(one): one for one in known}
    found = get_close_matches(_plain(name), plain, n=1, cutoff=0.75)
    return plain[found[0]] if found else ""


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")
