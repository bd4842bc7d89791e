"""Which records of one partition count there: those of its own clients, and of copies from elsewhere each once."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from xxhash import xxh3_64_hexdigest

from producers.events import wire
from producers.events.intake import KafkaRecord, Refused, check_clock, check_partitionkey, check_size, decode
from producers.partitioner import partition_for

_DAY_MS = 86_400_000

COUNTS, FORWARDED, COUNTED_BEFORE = "counts", "forwarded", "counted before"


class RecordPlace(NamedTuple):
    """Partition and offset of a record."""

    partition: int
    offset: int


class Placed(NamedTuple):
    """What becomes of a usable record: it counts here, is forwarded to `target`, or is a copy of what has counted.

    origin: where the record lay that it is a copy of.
    """

    verdict: str
    event: wire.Event
    target: int
    origin: RecordPlace | None = None


@dataclass
class PlainPlaces:
    """Judges one partition's records, in log order. copied: greatest offset of copies that counted, by their origin."""

    number: int
    partitions: int
    copied: dict[int, int] = field(default_factory=dict)

    def judge(self, record: KafkaRecord) -> Placed:
        """What becomes of the next record. Raises Refused when it is a dead letter."""
        check_size(record.key, record.value, record.headers)
        event = decode(record)
        check_partitionkey(event)
        target = partition_for(event.key.encode(), self.partitions)
        headers = dict(record.headers)
        count = _number(headers.get("forwarded-partitions"))
        is_current = count is None or count == self.partitions
        origin = self._origin(record, headers, is_current)
        if origin is None:
            check_clock(event, record)
            return Placed(COUNTS if target == self.number else FORWARDED, event, target)
        check_clock(event, record, _DAY_MS)
        if not is_current:
            return Placed(COUNTED_BEFORE, event, target, origin)
        if target != self.number:
            raise Refused("wrong_partition", "a copy that lies wrong itself")
        if origin.offset <= self.copied.get(origin.partition, -1):
            return Placed(COUNTED_BEFORE, event, target, origin)
        self.copied[origin.partition] = origin.offset
        return Placed(COUNTS, event, target, origin)

    def _origin(self, record: KafkaRecord, headers: dict[str, bytes | None], is_current: bool) -> RecordPlace | None:
        """Where a record was copied from; None when it is no copy, or says what cannot be."""
        partition, offset = (_number(headers.get(f"forwarded-{name}")) for name in ("partition", "offset"))
        if partition is None or offset is None or partition == self.number:
            return None
        if is_current and partition >= self.partitions:
            return None
        if "forwarded-digest" in headers and headers["forwarded-digest"] != _digest(record):
            return None
        return RecordPlace(partition, offset)


def _number(text: bytes | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(rb"[0-9]{1,19}", text) else None


def _digest(record: KafkaRecord) -> bytes:
    attributes = [f"{name}\0".encode() + (value or b"") + b"\0" for name, value in record.headers if name[:3] == "ce_"]
    return xxh3_64_hexdigest((record.value or b"") + b"".join(attributes)).encode()
