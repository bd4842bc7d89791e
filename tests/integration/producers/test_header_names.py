"""A header's name that is not UTF-8: the record and those around it are read, by a real broker, however compressed."""

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from producers.kafka_fetched import AsDecoded
from producers.settings import KafkaSettings
from producers.topics import ensure
from streams.plain.kafka import kafka_log
from streams.runtime.batches import Fetch
from streams.state.records import AS_BATCHES, AS_DECODED


class _Latin(str):
    """A name as a client of another language may send it."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return super().encode("latin-1")


async def _write(kafka: str, topic: str, compression: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(topic, b"before", partition=0)
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, -1, 1 << 20)
        for value, name in ((b"0", "n"), (b"1", _Latin("café")), (b"2", "n"), (b"3", _Latin("é")), (b"4", "n")):
            assert batch.append(key=b"k", value=value, timestamp=None, headers=[(name, b"x")]) is not None
        batch.close()
        await (await producer.send_batch(batch, topic, partition=0))
        await producer.send_and_wait(topic, b"after", partition=0)


@pytest.mark.parametrize("compression", [0, 1, 2])
@pytest.mark.parametrize("how", [None, AS_DECODED, AS_BATCHES])
async def test_all_are_read(kafka: str, topic_prefix: str, compression: int, how: AsDecoded | None) -> None:
    """In order and once, by whoever reads, in pieces too."""
    settings = KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=1)
    await ensure(settings)
    topic = settings.events_topic
    await _write(kafka, topic, compression)
    values = [b"before", b"0", b"1", b"2", b"3", b"4", b"after"]
    found: list[tuple[bytes, list[str]]] = []
    async with AIOKafkaConsumer(
        topic,
        **settings.client_options(),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        value_deserializer=how,
    ) as consumer:
        while len(found) < len(values):
            for records in (await consumer.getmany(timeout_ms=500, max_records=2)).values():
                if how is AS_BATCHES:
                    records = [one for part in Fetch(0, records, 0).parts(2) for one in part]  # noqa: PLW2901
                found += [(one.value, [name for name, _ in one.headers]) for one in records]
    assert [value for value, _ in found] == values
    assert [names for _, names in found] == [[], ["n"], ["caf\ufffd"], ["n"], ["\ufffd"], ["n"], []]
    async with kafka_log(settings) as log:
        again = [record.value async for chunk in log.read(topic, 0, 0, len(values)) for record in chunk]
    assert again == values
