"""Batches that no usual client sends and a real broker takes: nobody who reads stops at one."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.protocol.produce import ProduceRequest

from producers.settings import KafkaSettings
from producers.topics import ensure
from streams.plain.kafka import kafka_log
from streams.runtime.batches import Fetch
from streams.state.records import AS_BATCHES, AS_DECODED
from tests.support.raw_batches import batch, record
from tests.unit.test_kafka_unpacking import ODD, ROWS

NOT_LEADER = 6


async def produce(producer: AIOKafkaProducer, topic: str, raw: bytes, partition: int = 0) -> int:
    """Send a batch as it is, and see that the broker takes it. Its first offset."""
    client: Any = producer.client
    topics = [(topic, [(partition, raw)])]
    request = {"transactional_id": None, "required_acks": -1, "timeout": 10_000, "topics": topics}
    for _ in range(50):
        node = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        ((_, ((_, error, offset, *_),)),) = (await client.send(node, ProduceRequest(**request))).topics
        if error != NOT_LEADER:
            assert error == 0
            return int(offset)
        await asyncio.sleep(0.1)
    raise TimeoutError


async def test_all_are_read(kafka: str, topic_prefix: str) -> None:
    """Each record once and in order, by the worker's way, by restoring's, and by the audit's."""
    settings = KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=1)
    await ensure(settings)
    topic, values = settings.events_topic, [value for _, _, value, _ in ROWS]
    async with AIOKafkaProducer(**settings.client_options()) as producer:
        await producer.partitions_for(topic)
        for raw in ODD.values():
            await produce(producer, topic, raw)
        await produce(producer, topic, batch(0, [record(0, None, b"end")], 0))
    wanted = [*enumerate([*values * len(ODD), b"end"])]
    for how in (None, AS_DECODED, AS_BATCHES):
        found: list[tuple[int, bytes]] = []
        async with AIOKafkaConsumer(
            topic, **settings.client_options(), auto_offset_reset="earliest", value_deserializer=how
        ) as consumer:
            async with asyncio.timeout(20):
                while len(found) < len(wanted):
                    for records in (await consumer.getmany(timeout_ms=500)).values():
                        if how is AS_BATCHES:
                            records = [one for part in Fetch(0, records, 0).parts(3) for one in part]  # noqa: PLW2901
                        found += [(one.offset, one.value) for one in records]
        assert found == wanted
    async with kafka_log(settings) as log:
        again = [(one.offset, one.value) async for chunk in log.read(topic, 0, 0, len(wanted)) for one in chunk]
    assert again == wanted
