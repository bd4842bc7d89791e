"""A version that is greater than the one held and says what the file says: how an import corrects what it sent.

As little as possible is raised, so that what a live system sends next is greater again: the id where time and
sequence are the same, else the sequence.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from producers.importer.derived import derived_id
from producers.importer.entities import ComparedEvent, Version

_ID, _SEQUENCE = "~", "!"
"""What stands before a number that raises: above letters and digits in an id, below all of them in a sequence.

So a raised id is greater than any that goes on otherwise, and a raised sequence less than the next one of its width.
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERED = {mark: re.compile(rf"(.*){re.escape(mark)}(\d{{4}})", re.DOTALL) for mark in (_ID, _SEQUENCE)}


def bumped(text: str, mark: str = _ID) -> str:
    """A text that is greater, as little as possible: `a`, `a~0001`, `a~0002`."""
    found = _NUMBERED[mark].fullmatch(text)
    if found is None or found[2] == "9999":
        return f"{text}{mark}0001"
    return f"{found[1]}{mark}{int(found[2]) + 1:04d}"


def stem(id_: str) -> str:
    """An id without what raised it."""
    while found := _NUMBERED[_ID].fullmatch(id_):
        id_ = found[1]
    return id_


def raised(value: bytes, item: ComparedEvent, held: Version, *, given: bool) -> bytes:
    """The event with a version above `held`. `given`: its id is the table's own, else it is derived from the event."""
    event: dict[str, Any] = msgspec.json.decode(value)
    sequence, time, id_ = item.version
    held_sequence, held_time, held_id = held
    if (sequence, time) >= (held_sequence, held_time):
        event["id"] = bumped(held_id)
    elif time >= held_time:
        event["sequence"] = held_sequence
        event["id"] = id_ if given else derived_id(event)
        if time == held_time or event["id"] == held_id:
            event["id"] = bumped(held_id)
    else:
        event["sequence"] = bumped(held_sequence, _SEQUENCE)
        event["id"] = bumped(held_id) if given else derived_id(event)
    return msgspec.json.encode(event)


def is_derived(item_id: str, source: str, version: Version, types: list[str], named: tuple[str, str]) -> bool:
    """Whether an id is one that an import derives for a version of an entity, raised or not."""
    sequence, time, _ = version
    at = (_EPOCH + timedelta(microseconds=time)).isoformat().replace("+00:00", "Z")
    found = stem(item_id)
    field, entity = named
    for type_ in types:
        event = {"source": source, "type": type_, "time": at, "data": {field: entity}}
        if sequence:
            event["sequence"] = sequence
        if derived_id(event) == found:
            return True
    return False
