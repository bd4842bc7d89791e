"""What was fetched, as consumers are given it: by aiokafka's insides, whose version is pinned for this.

`tests/unit/test_kafka_fetched.py` asks for each of the names that are used by itself.

Kafka takes any bytes as a header's name. aiokafka fails on one that is not UTF-8 each time it is fetched, so that one
record would stop its partition, and everybody who reads it, for good; here such names get replacement characters, and
what else a broker takes is read (`producers/kafka_unpacking.py`). What came broken, as its checksum tells, is fetched
again. And a consumer may have its records as they are decoded (`AsDecoded`), without a dataclass made of each, or
batches of which nothing is decoded yet (`AsBatches`).
"""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, ClassVar

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException, OffsetOutOfRangeError
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from aiokafka.record.util import decode_varint

from producers.kafka_streamed import StreamedRecord, streamed
from producers.kafka_unpacking import AT_ONCE, TooMuch, pieces, unpacked

log = logging.getLogger(__name__)

# ruff: noqa: SLF001


class _Text(bytearray):
    """Bytes of which every part can be decoded."""

    def __getitem__(self, at: Any) -> Any:
        part = super().__getitem__(at)
        return _Text(part) if isinstance(at, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:  # noqa: ARG002 - aiokafka says "strict"
        return super().decode(encoding, "replace")


def _clear_attributes(records: bytearray) -> None:
    """Set the attributes of each record to 0: nobody uses that byte, and aiokafka takes it for a number of several."""
    at = 0
    while at < len(records):
        size, start = decode_varint(records, at)
        records[start] = 0
        at = start + size


_BATCH_HEAD = _DefaultRecordBatchPy.HEADER_STRUCT.size
_CODEC = _DefaultRecordBatchPy.ATTRIBUTES_OFFSET + 1
"""The byte of a batch's head whose lowest bits say by what it is compressed."""
_SOME = 100
"""Records that are decoded at a time for who takes them one by one."""


class _Batch:
    """A fetched batch, decoded by aiokafka's fast decoder as far as that gets, then by its plain one.

    most: bytes beyond which a record is large: no more is held of its parts where the batch is unpacked in pieces.
    size: bytes of the content, as far as it is known: once it is decoded.
    """

    def __init__(self, raw: memoryview, most: int) -> None:
        self._raw = raw
        self._most = most
        self._fast: Any = DefaultRecordBatch(raw)
        self.size = len(raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)

    def __next__(self) -> Any:
        return next(self._fast)

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self.parts(_SOME))

    def parts(self, most: int) -> Iterator[list[Any]]:
        """The records in order, so many at a time at most."""
        try:
            raw = self._unpacked()
        except TooMuch:
            self.size = sys.maxsize
            yield from _parts(self._streamed(), most)
            return
        except ValueError as error:
            raise CorruptRecordException(f"the batch at offset {self._fast.base_offset}: {error}") from error
        self.size = len(raw)
        done, part, records = -1, list[Any](), chain(DefaultRecordBatch(raw))  # which itself can be begun but once
        try:
            while True:
                part = []
                part += islice(records, most)  # keeps what comes before an error
                if not part:
                    return
                yield part
                done = part[-1].offset
        except (UnicodeDecodeError, CorruptRecordException):
            if part:
                yield part
                done = part[-1].offset
            plain: Any = _DefaultRecordBatchPy(raw)
            plain._buffer, plain._pos = _Text(plain._buffer[plain._pos :]), 0
            _clear_attributes(plain._buffer)
            yield from _parts((record for record in plain if record.offset > done), most)

    def _unpacked(self) -> Any:
        """The batch without compression."""
        codec = self._fast.compression_type
        if not codec:
            return self._raw
        head = bytearray(self._raw[:_BATCH_HEAD])
        head[_CODEC] &= ~DefaultRecordBatch.CODEC_MASK
        return unpacked(codec, bytes(self._raw[_BATCH_HEAD:]), bytes(head), AT_ONCE)

    def _streamed(self) -> Iterator[StreamedRecord]:
        content = pieces(self._fast.compression_type, bytes(self._raw[_BATCH_HEAD:]))
        *_, count = _DefaultRecordBatchPy.HEADER_STRUCT.unpack_from(self._raw)
        return streamed(self._fast, count, content, self._most)


