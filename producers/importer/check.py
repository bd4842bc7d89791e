"""Whether a record may be sent, by the contract's own rules, and as what."""

from typing import NamedTuple

from producers.errors import Refused
from producers.events import REFERENCE_TYPES
from producers.events.intake import check_ahead, check_partitionkey, check_size
from producers.events.wire import Event, ReferenceEvent, decode, decode_reference
from producers.publisher import CONTENT_TYPE


class Checked(NamedTuple):
    """One event that may be sent: its Kafka key, its bytes as they came, where it goes."""

    key: bytes
    value: bytes
    reference: bool
    event: Event | ReferenceEvent


def check(value: bytes, now_ms: int) -> Checked:
    """Return what to send for an event in JSON. Raises Refused as a consumer would at `now_ms`."""
    check_size(None, value)
    event: Event | ReferenceEvent
    try:
        event = decode(value)
    except Refused as refused:
        if refused.reason != "unknown_type":
            raise
        event = decode_reference(value)
    key = event.key.encode()
    check_size(key, value, CONTENT_TYPE)
    check_partitionkey(event)
    check_ahead(event, now_ms)
    return Checked(key, value, event.type in REFERENCE_TYPES, event)
