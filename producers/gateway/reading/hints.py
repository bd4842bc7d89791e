"""Fields of an event that the contract does not know: ignored by its rule, and told, as most are slips of the pen."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Union

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


def _strict(name: str, fields: Iterable[tuple[str, Any]], **options: Any) -> type[msgspec.Struct]:
    """A struct that has these fields and no other."""
    optional = [(field, kind | msgspec.UnsetType, msgspec.UNSET) for field, kind in fields]
    return msgspec.defstruct(name, optional, forbid_unknown_fields=True, **options)


def _kind(name: str, data: Any) -> type[msgspec.Struct]:
    """The names in an event of a type, whatever their values are."""
    fields = _strict(f"{name}.data", [(field, msgspec.Raw) for field in data.model_fields])
    others = [(field, msgspec.Raw) for field in Attributes.model_fields if field != "type"]
    return _strict(name, [*others, ("data", fields)], tag_field="type", tag=name)


_KINDS = tuple(_kind(name, model.model_fields["data"].annotation) for name, model in ALL_TYPES.items())
_names = msgspec.json.Decoder(Union[_KINDS]).decode  # noqa: UP007 - as many as there are types
"""Reads the names in an event and nothing else, and fails at one that is unknown: most events have none."""


@dataclass(frozen=True, slots=True)
class Hint:
    """An unknown field of one event, by its path, and what to do."""

    index: int
    field: str
    detail: str


def hints(index: int, value: bytes) -> Iterable[Hint]:
    """What is unknown in an event. Of extension attributes only those are told that look like a known one."""
    try:
        _names(value)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return list(_found(index, value))
    return ()


def _found(index: int, value: bytes) -> Iterable[Hint]:
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
