"""The call events that both of Asterisk's logs lead to."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from producers.errors import Refused

Data = dict[str, Any]
CALL_TYPES = frozenset(f"sales.call.{kind}.v1" for kind in ("started", "answered", "ended"))


def stamp(seconds: float) -> str:
    """Return seconds since the epoch as the contract writes times."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        raise Refused("invalid_data", f"{seconds} is not a time") from None


def event(source: str, kind: str, seconds: float, data: Data, legs: int = 0) -> bytes:
    """Return one event of a call; its id follows from call, kind, moment, and how many legs it was made from.

    With legs it is a version of its own, above that of the queue log, which knows the call in the queue only: of two
    that end at the same moment the one that was made from more legs counts.
    """
    made: Data = {
        "specversion": "1.0",
        "id": f"{data['call_id']}-{kind}-{seconds:.0f}" + (f"-{legs:04}" if legs else ""),
        "source": source,
        "type": f"sales.call.{kind}.v1",
        "time": stamp(seconds),
        "data": data,
    }
    if legs:
        made["sequence"] = "1"
    try:
        return msgspec.json.encode(made)
    except UnicodeEncodeError:
        raise Refused("invalid_data", "a name or an id has bytes that are not text") from None
