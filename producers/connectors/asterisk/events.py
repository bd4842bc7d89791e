"""The call events that both of Asterisk's logs lead to."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from producers.errors import Refused
from producers.importer.formats import Record, behind
from producers.importer.source import Line, Source
from producers.importer.state import State

Data = dict[str, Any]
CALL_TYPES = frozenset(f"sales.call.{kind}.v1" for kind in ("started", "answered", "ended"))


def records(source: Source, after: State, events: Callable[[bytes], list[bytes]]) -> Iterator[Record]:
    """Yield a record for each line that is not blank, with its events or with why it has none.

    The lines that are done are read, too: a call is more than one line.
    """
    with source.lines() as lines:
        yield from behind(_records(lines, events), after)


def _records(lines: Iterable[Line], events: Callable[[bytes], list[bytes]]) -> Iterator[Record]:
    for number, raw, end in lines:
        if not raw.strip():
            continue
        try:
            made = tuple(events(raw))
        except Refused as refused:
            yield Record(number, raw, end, (), refused)
        else:
            yield Record(number, raw, end, made, left_out="" if made else "no event of its own")


def stamp(seconds: float) -> str:
    """Return seconds since the epoch as the contract writes times."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        raise Refused("invalid_data", f"{seconds} is no time") from None


def event(source: str, kind: str, seconds: float, data: Data) -> bytes:
    """Return one event of a call; its id follows from call, kind and moment."""
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"{data['call_id']}-{kind}-{seconds:.0f}",
            "source": source,
            "type": f"sales.call.{kind}.v1",
            "time": stamp(seconds),
            "data": data,
        }
    )
