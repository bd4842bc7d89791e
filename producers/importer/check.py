"""Whether a record may be sent, by the contract's own rules, and as what."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from producers.errors import Refused
from producers.events import REFERENCE_TYPES
from producers.events.intake import check_ahead, check_partitionkey, check_size
from producers.events.rules import AHEAD_MS, MAX_BYTES
from producers.events.units import instant
from producers.events.wire import Event, ReferenceEvent, decode, decode_made, decode_reference
from producers.publisher import CONTENT_TYPE

_SURELY_FITS = MAX_BYTES - 1024
"""Bytes of key and value that are within the limit with whatever headers are added."""


class Checked(NamedTuple):
    """One event that may be sent: its Kafka key, its bytes as they came, where it goes."""

    key: bytes
    value: bytes
    reference: bool
    event: Event | ReferenceEvent


def check(value: bytes, now_ms: int) -> Checked:
    """Return what to send for an event in JSON. Raises Refused as a consumer would at `now_ms`."""
    if len(value) > MAX_BYTES:
        check_size(None, value)
    event: Event | ReferenceEvent
    try:
        event = decode(value)
    except Refused as refused:
        if refused.reason != "unknown_type":
            raise
        event = decode_reference(value)
    key = event.key.encode()
    if len(key) + len(value) > _SURELY_FITS:
        check_size(key, value, CONTENT_TYPE)
    if event.partitionkey is not None:
        check_partitionkey(event)
    if event.time > _latest(now_ms):
        check_ahead(event, now_ms)
    return Checked(key, value, event.type in REFERENCE_TYPES, event)


def check_made(values: Sequence[bytes], now_ms: int) -> Sequence[Event] | None:
    """The events of values that were made, each as one object; None where one of them needs `check`'s closer look."""
    events = decode_made(values)
    if not events or max([event.time for event in events]) > _latest(now_ms):
        return None
    return None if any(event.partitionkey is not None for event in events) else events


@lru_cache(8)
def _latest(now_ms: int) -> datetime:
    """The latest time that an event may have: compared as it is, which costs less than its microseconds."""
    return instant((now_ms + AHEAD_MS) * 1000)
