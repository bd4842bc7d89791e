"""Records as they are decoded are those that aiokafka gives otherwise, and no others: real broker, transactions."""

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import OffsetOutOfRangeError

from producers.kafka_fetched import AsDecoded, keep_place
from producers.settings import KafkaSettings
from producers.topics import ensure
from streams.runtime.batches import Fetch
from streams.state.records import AS_BATCHES, AS_DECODED


async def _write(kafka: str, topic: str) -> None:
    """Plain, compressed and transactional batches, an aborted one among them; no value, no key, headers."""
    async with AIOKafkaProducer(bootstrap_servers=kafka, compression_type="gzip") as plain:
        for number in range(300):
            await plain.send(topic, key=b"k", value=b"v%d" % number, headers=[("n", b"%d" % number)])
        await plain.send_and_wait(topic, key=b"gone", value=None)
        await plain.send_and_wait(topic, value=b"no key", timestamp_ms=12_345)
    async with AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=topic) as exact:
        async with exact.transaction():
            await exact.send_and_wait(topic, key=b"kept", value=b"1")
        await exact.begin_transaction()
        await exact.send_and_wait(topic, key=b"aborted", value=b"2")
        await exact.abort_transaction()
        async with exact.transaction():
            await exact.send_and_wait(topic, key=b"kept", value=b"3")


async def _read(
    kafka: str, topic: str, how: AsDecoded | None, most: int | None
) -> tuple[list[tuple[object, ...]], int]:
    """All records as somebody reads them, and the position after them."""
    found: list[tuple[object, ...]] = []
    async with AIOKafkaConsumer(
        topic,
        bootstrap_servers=kafka,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        value_deserializer=how,
    ) as consumer:
        while not found or found[-1][3] != b"3":
            for records in (await consumer.getmany(timeout_ms=500, max_records=most)).values():
                if how is AS_BATCHES:
                    records = [one for part in Fetch(0, records, 0).parts(most or 1000) for one in part]  # noqa: PLW2901
                found += [
                    (one.offset, one.timestamp, one.key, one.value, tuple(one.headers), one.timestamp_type)
                    for one in records
                ]
        (tp,) = consumer.assignment()
        return found, await consumer.position(tp)


@pytest.mark.parametrize("most", [None, 7])
async def test_the_same_records(kafka: str, topic_prefix: str, most: int | None) -> None:
    """Offsets, times, keys, values, headers and the position; what was aborted is not there."""
    settings = KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=1)
    await ensure(settings)
    topic = settings.events_topic
    await _write(kafka, topic)
    usual, position = await _read(kafka, topic, None, most)
    assert len(usual) == 304
    for how in (AS_DECODED, AS_BATCHES):
        assert await _read(kafka, topic, how, most) == (usual, position)


async def test_reading_begins_within_a_batch(kafka: str, topic_prefix: str) -> None:
    """What lies before that is not given again."""
    settings = KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=1)
    await ensure(settings)
    async with AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=200) as plain:
        for done in [await plain.send(settings.events_topic, value=b"%d" % number) for number in range(50)]:
            await done
    async with AIOKafkaConsumer(bootstrap_servers=kafka, value_deserializer=AS_BATCHES) as consumer:
        tp = TopicPartition(settings.events_topic, 0)
        consumer.assign([tp])
        consumer.seek(tp, 17)
        offsets: list[int] = []
        while len(offsets) < 33:
            for batches in (await consumer.getmany(timeout_ms=500)).values():
                offsets += [one.offset for part in Fetch(0, batches, 0).parts(10) for one in part]
        assert offsets == list(range(17, 50))


async def test_records_that_are_deleted_before_they_are_read_are_missed_aloud(kafka: str, topic_prefix: str) -> None:
    """A worker that would read on behind them counts too little for good; its next start says what to do."""
    settings = KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=1)
    await ensure(settings)
    tp = TopicPartition(settings.events_topic, 0)
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        async with (
            AIOKafkaProducer(**settings.client_options()) as plain,
            AIOKafkaConsumer(
                **settings.client_options(), auto_offset_reset="earliest", value_deserializer=AS_BATCHES
            ) as consumer,
        ):
            await plain.send_and_wait(tp.topic, b"0")
            consumer.assign([tp])
            keep_place(consumer)
            assert await consumer.getmany(tp, timeout_ms=20_000)
            consumer.pause(tp)
            consumer.seek(tp, 2)  # not where a fetch is under way
            for value in (b"1", b"2", b"3"):
                await plain.send_and_wait(tp.topic, value)
            await admin.delete_records({tp: RecordsToDelete(before_offset=3)})
            consumer.resume(tp)
            with pytest.raises(OffsetOutOfRangeError, match=f"{tp.topic}/0"):
                await consumer.getmany(tp, timeout_ms=20_000)
    finally:
        await admin.close()
