"""The call events that both of Asterisk's logs lead to."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from producers.errors import Refused

Data = dict[str, Any]


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