def _parts(records: Iterable[Any], most: int) -> Iterator[list[Any]]:
    """Of anything that holds records."""
    left = iter(records)
    while part := list(islice(left, most)):
        yield part


class _Batches(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka's is final by name only
    """What was fetched of a partition, by batches. is_whole: each passes through the fetcher as one record.

    most: bytes beyond which a record is large: of what is unpacked in pieces no more is held.
    """

    is_whole = False
    most = AT_ONCE
    _after = -1

    def has_next(self) -> bool:
        # Brokers cut the last batch where there is no room, never the first: that one has come broken.
        return self._next_slice is not None or (self._pos == 0 and self.size_in_bytes() > 0)

    def next_batch(self, *_: Any) -> Any:
        raw = self._next_slice
        if raw is None or (len(raw) < _BATCH_HEAD and bytes(raw[self.MAGIC_OFFSET : self.MAGIC_OFFSET + 1]) >= b"\2"):
            raise CorruptRecordException("a batch is not whole")
        try:
            batch = super().next_batch()
        except Exception as error:  # the old format is read before its checksum is looked at, whatever it holds
            raise CorruptRecordException(f"no batch of a known format: {error}") from error
        if isinstance(batch, DefaultRecordBatch):
            # The checksum leaves out the offset.
            if batch.base_offset < self._after:
                raise CorruptRecordException("a batch lies before the one that it follows")
            self._after = batch.next_offset
            batch = _Batch(raw, self.most)
        return _WholeBatch(batch) if self.is_whole else batch


class AsDecoded:
    """As a consumer's `value_deserializer`: it gives records as they are decoded, or what `fitted` makes of large ones.

    `most`: bytes of a value beyond which a record is large. What is lost is what all records of a fetch have in common:
    topic and partition, which the fetch says once.
    """

    def __init__(self, most: int, fitted: Callable[[Any], Any]) -> None:
        self.most = most
        self.fitted = fitted
        accept_all()

    def given(self, record: Any) -> Any:
        """What is given for a record."""
        if isinstance(record, StreamedRecord):
            is_small = record.size <= self.most
        else:
            is_small = record.value is None or len(record.value) <= self.most
        return record if is_small else self.fitted(record)


class AsBatches(AsDecoded):
    """The same, but it gives instead of records the batches that they lie in: `UndecodedBatch`."""


class UndecodedBatch:
    """The records of a fetched batch from the offset `first` on, decoded by who uses them, some at a time.

    Records of a fetch are a kilobyte each and come in thousands: decoded all at once, each is out of the processor's
    caches by the time somebody looks at it.
    """

    def __init__(self, batch: Any, first: int, how: AsBatches, place: str = "") -> None:
        self._batch = batch
        self._first = first
        self._how = how
        self._place = place

    def parts(self, most: int) -> Iterator[list[Any]]:
        """The records in order, at most so many at a time; to be asked for once. Raises aiokafka's KafkaError."""
        batch, first, large = self._batch, self._first, self._how.most
        self._batch = ()  # what it is unpacked to goes when it is used up, whoever still holds all of a fetch
        try:
            for part in batch.parts(most) if isinstance(batch, _Batch) else _parts(batch, most):
                if not isinstance(batch, _Batch) or batch.size > large:
                    part[:] = map(self._how.given, part)
                if part[0].offset >= first:
                    yield part
                elif wanted := [one for one in part if one.offset >= first]:
                    yield wanted
        except CorruptRecordException as error:
            raise CorruptRecordException(f"{self._place} cannot be read: {error}") from error


class _WholeBatch:
    """A fetched batch that to aiokafka holds one record: itself, at the last offset that it takes up."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.batch, name)

    def __next__(self) -> Any:
        return next(self.batch)

    def __iter__(self) -> Iterator[Any]:
        yield self

    @property
    def offset(self) -> int:
        return int(self.batch.next_offset) - 1


_BROKEN_TRIES = 5
"""What comes broken so often on end is broken where it lies, not on its way."""


class _Records(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types for it
    """The records of one partition and fetch. What came broken ends them: the next fetch begins with it again."""

    _broken: ClassVar[dict[Any, tuple[int, int]]] = {}
    """Partition → the offset from which on it came broken, and how often."""

    def __iter__(self) -> Iterator[Any]:
        given = False
        try:
            # No `yield from`: who takes but some leaves the others for the next call.
            for record in self._records_iterator:
                yield record
                given = True
            self._broken.pop(self._tp, None)
        except CorruptRecordException as error:
            self._fetch_again(error, given=given)

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except CorruptRecordException as error:
            self._fetch_again(error, given=False)
            raise StopIteration from None

    def _fetch_again(self, error: Exception, *, given: bool) -> None:
        """Note that it is broken from here on; raises once that is not by accident, and nothing is lost by it."""
        here = self.next_fetch_offset
        at, tries = self._broken.get(self._tp, (here, 0))
        tries = tries + 1 if at == here else 1
        self._broken[self._tp] = here, tries
        told = f"{self._tp.topic}/{self._tp.partition} from offset {here} on came broken: {error}"
        if tries <= _BROKEN_TRIES or given:
            log.warning("%s; it is fetched again", told)
        else:
            raise CorruptRecordException(told) from error


class _DecodedRecords(_Records):
    """The same, as decoded. Its deserializer is an `AsDecoded`."""

    def _consumer_record(self, _tp: Any, record: Any) -> Any:
        return self._value_deserializer.given(record)


class _UndecodedRecords(_DecodedRecords):
    """The same as batches. Its deserializer is an `AsBatches`."""

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        place = f"{tp.topic}/{tp.partition}"
        return UndecodedBatch(record.batch, self.next_fetch_offset, self._value_deserializer, place)


def _partition_records(
    tp: Any, records: Any, aborted: Any, offset: int, key_deserializer: Any, value_deserializer: Any, *options: Any
) -> Any:
    """Stands for aiokafka's class where that is made: the kind that the consumer was given."""
    kind = _Records
    if isinstance(value_deserializer, AsDecoded):
        kind, records.most = _DecodedRecords, value_deserializer.most
    if isinstance(value_deserializer, AsBatches):
        kind, records.is_whole = _UndecodedRecords, True
    return kind(tp, records, aborted, offset, key_deserializer, value_deserializer, *options)


def accept_all() -> None:
    """Let all consumers of this process read what brokers take, and records as decoded where they are asked for."""
    fetcher.MemoryRecords = _Batches
    fetcher.PartitionRecords = _partition_records


def keep_place(consumer: AIOKafkaConsumer) -> None:
    """Have a started consumer raise where the offset that it is to read next is gone; it would read on elsewhere.

    Records were deleted before they were read, or the end of the log was lost with the broker that had it.
    """
    found: Any = consumer._fetcher
    if "_update_fetch_positions" in vars(found):
        return
    usual = found._update_fetch_positions

    async def update(assignment: Any, node: Any, partitions: Iterable[Any]) -> bool:
        states = [(tp, assignment.state_value(tp)) for tp in partitions]
        # What was fetched before is not at its beginning.
        gone = [tp for tp, state in states if state.awaiting_reset and state.highwater is not None]
        for tp in gone:
            told = f"{tp.topic}/{tp.partition} no longer has what was to be read next"
            found._set_error(tp, OffsetOutOfRangeError(told))
        return bool(gone) or await usual(assignment, node, partitions)

    found._update_fetch_positions = update
