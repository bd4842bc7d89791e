"""Records that are too large even for the dead letters: what is kept of them says where they were, and how large.

A topic measures batches as they were compressed, so that what comes out of one may be hundreds of times as large as
anything that it takes. Such a record is cut where it is read: at most one is held as a whole.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from producers.events.intake import record_size
from producers.events.rules import MAX_BYTES
from producers.kafka_streamed import StreamedRecord
from producers.topics import MAX_MESSAGE_BYTES

MOST = MAX_MESSAGE_BYTES
"""Bytes of a record that fits the dead letters with all that is added to it."""
_KEPT = MAX_BYTES + 8
"""Of the part of a record that is too large: enough to be refused for its size."""
_BESIDE = 64 << 10
"""Of the other parts."""


class CutRecord(NamedTuple):
    """What is kept of a record of `size` bytes: of more than is allowed, so that it is refused as `too_large`."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    size: int


def fitted(record: Any) -> Any:
    """The record itself, or what is kept of it when it has more than `MOST` bytes."""
    key, value, headers = record.key, record.value, record.headers
    size = record.size if isinstance(record, StreamedRecord) else record_size(key, value, headers)
    if size <= MOST:
        return record
    if len(value or b"") > MAX_BYTES:
        key, value, headers = _start(key, _BESIDE), _start(value, _KEPT), _first(headers, _BESIDE)
    elif len(key or b"") > MAX_BYTES:
        key, value, headers = _start(key, _KEPT), _start(value, _BESIDE), _first(headers, _BESIDE)
    else:
        key, value, headers = _start(key, _BESIDE), _start(value, _BESIDE), _first(headers, _KEPT, is_cut=True)
    kind = getattr(record, "timestamp_type", 0) or 0
    return CutRecord(record.offset, record.timestamp, kind, key, value, headers, size)


def _start(part: bytes | None, most: int) -> bytes | None:
    return None if part is None else part[:most]


def _first(
    headers: Sequence[tuple[str, bytes | None]], most: int, *, is_cut: bool = False
) -> list[tuple[str, bytes | None]]:
    """The first headers of `most` bytes; is_cut: with the start of the one that is beyond that."""
    kept: list[tuple[str, bytes | None]] = []
    for name, item in headers:
        most -= record_size(None, None, [(name, item)])
        if most < 0:
            if is_cut:
                kept.append((name.encode(errors="replace")[:_KEPT].decode(errors="ignore"), _start(item, _KEPT)))
            break
        kept.append((name, item))
    return kept
