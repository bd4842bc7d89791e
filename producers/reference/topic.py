"""What the compacted reference topic says now: the greatest version of each record."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from producers.brokers import whole_topic
from producers.errors import KafkaRejected, KafkaUnavailable, Refused
from producers.events.intake import KafkaRecord, check_reference
from producers.events.version import version
from producers.events.wire import ReferenceEvent
from producers.settings import KafkaSettings

_TIMEOUT = 30.0


async def current(settings: KafkaSettings) -> Mapping[str, ReferenceEvent]:
    """Read the topic to its present end: Kafka key → event. What consumers would refuse is left out.

    Raises KafkaUnavailable, or KafkaRejected when the topic is missing.
    """
    found: dict[str, ReferenceEvent] = {}
    async with reading(settings) as records:
        async for _, record in records:
            _take(found, record)
    return found


@asynccontextmanager
async def reading(settings: KafkaSettings) -> AsyncIterator[AsyncIterator[tuple[int, KafkaRecord]]]:
    """Partition and record, for all of the topic to its present end. Raises as `current`."""
    consumer = AIOKafkaConsumer(
        **settings.client_options(), isolation_level="read_committed", auto_offset_reset="earliest"
    )
    try:
        async with asyncio.timeout(_TIMEOUT):
            await consumer.start()
            yield _read(consumer, settings.reference_topic)
    except (KafkaError, OSError, TimeoutError) as error:
        where = f"Kafka at {settings.kafka_servers}"
        raise KafkaUnavailable(f"{where} cannot be read: {type(error).__name__} {error}".strip()) from error
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, topic: str) -> AsyncIterator[tuple[int, KafkaRecord]]:
    if topic not in await consumer.topics():
        raise KafkaRejected(f"topic {topic} is missing; run sales-pulse topics create")
    partitions = await whole_topic(consumer, topic)
    ends = await consumer.end_offsets(partitions)
    while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
        for tp, records in (await consumer.getmany(timeout_ms=500)).items():
            for record in records:
                yield tp.partition, record


def _take(found: dict[str, ReferenceEvent], record: KafkaRecord) -> None:
    name = (record.key or b"").decode(errors="replace")
    if record.value is None:
        found.pop(name, None)
        return
    try:
        event = check_reference(record)
    except Refused:
        return
    held = found.get(name)
    if held is None or version(event) > version(held):
        found[name] = event
