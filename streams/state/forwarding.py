"""Records that lie on another partition than their client's: why, and the copy that is written to the right one.

A copy says in two headers which record it is of. Of all copies of records of one partition, written again by a replay
or by a second application id, those count whose offset is greater than that of every copy before: each record once.

Anybody who may write to the topic may set these headers; what he gains by it is what he can have without: that his own
records do not count, or that others do not (as with a greater version). The audit finds both.
"""

import json
from typing import NamedTuple

from xxhash import xxh3_64

from producers.events.binary import Headers
from producers.events.intake import KafkaRecord
from producers.events.rules import COPY_MARK
from producers.partitioner import partition_for
from streams.state.records import FoldRecord as LogRecord

PARTITION, OFFSET = "forwarded-partition", COPY_MARK
"""Where the record lay that this is a copy of."""
COUNT = "forwarded-partitions"
"""How many partitions the topic had then. With another number each record is forwarded again, under that one."""
DIGEST = "forwarded-digest"
"""Of what is copied. Frameworks pass headers on to what they derive from a record, and that is no copy."""
COPY_AHEAD_MS = 86_400_000
"""A copy was checked by the clock of the broker that had the record; no other is a day off."""

NO_KEY, KEY_SPELLING, OTHER_KEY, OTHER_PARTITIONER = "no_key", "key_spelling", "other_key", "other_partitioner"
REASONS = (NO_KEY, KEY_SPELLING, OTHER_KEY, OTHER_PARTITIONER)
"""What the sender has to set right: a key, its serializer, which key, the partitioner."""

_OURS = frozenset({PARTITION, OFFSET, COUNT, DIGEST})
_LONGEST = 19
"""Digits of an offset, which has 63 bits."""


class Copy(NamedTuple):
    """A record to be written to `partition`: value and headers as they came, the key put right, and where it lay."""

    partition: int
    key: bytes
    value: bytes | None
    headers: Headers

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self.key) + len(self.value or b"") + sum(len(name) + len(raw or b"") for name, raw in self.headers)


class ForwardOrigin(NamedTuple):
    """Which record a copy is of; `is_current`: made for the number of partitions that there are."""

    partition: int
    offset: int
    is_current: bool


def copy_of(record: LogRecord, number: int, key: bytes, partitions: int) -> Copy:
    """The copy of a record of partition `number` for the one of its client, whose log key is `key`."""
    kept = [(name, value) for name, value in record.headers if name not in _OURS]
    added = ((PARTITION, number), (OFFSET, record.offset), (COUNT, partitions))
    marks = [*((name, b"%d" % value) for name, value in added), (DIGEST, digest(record.value, kept))]
    return Copy(partition_for(key, partitions), key, record.value, [*kept, *marks])


def origin(record: KafkaRecord, number: int, partitions: int) -> ForwardOrigin | None:
    """Which record a record on partition `number` says to be a copy of.

    None when it says nothing, or what cannot be: then it is a record as any other, whoever set those headers.
    """
    found = {name: value for name, value in record.headers if name in _OURS}
    if not found:
        return None
    if DIGEST in found and found[DIGEST] != digest(record.value, record.headers):
        return None
    partition, offset, count = _number(found.get(PARTITION)), _number(found.get(OFFSET)), _number(found.get(COUNT))
    if partition is None or offset is None or partition == number:
        return None
    if count is None or count == partitions:
        return ForwardOrigin(partition, offset, is_current=True) if partition < partitions else None
    return ForwardOrigin(partition, offset, is_current=False)


def digest(value: bytes | None, headers: Headers) -> bytes:
    """Of a record's value and the attributes in its headers."""
    hashed = xxh3_64(value or b"")
    for name, raw in headers:
        if name.startswith("ce_"):
            hashed.update(b"%b\0%b\0" % (name.encode(), raw or b""))
    return hashed.hexdigest().encode()


def lies_wrong(key: str, number: int, partitions: int) -> str:
    """What is wrong with a copy on partition `number`, in a line."""
    right = partition_for(key.encode(), partitions)
    return f"a forwarded record on partition {number}, but murmur2 of the key modulo {partitions} is {right}"


def reason(key: bytes | None, wanted: bytes) -> str:
    """Why a record lies wrong, as far as its key tells."""
    if not key:
        return NO_KEY
    if key == wanted:
        return OTHER_PARTITIONER
    dressed = wanted.lower() in key.lower() or _escaped(wanted) in key
    return KEY_SPELLING if dressed else OTHER_KEY


def _escaped(wanted: bytes) -> bytes:
    """As JSON in ASCII spells it, without the quotes."""
    return json.dumps(wanted.decode())[1:-1].encode()


def _number(raw: bytes | None) -> int | None:
    return int(raw) if raw is not None and len(raw) <= _LONGEST and raw.isdigit() else None
