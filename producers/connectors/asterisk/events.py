"""The call events that both of Asterisk's logs lead to."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from producers.errors import Refused
from producers.importer.formats import Record
from producers.importer.source import Line

Data = dict[str, Any]


def records(lines: Iterable[Line], events: Callable[[bytes], list[bytes]]) -> Iterator[Record]:
    """Yield a record for each line that is not blank, with its events or with why it is refused."""
    for number, raw, end in lines:
        if not raw.strip():
            continue
        try:
            yield Record(number, raw, end, tuple(events(raw)))
        except Refused as refused:
            yield Record(number, raw, end, (), refused)


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
