"""The SDK: events go to Kafka in order, once, and are acknowledged before `publish` returns.

async with SalesPublisher(servers="127.0.0.1:9092") as publisher:
    await publisher.publish(CallEnded.of(source="pbx://spb", time=…, call_id=…, …))
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from functools import lru_cache, partial
from itertools import islice
from types import TracebackType
from typing import Final, NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError

from producers.errors import EventRefused, EventTooLarge, KafkaRejected, KafkaUnavailable, PublisherClosed, Refused
from producers.events import REFERENCE_TYPES, Event
from producers.events.intake import record_size
from producers.events.rules import MAX_BYTES
from producers.events.wire import Envelope, decode, decode_reference, encode
from producers.lanes import RECORD_OVERHEAD, Budget, Headers, Lane, LaneBatch, Raw, size_of
from producers.partitioner import partition_for
from producers.settings import KafkaSettings
from producers.stopping import stop

CONTENT_TYPE: Final = [("content-type", b"application/cloudevents+json")]
_HEADERS: Final = record_size(None, None, CONTENT_TYPE)
_BATCH_BYTES = 256 * 1024
_RECOUNT_SECONDS = 5.0
_GRACE_SECONDS = 2.0

_TOGETHER = 1000
"""Records that are handed over at once."""

_partition = lru_cache(maxsize=65_536)(partition_for)


class Receipt(NamedTuple):
    """Where a record lies. `offset` is -1 when the broker only said that it had it already."""

    topic: str
    partition: int
    offset: int


class SalesPublisher:
    """Publishes events: idempotent, acks=all, compressed, keyed and partitioned as the contract says.

    At most `in_flight_bytes` are held; who publishes more waits. Safe for many tasks of one event loop.
    """

    def __init__(
        self,
        settings: KafkaSettings | None = None,
        *,
        servers: str | None = None,
        in_flight_bytes: int = 32 * 1024 * 1024,
        linger_seconds: float = 0.002,
        timeout_seconds: float = 30.0,
        compression: str | None = "zstd",
    ) -> None:
        settings = settings or KafkaSettings()
        self._settings = settings.model_copy(update={"kafka_servers": servers}) if servers else settings
        self._linger = linger_seconds
        self._timeout = timeout_seconds
        self._compression = compression
        self._budget = Budget(in_flight_bytes)
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._counts: dict[str, tuple[int, float]] = {}
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Connect. Raises `KafkaUnavailable`, or `KafkaRejected` when the login cannot work."""
        try:
            options = self._settings.client_options()
        except OSError as error:
            raise KafkaRejected(f"a certificate file of SALES_KAFKA_SSL_* cannot be used: {error}") from error
        producer = AIOKafkaProducer(
            **options,
            acks="all",
            enable_idempotence=True,
            compression_type=self._compression,
            max_batch_size=_BATCH_BYTES,
            max_request_size=4 * _BATCH_BYTES,
            request_timeout_ms=int(self._timeout * 1000),
        )
        try:
            async with asyncio.timeout(self._timeout):
                await producer.start()
        except BaseException as error:
            await stop(producer, _GRACE_SECONDS)
            if isinstance(error, KafkaError | OSError | TimeoutError):
                raise self._problem(error) from error
            raise
        self._producer = producer

    async def close(self) -> None:
        """Wait until everything is acknowledged (or failed, or out of time), then disconnect; twice does no harm."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            await self.flush()
        finally:
            for lane in self._lanes.values():
                lane.stop()
            self._lanes.clear()
            await stop(producer, _GRACE_SECONDS)

    async def flush(self) -> None:
        """Wait until all that was handed over is acknowledged or failed; failures go to who published."""
        while waiting := [batch.done for lane in self._lanes.values() for batch in lane.outstanding]:
            await asyncio.wait(waiting)

    async def publish(self, event: Event | Envelope) -> Receipt:
        """Send one event and wait for the brokers. Raises `PublisherError` (see producers/errors.py)."""
        key, value = encoded(event)
        return await self.publish_raw(key, value, reference=event.type in REFERENCE_TYPES)

    async def publish_raw(self, key: bytes, value: bytes, *, reference: bool = False) -> Receipt:
        """Send bytes that are known to be a valid event with its right key, and wait for the brokers."""
        topic = self._topic(reference)
        batch, place = await self._add_one(topic, key, value, CONTENT_TYPE)
        offset = await self._arrival(batch)
        return Receipt(topic, batch.partition, offset + place if offset >= 0 else -1)

    async def publish_letters(self, letters: Sequence[tuple[bytes, bytes | None, Headers]]) -> None:
        """Send dead letters, and marks that close some (key, value, headers), and wait for the brokers.

        Raises `PublisherError`: `KafkaRejected` where this user may not write them.
        """
        topic = self._settings.dead_letters_topic
        added = [await self._add_one(topic, key, value, headers) for key, value, headers in letters]
        for batch, _ in added:
            await self._arrival(batch)

    async def publish_many(self, events: Iterable[Event | Envelope] | AsyncIterable[Event | Envelope]) -> int:
        """Send all, keep their order per key, wait for the brokers; return how many.

        On the first failure it stops taking events and raises; what was taken before may have arrived, so
        publish the same events again (they have the same ids and count once).
        """
        many = _Many(self._add, self._arrival)
        if isinstance(events, AsyncIterable):
            async for event in events:
                await many.add(self._topic(event.type in REFERENCE_TYPES), [encoded(event)])
        else:
            for event in events:
                await many.add(self._topic(event.type in REFERENCE_TYPES), [encoded(event)])
        return await many.arrival()

    async def publish_many_raw(self, records: Iterable[Raw] | AsyncIterable[Raw], *, reference: bool = False) -> int:
        """The same for (key, value) pairs that are known to be valid events with their right keys."""
        many, topic = _Many(self._add, self._arrival), self._topic(reference)
        if isinstance(records, AsyncIterable):
            async for record in records:
                await many.add(topic, [record])
        else:
            left = iter(records)
            while some := list(islice(left, _TOGETHER)):
                await many.add(topic, some)
        return await many.arrival()

    async def _add_one(self, topic: str, key: bytes, value: bytes | None, headers: Headers) -> tuple[LaneBatch, int]:
        """Have a record sent; return its batch and its place in it."""
        size = len(key) + len(value or b"")
        if size + _HEADERS > MAX_BYTES:
            raise _too_large(key, value or b"")
        partitions = await self._count(topic)
        await self._room(size + RECORD_OVERHEAD)
        lane = self._lane(topic, _partition(key, partitions))
        return lane.append(key, value, int(time.time() * 1000), headers, size + RECORD_OVERHEAD)

    async def _add(self, topic: str, records: Sequence[Raw]) -> list[LaneBatch]:
        """Have records sent, in order per key; return the batches that they are in."""
        longest = max([len(key) + len(value) for key, value in records])
        if longest + _HEADERS > MAX_BYTES:
            raise _too_large(*next(one for one in records if len(one[0]) + len(one[1]) == longest))
        total = size_of(records)
        # In halves: as a whole it would wait until nearly all else has arrived, and hold up who comes next.
        if total > self._budget.limit // 4 and len(records) > 1:
            half = len(records) // 2
            return await self._add(topic, records[:half]) + await self._add(topic, records[half:])
        partitions = await self._count(topic)
        await self._room(total)
        now_ms = int(time.time() * 1000)
        parts: defaultdict[int, list[Raw]] = defaultdict(list)
        for record in records:
            parts[_partition(record[0], partitions)].append(record)
        return [
            batch
            for partition, some in parts.items()
            for batch in self._lane(topic, partition).extend(some, now_ms, CONTENT_TYPE)
        ]

    async def _room(self, size: int) -> None:
        """Wait until so many bytes may be on their way. Raises PublisherClosed when it was closed meanwhile."""
        if not self._budget.try_take(size):
            await self._budget.take(size)
        if self._producer is None:
            self._budget.give(size)
            raise PublisherClosed("the publisher is closed; use it inside `async with`")

    async def _arrival(self, batch: LaneBatch) -> int:
        try:
            # Shielded: one caller's cancellation must not cancel the shared batch.
            return await asyncio.shield(batch.done)
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._problem(error) from error

    def _lane(self, topic: str, partition: int) -> Lane:
        if self._producer is None:
            raise PublisherClosed("the publisher is closed; use it inside `async with`")
        lane = self._lanes.get((topic, partition))
        if lane is None:
            lane = Lane(self._producer, topic, partition, self._budget, linger=self._linger, timeout=self._timeout)
            self._lanes[topic, partition] = lane
        return lane

    async def _count(self, topic: str) -> int:
        count, until = self._counts.get(topic, (0, 0.0))
        now = asyncio.get_running_loop().time()
        if now < until:
            return count
        if self._producer is None:
            raise PublisherClosed("the publisher is not started; use it inside `async with`")
        try:
            count = len(await self._producer.partitions_for(topic))
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._problem(error, topic) from error
        self._counts[topic] = (count, now + _RECOUNT_SECONDS)
        return count

    def _topic(self, reference: bool) -> str:
        return self._settings.reference_topic if reference else self._settings.events_topic

    def _problem(self, error: BaseException, topic: str = "") -> KafkaUnavailable | KafkaRejected:
        servers = self._settings.kafka_servers
        if isinstance(error, UnknownTopicOrPartitionError):
            return KafkaRejected(
                f"topic {topic or self._settings.topic_prefix} is missing; run sales-pulse topics create"
            )
        if isinstance(error, TopicAuthorizationFailedError):
            return KafkaRejected(f"this user may not write to {topic or self._settings.topic_prefix}; grant the right")
        if isinstance(error, KafkaError) and not error.retriable:
            name = type(error).__name__
            if name not in {"KafkaConnectionError", "KafkaTimeoutError"}:
                return KafkaRejected(f"Kafka at {servers} refuses: {name} {error}".strip())
        return KafkaUnavailable(f"Kafka at {servers} cannot be reached: {type(error).__name__} {error}".strip())


class _Many:
    """One `publish_many`: remembers its batches and the first failure.

    send: has records of a topic sent. arrival: waits for a batch, and raises what became of it.
    """

    def __init__(
        self,
        send: Callable[[str, Sequence[Raw]], Awaitable[list[LaneBatch]]],
        arrival: Callable[[LaneBatch], Awaitable[int]],
    ) -> None:
        self._send = send
        self._arrival = arrival
        self._batches: set[LaneBatch] = set()
        self._failed: LaneBatch | None = None
        self._taken = 0

    async def add(self, topic: str, records: Sequence[Raw]) -> None:
        if self._failed is not None:
            await self._arrival(self._failed)
        for batch in await self._send(topic, records):
            if batch not in self._batches:
                self._batches.add(batch)
                batch.done.add_done_callback(partial(self._settled, batch))
        before, self._taken = self._taken, self._taken + len(records)
        if self._taken // _TOGETHER > before // _TOGETHER:
            # Others run too, and this batch's sender among them.
            await asyncio.sleep(0)

    def _settled(self, batch: LaneBatch, done: "asyncio.Future[int]") -> None:
        self._batches.discard(batch)
        if self._failed is None and (done.cancelled() or done.exception() is not None):
            self._failed = batch

    async def arrival(self) -> int:
        while self._batches:
            await asyncio.wait([batch.done for batch in self._batches])
        if self._failed is not None:
            await self._arrival(self._failed)
        return self._taken


def _too_large(key: bytes, value: bytes) -> EventTooLarge:
    return EventTooLarge(
        f"the event has {len(value)} bytes, with key and header {len(key) + len(value) + _HEADERS}; "
        f"at most {MAX_BYTES} are taken"
    )


def encoded(event: Event | Envelope) -> Raw:
    """Key and value of the Kafka record. Raises `EventRefused` for what consumers would refuse."""
    if isinstance(event, Event):
        value = event.to_json()
    else:
        value = encode(event)
        # Structs are not checked when they are made, models are.
        try:
            (decode_reference if event.type in REFERENCE_TYPES else decode)(value)
        except Refused as refused:
            raise EventRefused(refused) from refused
    if event.partitionkey is not None and event.partitionkey != event.key:
        raise EventRefused(Refused("wrong_key", "partitionkey differs from the key; leave it out"))
    return event.key.encode(), value
