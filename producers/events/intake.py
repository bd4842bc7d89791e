"""Whether a Kafka record can be used: every reason of the contract, for all that read the topics.

Where a record lies is not asked here: one on another partition than its client's is used all the same, as a copy.
The worker's fold takes the pieces, with caches of its own around them.
"""

from typing import Protocol

from producers.errors import Refused
from producers.events import wire
from producers.events.binary import Headers, from_kafka, is_binary
from producers.events.rules import AHEAD_MS, COPY_BYTES, COPY_MARK, LOG_APPEND_TIME, MAX_BYTES
from producers.events.units import us
from producers.events.wire import Envelope, Event, ReferenceEvent

__all__ = [
    "KafkaRecord",
    "Refused",
    "ahead",
    "check",
    "check_ahead",
    "check_clock",
    "check_key",
    "check_partitionkey",
    "check_reference",
    "check_size",
    "decode",
    "decode_reference",
    "record_size",
]


class KafkaRecord(Protocol):
    """A Kafka record. `timestamp`: in milliseconds since the Unix epoch, by the clock that `timestamp_type` names."""

    @property
    def key(self) -> bytes | None: ...  # noqa: D102 - named by Kafka
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def timestamp_type(self) -> int | None: ...  # noqa: D102
    @property
    def headers(self) -> Headers: ...  # noqa: D102


def check(record: KafkaRecord) -> Event:
    """The event of a record on the events topic, or `Refused` with the first reason that holds.

    In order: too_large, what `decode` refuses, wrong_key, no_broker_time, time_out_of_range.
    """
    check_size(record.key, record.value, record.headers)
    event = decode(record)
    check_partitionkey(event)
    check_clock(event, record)
    return event


def check_reference(record: KafkaRecord) -> ReferenceEvent:
    """The same for the reference topic, which is compacted by key: there the record's own key has to be right.

    A tombstone (no value) deletes what its key names and is no event: callers take it out beforehand.
    """
    check_size(record.key, record.value, record.headers)
    event = decode_reference(record)
    check_key(event, record.key)
    check_clock(event, record)
    return event


def decode(record: KafkaRecord) -> Event:
    """The event of a record on the events topic, structured or binary. Raises `Refused`."""
    return wire.decode(_value(record))


def decode_reference(record: KafkaRecord) -> ReferenceEvent:
    """The same for the reference topic."""
    return wire.decode_reference(_value(record))


def _value(record: KafkaRecord) -> bytes | None:
    """What the record says as structured JSON."""
    headers = record.headers
    return from_kafka(headers, record.value) if headers and is_binary(headers) else record.value


def check_size(key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
    """Raise `Refused` (too_large) for a record over 256 KiB; a copy by a worker may have what is added to it more."""
    size = record_size(key, value, headers)
    if size > MAX_BYTES and size > MAX_BYTES + COPY_BYTES * any(name == COPY_MARK for name, _ in headers):
        raise Refused("too_large", f"key, value and headers have more than {MAX_BYTES} bytes together; send less")


def record_size(key: bytes | None, value: bytes | None, headers: Headers = ()) -> int:
    """Bytes of key, value and headers (names and values) together."""
    held = sum(len(name.encode(errors="replace")) + len(item or b"") for name, item in headers)
    return len(key or b"") + len(value or b"") + held


def check_key(event: Envelope, key: bytes | None) -> None:
    """Raise `Refused` (wrong_key) when the record's key is not the one that the event asks for."""
    wanted = event.key.encode()
    if key is None:
        raise Refused("wrong_key", f"the record has no key; send {_shown(wanted)}")
    if key != wanted:
        raise Refused("wrong_key", f"the record's key is {_shown(key)}; send {_shown(wanted)}")
    check_partitionkey(event)


def check_partitionkey(event: Envelope) -> None:
    """Raise `Refused` (wrong_key) when the attribute names another key than the event's own."""
    if event.partitionkey is not None and event.partitionkey != event.key:
        raise Refused(
            "wrong_key", f"partitionkey: differs from the key {_shown(event.key.encode())}; leave it out or send that"
        )


def check_clock(event: Envelope, record: KafkaRecord, more_ms: int = 0) -> None:
    """Raise `Refused` when the record has no time of the broker's (no_broker_time), or the event lies ahead of it.

    more_ms: so much further ahead it may lie.
    """
    if record.timestamp_type != LOG_APPEND_TIME or record.timestamp < 0:
        raise Refused(
            "no_broker_time",
            "the record bears its sender's time, not the broker's; set message.timestamp.type=LogAppendTime on the "
            "topic, then replay it",
        )
    check_ahead(event, record.timestamp + more_ms)


def check_ahead(event: Envelope, timestamp_ms: int) -> None:
    """Raise `Refused` (time_out_of_range) when the event lies ahead of a clock."""
    if ahead(us(event.time), timestamp_ms):
        raise Refused(
            "time_out_of_range",
            f"time: {event.time.isoformat()} is more than 10 minutes ahead of the broker's clock; "
            "send when it happened, with the right zone",
        )


def ahead(time_us: int, timestamp_ms: int) -> bool:
    """Whether an event's time (µs) is more than 10 minutes ahead of a record's timestamp (ms)."""
    return time_us > (timestamp_ms + AHEAD_MS) * 1000


def _shown(key: bytes) -> str:
    return repr(key[:160].decode(errors="backslashreplace"))
