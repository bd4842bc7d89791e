"""Records, partitions and sums for tests of the fold, without a broker."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec

from metrics.calendar import CalendarFile, build
from metrics.measure import parts
from metrics.view import decode_part, parse_field
from producers.events.binary import Headers
from producers.events.rules import LOG_APPEND_TIME
from producers.partitioner import partition_for
from streams.fold.rules import Rules
from streams.state.news import ViewUpdate
from streams.state.partition import Partition

SOURCE = "test://one"
FAR_MS = 253_000_000_000_000
"""A broker's timestamp that no event of a test is ahead of. With it no minute or hour is kept."""


AT_ONCE = -2
"""Stands for the timestamp that a broker gives an event which comes the moment it happens."""


def at_once(value: bytes | None, headers: "Headers" = ()) -> int:
    """That timestamp (ms); 0 of what has no time."""
    times = [text.decode() for name, text in headers if name == "ce_time" and text]
    try:
        text = times[0] if times else msgspec.json.decode(value or b"")["time"]
        return int(datetime.fromisoformat(text).timestamp() * 1000 // 1)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError, OverflowError):
        return 0


@dataclass
class Log:
    """One partition's log under construction: `add` appends an event, `records` is what a consumer would fetch."""

    number: int = 0
    partitions: int = 1
    records: list["LogRecord"] = field(default_factory=list)

    def add(
        self,
        kind: str,
        time: str,
        *,
        id: str | None = None,  # noqa: A002 - the attribute's name
        sequence: str | None = None,
        source: str = SOURCE,
        **data: Any,
    ) -> "LogRecord":
        """Append an event of type `sales.<kind>.v1`; `client_id` is cl-1 unless given."""
        if not kind.startswith("cost."):
            data.setdefault("client_id", "cl-1")
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": id or f"e-{len(self.records)}",
            "source": source,
            "type": f"sales.{kind}.v1",
            "time": time,
            "data": data,
        }
        if sequence is not None:
            event["sequence"] = sequence
        key = data.get("client_id", data.get("cost_id"))
        return self.append(msgspec.json.encode(event), key.encode())

    def append(
        self, value: bytes | None, key: bytes | None, timestamp: int = AT_ONCE, headers: "Headers" = ()
    ) -> "LogRecord":
        """Append a record as it is."""
        record = LogRecord(len(self.records), key, value, timestamp, tuple(headers))
        self.records.append(record)
        return record


@dataclass(frozen=True)
class LogRecord:
    """What the fold reads of a Kafka record."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = AT_ONCE
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp_type: int | None = LOG_APPEND_TIME

    def __post_init__(self) -> None:
        if self.timestamp == AT_ONCE:
            object.__setattr__(self, "timestamp", at_once(self.value, self.headers))


def rules(zone: tzinfo = UTC, **changes: Any) -> Rules:
    """The default rules: Mon-Fri 09:00-18:00, 20 s, 60 s, 0.7."""
    return Rules(zone, build(CalendarFile(), zone), **changes)


Sums = dict[tuple[str, int], dict[tuple[str, ...], dict[str, int]]]
"""(kind, bucket) → (manager, team, and the piece of a part that is split) → measure key → sum."""


def sums(updates: Iterable[ViewUpdate], into: Sums | None = None) -> Sums:
    """What a view holds after `updates`."""
    held: Sums = {} if into is None else into
    for update in updates:
        for where, fields in update.cells.items():
            bucket = held.setdefault(where, {})
            for raw, payload in fields.items():
                _, *who, piece = parse_field(raw)
                name = (*who, piece) if piece else tuple(who)
                if payload is None:
                    bucket.pop(name, None)
                else:
                    bucket[name] = decode_part(payload)
            if not bucket:
                del held[where]
    return held


def everything(partition: Partition) -> Sums:
    """All that a partition holds."""
    return sums(partition.everything())


def total(held: Sums, kind: str) -> dict[tuple[str, ...], int]:
    """Measure parts → sum over all buckets of a kind ("m", "h", "d", "o") and all managers."""
    result: dict[tuple[str, ...], int] = {}
    for (bucket_kind, _), fields in held.items():
        if bucket_kind == kind:
            for measures in fields.values():
                for name, n in measures.items():
                    result[parts(name)] = result.get(parts(name), 0) + n
    return result


def fold(log: Log, **changes: Any) -> Partition:
    """A partition that has folded a log."""
    partition = Partition(log.number, log.partitions, rules(**changes))
    refused = partition.fold(log.records)
    assert not refused, refused
    return partition


def us(text: str) -> int:
    """Microseconds since the epoch of an ISO time."""
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


def client_on(number: int, partitions: int, stem: str = "cl") -> str:
    """A client id that belongs to a partition."""
    return next(f"{stem}-{i}" for i in range(10_000) if partition_for(f"{stem}-{i}".encode(), partitions) == number)
