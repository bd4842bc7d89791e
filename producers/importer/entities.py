"""What an event is about, which version of it it is, and what it says: by these an import compares file and log."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from xxhash import xxh3_128_digest

from producers.events import EVENT_TYPES, REFERENCE_TYPES
from producers.events.units import us

_encode = msgspec.json.encode
_lines = msgspec.json.Encoder().encode_lines

KINDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {type_: model.entity for type_, model in EVENT_TYPES.items() if model.entity}
)
"""Type → the kind of entity that it is a version of, and the field that names the entity."""
MOMENT, REFERENCE = "moment", "reference"
"""The other kinds: what happened and has no versions (a chat message, a ringing call), and reference data."""

Version = tuple[str, int, str]
"""Sequence ("" when none), time (us), id."""


class ComparedEvent(NamedTuple):
    """One event, as far as it is compared. `key`: what it is about; `digest`: what it says of it, and for when."""

    key: bytes
    version: Version
    digest: bytes
    source: str
    kind: str


def item(event: Any) -> ComparedEvent:
    """An event of the wire as it is compared. An entity is one client's: under another client it is another one."""
    kind, field = KINDS.get(event.type, (MOMENT, ""))
    at = us(event.time)
    if field:
        named = f"{kind}\0{event.key}\0{getattr(event.data, field)}"
    elif event.type in REFERENCE_TYPES:
        kind, named = REFERENCE, f"{REFERENCE}\0{event.key}"
    else:
        named = f"{MOMENT}\0{event.source}\0{event.id}"
    version = event.sequence or "", at, event.id
    return ComparedEvent(about(named), version, said(event.data, event.type.encode(), at), event.source, kind)


def about(named: str) -> bytes:
    """What an entity is known by, once it is named in full."""
    return xxh3_128_digest(named.encode())


def said(data: Any, type_: bytes, at: int) -> bytes:
    """What an event is compared by: what it says, and for when."""
    return xxh3_128_digest(b"%b%b\0%d" % (_encode(data), type_, at))


def said_many(data: Sequence[Any], type_: bytes, times: Sequence[int]) -> list[bytes]:
    """The same of many events of one type."""
    # In JSON a line end is written otherwise, so that none is in what one says.
    written = zip(_lines(data).split(b"\n"), times, strict=False)
    return [xxh3_128_digest(b"%b%b\0%d" % (one, type_, at)) for one, at in written]
