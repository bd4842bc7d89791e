"""Whether a Kafka record may be counted: the plain definition of every reason in the contract.

Audit, import and gateway call `check`. The worker's fold takes the pieces, with caches of its own around them.
"""

from producers.errors import Refused
from producers.events.rules import AHEAD_MS, MAX_BYTES
from producers.events.units import us
from producers.events.wire import Envelope, Event, ReferenceEvent, decode, decode_reference
from producers.partitioner import partition_for

__all__ = [
    "Refused",
    "ahead",
    "check",
    "check_clock",
    "check_key",
    "check_partition",
    "check_reference",
    "check_size",
]


def check(key: bytes | None, value: bytes | None, timestamp_ms: int, partition: int, partitions: int) -> Event:
    """The event of a record on the events topic, or `Refused` with the first reason that holds.

    In order: too_large, what `decode` refuses, wrong_key, wrong_partition, time_out_of_range.
    `timestamp_ms` is the broker's, in milliseconds since the Unix epoch; negative when there is none.
    """
    check_size(value)
    event = decode(value)
    check_partition(check_key(event, key), partition, partitions)
    check_clock(event, timestamp_ms)
    return event


def check_reference(key: bytes | None, value: bytes | None, timestamp_ms: int) -> ReferenceEvent:
    """The same for the reference topic, where the partition is free.

    A tombstone (no value) deletes what its key names and is no event: callers take it out beforehand.
    """
    check_size(value)
    event = decode_reference(value)
    check_key(event, key)
    check_clock(event, timestamp_ms)
    return event


def check_size(value: bytes | None) -> None:
    """Raise `Refused` (too_large) for a value over 256 KiB."""
    if value is not None and len(value) > MAX_BYTES:
        raise Refused("too_large", f"the value has {len(value)} bytes; send at most {MAX_BYTES}")


def check_key(event: Envelope, key: bytes | None) -> bytes:
    """The record's key when it is the one that the event asks for, else `Refused` (wrong_key)."""
    wanted = event.key.encode()
    if key is None:
        raise Refused("wrong_key", f"the record has no key; send {_shown(wanted)}")
    if key != wanted:
        raise Refused("wrong_key", f"the record's key is {_shown(key)}; send {_shown(wanted)}")
    if event.partitionkey is not None and event.partitionkey != event.key:
        raise Refused("wrong_key", f"partitionkey differs from the key {_shown(wanted)}; leave it out or send the key")
    return key


def check_partition(key: bytes, partition: int, partitions: int) -> None:
    """Raise `Refused` (wrong_partition) when Kafka's default partitioner picks another partition for `key`."""
    right = partition_for(key, partitions)
    if right != partition:
        raise Refused(
            "wrong_partition",
            f"on partition {partition}, but murmur2 of the key modulo {partitions} is {right}; "
            "with librdkafka set partitioner=murmur2_random",
        )


def check_clock(event: Envelope, timestamp_ms: int) -> None:
    """Raise `Refused` (time_out_of_range) when the event lies ahead of the broker's clock."""
    if timestamp_ms >= 0 and ahead(us(event.time), timestamp_ms):
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
