"""All that we use of aiokafka's insides, in one place: what it has no public way for. Its version is pinned for this.

`tests/unit/test_kafka_insides.py` asks for each of these names by itself, so that an upgrade fails where it has to be
looked at. Hand-written requests are in `producers/kafka_requests.py`.

What is read: Kafka takes any bytes as a header's name. aiokafka fails on one that is no UTF-8 each time it is fetched,
so that one record would stop its partition, and everybody who reads it, for good; here such names get replacement
characters. And a consumer may have its records as they are decoded (`AsDecoded`), without a dataclass made of each, or
batches of which nothing is decoded yet (`AsBatches`).
"""

import socket
import time
from asyncio import BaseTransport, Future
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import Any, ClassVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, conn
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import KafkaTimeoutError
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

# ruff: noqa: SLF001


class _Text(bytearray):
    """Bytes of which every part can be decoded."""

    def __getitem__(self, at: Any) -> Any:
        part = super().__getitem__(at)
        return _Text(part) if isinstance(at, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:  # noqa: ARG002 - aiokafka says "strict"
        return super().decode(encoding, "replace")


class _Batch:
    """A fetched batch, decoded by aiokafka's fast decoder as far as that gets, then by its plain one."""

    def __init__(self, raw: memoryview) -> None:
        self._raw = raw
        self._fast: Any = DefaultRecordBatch(raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)

    def __next__(self) -> Any:
        return next(self._fast)

    def __iter__(self) -> Iterator[Any]:
        done = -1
        try:
            for record in self._fast:
                done = record.offset
                yield record
        except UnicodeDecodeError:
            plain: Any = _DefaultRecordBatchPy(self._raw)
            iter(plain)  # decompresses
            plain._buffer = _Text(plain._buffer)
            yield from (record for record in plain if record.offset > done)


class _Batches(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka's is final by name only
    """What was fetched of a partition, by batches. is_whole: each passes through the fetcher as one record."""

    is_whole = False

    def next_batch(self, *_: Any) -> Any:
        raw = self._next_slice
        batch = super().next_batch()
        if raw is not None and isinstance(batch, DefaultRecordBatch):
            batch = _Batch(raw)
        return _WholeBatch(batch) if self.is_whole and batch is not None else batch


class AsDecoded:
    """As a consumer's `value_deserializer`: it gives records as they are decoded, or what `fitted` makes of large ones.

    `most`: bytes of a value beyond which a record is large. What is lost is what all records of a fetch have in common:
    topic and partition, which the fetch says once.
    """

    def __init__(self, most: int, fitted: Callable[[Any], Any]) -> None:
        self.most = most
        self.fitted = fitted
        accept_all()


class AsBatches(AsDecoded):
    """The same, but it gives instead of records the batches that they lie in: `UndecodedBatch`."""


class UndecodedBatch:
    """The records of a fetched batch from the offset `first` on, decoded by who uses them, some at a time.

    Records of a fetch are a kilobyte each and come in thousands: decoded all at once, each is out of the processor's
    caches by the time somebody looks at it.
    """

    def __init__(self, batch: Iterable[Any], first: int, how: AsBatches) -> None:
        self._batch = batch
        self._first = first
        self._how = how

    def parts(self, most: int) -> Iterator[list[Any]]:
        """The records in order, at most so many at a time; to be asked for once."""
        records, large, fitted = iter(self._batch), self._how.most, self._how.fitted
        self._batch = ()  # what it is unpacked to goes when it is used up, whoever still holds all of a fetch
        while part := list(islice(records, most)):
            part = [one if one.value is None or len(one.value) <= large else fitted(one) for one in part]
            yield part if part[0].offset >= self._first else [one for one in part if one.offset >= self._first]


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


class _DecodedRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types for it
    """The records of one partition and fetch, as decoded. Its deserializer is an `AsDecoded`."""

    def __iter__(self) -> Iterator[Any]:
        records: Iterator[Any] = self._records_iterator
        return records

    def _consumer_record(self, _tp: Any, record: Any) -> Any:
        value, how = record.value, self._value_deserializer
        return record if value is None or len(value) <= how.most else how.fitted(record)


class _UndecodedRecords(_DecodedRecords):
    """The same as batches. Its deserializer is an `AsBatches`."""

    def _consumer_record(self, _tp: Any, record: Any) -> Any:
        return UndecodedBatch(record.batch, self.next_fetch_offset, self._value_deserializer)


def _partition_records(
    tp: Any, records: Any, aborted: Any, offset: int, key_deserializer: Any, value_deserializer: Any, *options: Any
) -> Any:
    """Stands for aiokafka's class where that is made: the kind that the consumer was given."""
    kind = PartitionRecords
    if isinstance(value_deserializer, AsBatches):
        kind, records.is_whole = _UndecodedRecords, True
    elif isinstance(value_deserializer, AsDecoded):
        kind = _DecodedRecords
    return kind(tp, records, aborted, offset, key_deserializer, value_deserializer, *options)


_SILENT_SECONDS, _CONNECT_SECONDS, _LATE_SECONDS = 10, 4.0, 1.0
"""A broker whose machine says nothing for so long is away; without this a request waits for its own time-out."""


class _Watched(conn.AIOKafkaProtocol):  # type: ignore[misc]
    """A connection that the kernel ends when the other machine is gone without a word: switched off, or cut off."""

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        found = transport.get_extra_info("socket")
        if found is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_SECONDS * 1000)


class _Impatient(conn.AIOKafkaConnection):  # type: ignore[misc]
    """A connection that is made within seconds: a request's time-out, which aiokafka takes here too, is for answers.

    A broker that did not take one in time is not tried again for a moment by any client of this process: there are
    tens of them in a worker, and each would wait in turn.
    """

    _silent: ClassVar[dict[tuple[str, int], float]] = {}
    """Until when (`time.monotonic`)."""
    _request_timeout: float

    async def connect(self) -> Any:
        address = (self.host, self.port)
        self._patience = self._request_timeout
        began = time.monotonic()
        if began < self._silent.get(address, 0.0):
            raise TimeoutError(f"{self.host}:{self.port} did not answer a moment ago")
        self._request_timeout = min(self._patience, _CONNECT_SECONDS)
        try:
            return await super().connect()
        except TimeoutError:
            now = time.monotonic()
            # Who looks much too late may have missed the answer: a loop that was busy says nothing about a broker.
            if self._request_timeout < self._patience and now - began < _CONNECT_SECONDS + _LATE_SECONDS:
                self._silent[address] = now + _SILENT_SECONDS
            raise

    def _create_reader_task(self) -> Any:
        """Called once it is connected: requests take the time that they are given."""
        self._request_timeout = self._patience
        self._silent.pop((self.host, self.port), None)
        return super()._create_reader_task()


def watch_all() -> None:
    """Let all connections to Kafka of this process notice a machine that is silent, or has gone so."""
    conn.AIOKafkaProtocol = _Watched
    conn.AIOKafkaConnection = _Impatient


def accept_all() -> None:
    """Let all consumers of this process read any header's name, and records as decoded where they are asked for."""
    fetcher.MemoryRecords = _Batches
    fetcher.PartitionRecords = _partition_records


def configure(consumer: AIOKafkaConsumer, *, fetch_max_wait_ms: int, value_deserializer: AsDecoded) -> None:
    """Settings of a consumer that somebody else makes and that was not started; it reads committed records only."""
    consumer._fetch_max_wait_ms = fetch_max_wait_ms
    consumer._isolation_level = "read_committed"
    consumer._value_deserializer = value_deserializer


def assignment(consumer: AIOKafkaConsumer) -> Any:
    """What a consumer reads now: another object after each change of the group, None in between."""
    subscription = consumer._subscription.subscription
    return None if subscription is None else subscription.assignment


def positions(assigned: Any, partitions: Iterable[Any]) -> Iterator[tuple[Any, int]]:
    """Of those partitions of an `assignment` that have one: the offset that is read next, without waiting."""
    for tp in partitions:
        state = assigned.state_value(tp)
        if state is not None and state.has_valid_position:
            yield tp, state.position


def member_id(consumer: AIOKafkaConsumer) -> str:
    """What the group knows a consumer by; "" before it has joined."""
    return str(consumer._coordinator.member_id)


def leave_when_stopped(consumer: AIOKafkaConsumer) -> None:
    """Have a consumer leave the group when it stops, as one without a static id does."""
    consumer._coordinator._group_instance_id = None


def client_of(client: AIOKafkaConsumer | AIOKafkaAdminClient) -> AIOKafkaClient:
    """The client below, for requests that the public calls do not make."""
    return client._client


async def partitions_of(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> dict[str, set[int]]:
    """The partitions of topics that need not be subscribed to, none of those that are not there."""
    cluster = await consumer._client.fetch_all_metadata()
    return {topic: set(cluster.partitions_for_topic(topic) or ()) for topic in topics}


def give_up(producer: AIOKafkaProducer) -> None:
    """Fail all that a producer has not sent, which it would try again for ever."""
    accumulator = producer._message_accumulator
    batches = [*accumulator._pending_batches, *chain(*accumulator._batches.values())]
    with suppress(KeyError):
        # A batch that is on its way just now is unknown to the accumulator, which then stops half-way.
        accumulator.fail_all(KafkaTimeoutError())
    for batch in batches:
        # Nobody waits for these any more: heard here, or asyncio complains of them later.
        if batch._drain_waiter.done():
            batch._drain_waiter.exception()


def transaction_end(producer: AIOKafkaProducer) -> Future[None]:
    """What a producer's transaction that was begun ends with: nothing, or the reason why it failed."""
    waiter: Future[None] = producer._txn_manager.wait_for_transaction_end()
    return waiter
