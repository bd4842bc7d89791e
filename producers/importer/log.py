"""Brings what the log has to an import's index: only what is new since the last time, and all of it of another log."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from producers.brokers import whole_topic
from producers.errors import KafkaRejected, KafkaUnavailable, Refused
from producers.events import intake
from producers.events.wire import Event
from producers.importer.entities import ComparedEvent, item
from producers.importer.known import Known, Lying
from producers.reference.topic import reading
from producers.settings import KafkaSettings

_TIMEOUT = 30.0
_RECORDS = 10_000
_GATHERED = 50_000
"""Events that are brought to the index together; see `Known`."""
_FETCH_BYTES = 4 << 20
_IN_REFERENCE = -1
"""What stands for the partition of reference data, whose topic is compacted and small: it is read whole each time."""


async def catch_up(known: Known, settings: KafkaSettings, advance: Callable[[int], None]) -> None:
    """Read the log to its present end. Raises KafkaUnavailable, KafkaRejected."""
    async with _consumer(settings) as (consumer, partitions):
        reached = known.reached()
        if reached and not await _is_same(consumer, reached):
            known.forget()
            reached = {}
        ends = await consumer.end_offsets(partitions)
        first = await consumer.beginning_offsets(partitions)
        for tp in partitions:
            consumer.seek(tp, max(first[tp], reached[tp.partition][0] + 1 if tp.partition in reached else 0))
        taken: list[tuple[ComparedEvent, int, int]] = []
        while waiting := [tp for tp in partitions if await consumer.position(tp) < ends[tp]]:
            found = await consumer.getmany(*waiting, timeout_ms=1000, max_records=_RECORDS)
            for tp, records in found.items():
                taken += _items(records, tp.partition)
                reached[tp.partition] = records[-1].offset, _mark(records[-1])
            if len(taken) >= _GATHERED:
                known.take(taken, reached)
                taken.clear()
            advance(sum(map(len, found.values())))
        known.take(taken, reached)
    async with reading(settings) as reference:
        taken.clear()
        async for _, record in reference:
            if record.value is not None:
                try:
                    taken.append((item(intake.check_reference(record)), _IN_REFERENCE, 0))
                except Refused:
                    continue
        known.take(taken, {})


async def lying(settings: KafkaSettings, wanted: Iterable[Lying]) -> AsyncIterator[Event]:
    """The events that lie there; `wanted` in order of partition and offset. Raises as `catch_up`."""
    async with _consumer(settings) as (consumer, _):
        consumer.unsubscribe()
        tp = TopicPartition(settings.events_topic, -1)
        for one in wanted:
            if tp.partition != one.lies:
                tp = TopicPartition(settings.events_topic, one.lies)
                consumer.assign([tp])
                consumer.seek(tp, one.at)
            elif one.at > await consumer.position(tp) + _RECORDS:
                consumer.seek(tp, one.at)
            record = await consumer.getone(tp)
            while record.offset < one.at:
                record = await consumer.getone(tp)
            yield intake.decode(record)


def _items(records: Iterable[Any], lies: int) -> Iterable[tuple[ComparedEvent, int, int]]:
    for record in records:
        try:
            yield item(intake.check(record)), lies, record.offset
        except Refused:
            continue


def _mark(record: Any) -> bytes:
    """What a record is recognised by: another log has another one at its offset."""
    return hashlib.blake2b(b"%d\0%b" % (record.timestamp, record.value or b""), digest_size=16).digest()


async def _is_same(consumer: AIOKafkaConsumer, reached: dict[int, tuple[int, bytes]]) -> bool:
    """Whether the log still has the records that were read last."""
    partitions = {tp.partition: tp for tp in consumer.assignment()}
    for lies, (at, mark) in reached.items():
        tp = partitions.get(lies)
        if (
            tp is None
            or not (await consumer.beginning_offsets([tp]))[tp] <= at < (await consumer.end_offsets([tp]))[tp]
        ):
            return False
        consumer.seek(tp, at)
        record = await consumer.getone(tp)
        if record.offset != at or _mark(record) != mark:
            return False
    return True


@asynccontextmanager
async def _consumer(settings: KafkaSettings) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
    consumer = AIOKafkaConsumer(
        **settings.client_options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    topic = settings.events_topic
    try:
        async with asyncio.timeout(_TIMEOUT):
            await consumer.start()
            if topic not in await consumer.topics():
                raise KafkaRejected(f"topic {topic} is missing; run sales-pulse topics create")
            partitions = await whole_topic(consumer, topic)
        yield consumer, partitions
    except (KafkaError, OSError, TimeoutError) as error:
        where = f"Kafka at {settings.kafka_servers}"
        raise KafkaUnavailable(f"{where} cannot be read: {type(error).__name__} {error}".strip()) from error
    finally:
        await consumer.stop()
