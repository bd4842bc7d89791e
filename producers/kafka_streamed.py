"""Records of a batch that is too large to be unpacked at once: read from its pieces, one after another.

Kafka takes a batch by its size as compressed, and of what it holds only the count: a megabyte may unpack to gigabytes.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from aiokafka.errors import CorruptRecordException

from producers.events.rules import LOG_APPEND_TIME

_LENGTHS = 2
"""Bytes that a header takes beside its name and value, at least."""


class StreamedRecord(NamedTuple):
    """A record of `size` bytes. Of a large one there is the beginning of each part, and the first headers."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    size: int

    @property
    def checksum(self) -> None:
        """None: only batches have one."""


def streamed(batch: Any, count: int, content: Iterable[bytes], most: int) -> Iterator[StreamedRecord]:
    """The records. `batch`: what is known of it before it is unpacked, of `count` records; content: theirs in pieces.

    most: bytes beyond which a record is large; of each of its parts so many are given, and no more than one over that.
    Raises CorruptRecordException.
    """
    given = _Content(content)
    try:
        for _ in range(count):
            yield _record(batch, given, most)
        _check(not given.left(), "there is more in it than its records")
    except ValueError as error:
        raise CorruptRecordException(f"the batch at offset {batch.base_offset}: {error}") from error


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _record(batch: Any, given: "_Content", most: int) -> StreamedRecord:
    length = given.varint()
    end = given.at + length
    given.take(1, 0)
    elapsed, delta = given.varint(), given.varint()
    key, key_size = given.part(most)
    value, value_size = given.part(most)
    size, room = key_size + value_size, min(length, most)
    headers: list[tuple[str, bytes | None]] = []
    for _ in range(given.varint()):
        name, name_size = given.part(most)
        item, item_size = given.part(most)
        _check(name is not None, "a header has no name")
        size += name_size + item_size
        if room > 0:
            headers.append(((name or b"").decode(errors="replace"), item))
        room -= name_size + item_size + _LENGTHS
    _check(given.at == end, f"a record is not of {length} bytes, as it says")
    if size <= most < length:  # of headers of which nothing counts
        size = length
    is_brokers = batch.timestamp_type == LOG_APPEND_TIME
    time = batch.max_timestamp if is_brokers else batch.first_timestamp + elapsed
    return StreamedRecord(batch.base_offset + delta, time, int(is_brokers), key, value, headers, size)


class _Content:
    """Bytes that come in pieces. at: how many of them were taken."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._piece = b""
        self._next = 0
        self.at = 0

    def left(self) -> bool:
        """Whether there is more."""
        while self._next >= len(self._piece):
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._piece, self._next = piece, 0
        return True

    def take(self, size: int, most: int) -> bytes:
        """The next `size` bytes are over; the first `most` of them."""
        found = bytearray()
        self.at += size
        while size > 0:
            if not self.left():
                raise ValueError("it ends within a record")
            step = min(size, len(self._piece) - self._next)
            found += self._piece[self._next : self._next + min(step, most - len(found))]
            self._next += step
            size -= step
        return bytes(found)

    def varint(self) -> int:
        """A number, as Kafka writes it."""
        found = shift = 0
        while True:
            if self._next >= len(self._piece) and not self.left():
                raise ValueError("it ends within a record")
            byte = self._piece[self._next]
            self._next += 1
            self.at += 1
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found >> 1 ^ -(found & 1)
            shift += 7
            if shift > 63:
                raise ValueError("a number has no end")

    def part(self, most: int) -> tuple[bytes | None, int]:
        """A key, a value, or of a header either: as far as it is held, and its size."""
        size = self.varint()
        return (None, 0) if size < 0 else (self.take(size, most + 1), size)
