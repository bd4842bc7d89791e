"""Records of other producers' transactions count once they are committed, and never before: asked of a real worker."""

import asyncio
import json
import time
from contextlib import suppress

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from redis.asyncio import Redis

from metrics.view import Keys, decode_any, split
from producers.partitioner import partition_for
from streams.plain.kafka import kafka_log
from tests.support.workers import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

CODECS = (None, "gzip", "snappy", "lz4", "zstd")
PARTITIONS = 3


def meeting(source, number):
    """Key and value of one event."""
    client = f"{source}-{number}"
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    event = {
        "specversion": "1.0", "id": str(number), "source": source, "type": "sales.meeting.held.v1", "time": now,
        "data": {"meeting_id": client, "client_id": client, "manager_id": "m-1", "team_id": "t-1"},
    }  # fmt: skip
    return client.encode(), json.dumps(event).encode()


class Aiokafka:
    """A transactional producer by aiokafka."""

    def __init__(self, house, codec):
        self.name, self._topic = "aiokafka", house.kafka.events_topic
        self._producer = AIOKafkaProducer(
            bootstrap_servers=house.kafka_servers, transactional_id=f"{house.prefix}-a-{codec}", compression_type=codec
        )

    async def start(self):
        await self._producer.start()

    async def transact(self, source, count, *, commit):
        await self._producer.begin_transaction()
        sent = [await self._producer.send(self._topic, key=k, value=v) for k, v in _events(source, count)]
        await asyncio.gather(*sent)
        await (self._producer.commit_transaction() if commit else self._producer.abort_transaction())

    async def close(self):
        await self._producer.stop()


class Librdkafka:
    """A transactional producer by librdkafka, with the partitioner that the contract asks for."""

    def __init__(self, house, codec):
        self.name, self._topic = "librdkafka", house.kafka.events_topic
        self._producer = Producer({
            "bootstrap.servers": house.kafka_servers,
            "transactional.id": f"{house.prefix}-c-{codec}",
            "compression.type": codec or "none",
            "partitioner": "murmur2_random",
        })  # fmt: skip

    async def start(self):
        await asyncio.to_thread(self._producer.init_transactions)

    async def transact(self, source, count, *, commit):
        await asyncio.to_thread(self._transact, list(_events(source, count)), commit)

    def _transact(self, events, commit):
        self._producer.begin_transaction()
        for key, value in events:
            self._producer.produce(self._topic, key=key, value=value)
        self._producer.flush()
        (self._producer.commit_transaction if commit else self._producer.abort_transaction)()

    async def close(self):
        pass


def _events(source, count):
    return (meeting(source, number) for number in range(count))


def sources(worker):
    """Events that the worker has counted, by source."""
    return {
        dict(labels)["source"]: value
        for (name, labels), value in worker.metrics().items()
        if name == "sales_worker_source_events_total"
    }


def held(worker):
    """Seconds that an open transaction has held each partition back."""
    return {
        int(dict(labels)["partition"]): value
        for (name, labels), value in worker.metrics().items()
        if name == "sales_worker_open_transaction_seconds"
    }


def status(worker, path):
    return httpx.get(f"http://127.0.0.1:{worker.port}/{path}", timeout=5).status_code


async def left(house):
    """What the heartbeats say of each partition: offsets that are left to count."""
    redis = Redis.from_url(house.redis_url)
    try:
        beats = await redis.hgetall(Keys(house.app_id).partitions)
    finally:
        await redis.aclose()
    return {int(number): decode_any(split(value)[1])["left"] for number, value in beats.items()}


async def held_back(house):
    """Partitions of which an audit knows that it cannot read them to their end."""
    async with kafka_log(house.kafka) as log:
        return await log.held_back(house.kafka.events_topic)


async def exact(house):
    report = await house.verdict()
    assert report.is_equal, report.lines()
    return report


async def test_only_what_was_committed_counts(house):
    """Aborted and committed transactions in turn, two client libraries, every codec, beside plain records."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    expected = {}
    for kind in (Aiokafka, Librdkafka):
        for codec in CODECS:
            producer = kind(house, codec)
            await producer.start()
            for turn in range(4):
                source = f"crm://{producer.name}-{codec}-{turn}"
                await producer.transact(source, 10, commit=turn % 2 == 1)
                if turn % 2:
                    expected[source] = 10
            await producer.close()
    async with AIOKafkaProducer(bootstrap_servers=house.kafka_servers) as plain:
        for key, value in _events("crm://plain", 10):
            await plain.send_and_wait(house.kafka.events_topic, key=key, value=value)
    expected["crm://plain"] = 10
    await until(lambda: sources(worker).get("crm://plain") == 10, 30, "the last ones are counted")
    await until(lambda: sources(worker).keys() >= expected.keys(), 30, "all that was committed is counted")
    assert sources(worker) == expected
    report = await exact(house)
    assert report.records == sum(expected.values())


async def test_an_open_transaction(house):
    """It holds back its own partition alone, visibly, is no stall of the worker, and counts as what becomes of it."""
    worker = house.worker(SALES_STALL_TIMEOUT="3")
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    producer = AIOKafkaProducer(bootstrap_servers=house.kafka_servers, transactional_id=house.prefix)
    await producer.start()
    for number, end in enumerate((producer.abort_transaction, producer.commit_transaction)):
        await producer.begin_transaction()
        key, value = meeting(f"crm://open-{number}", 0)
        stuck = partition_for(key, PARTITIONS)
        await producer.send_and_wait(house.kafka.events_topic, key=key, value=value)
        behind = [(key, value) for key, value in _events(f"crm://behind-{number}", 30)]
        free = sum(partition_for(key, PARTITIONS) != stuck for key, _ in behind)
        async with AIOKafkaProducer(bootstrap_servers=house.kafka_servers) as plain:
            for key, value in behind:
                await plain.send_and_wait(house.kafka.events_topic, key=key, value=value)
        await until(lambda: sources(worker).get(f"crm://behind-{number}") == free, 20, "others are counted")  # noqa: B023
        await until(lambda: held(worker)[stuck] > 5, 20, "it is seen for how long")  # noqa: B023
        assert {number for number, seconds in held(worker).items() if seconds} == {stuck}
        assert await held_back(house) == {stuck}
        assert sources(worker).get(f"crm://behind-{number}") == free
        assert f"crm://open-{number}" not in sources(worker)
        assert worker.total("sales_worker_lag_records") == 0, "nothing that may be read waits"
        assert (status(worker, "healthz"), status(worker, "readyz")) == (200, 200)
        await end()
        await until(lambda: sources(worker).get(f"crm://behind-{number}") == 30, 20, "then they count")  # noqa: B023
        await until(lambda: not any(held(worker).values()), 5, "nothing is held back")
        assert await held_back(house) == set()
    assert "crm://open-0" not in sources(worker)
    assert sources(worker)["crm://open-1"] == 1
    await producer.stop()
    await exact(house)


async def test_short_transactions_hold_nothing_back(house):
    """Some transaction is open nearly always, none for long, as workers' own are: no partition seems held back."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    producer = AIOKafkaProducer(bootstrap_servers=house.kafka_servers, transactional_id=house.prefix)
    await producer.start()
    most, until_then = 0.0, time.monotonic() + 20
    number = 0
    while time.monotonic() < until_then:
        await producer.begin_transaction()
        for key, value in _events(f"crm://short-{number}", 10):
            await producer.send_and_wait(house.kafka.events_topic, key=key, value=value)
        await asyncio.sleep(0.7)
        await producer.commit_transaction()
        number += 1
        most = max(most, *(await asyncio.to_thread(held, worker)).values())
    await producer.stop()
    assert number > 10
    assert most < 4
    await exact(house)


@pytest.mark.parametrize(
    ("transactions", "records", "store"),
    [
        (1, 100, "rocksdb"),
        (150, 1, "memory"),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in [(1, 100, "memory"), (150, 1, "rocksdb"), (1, 1_000, "memory"), (1, 1_000, "rocksdb")]
        ),
    ],
)
async def test_a_log_that_ends_in_what_nobody_reads(house, transactions, records, store):
    """A hundred or a thousand aborted records, or the markers of many transactions: a new worker becomes whole."""
    first = house.worker("first", SALES_STORE=store)
    await until(lambda: first.owned() == {0, 1, 2}, 120, "all partitions owned")
    await house.publish(json.loads(value) for _, value in _events("crm://kept", 60))
    producer = Aiokafka(house, "gzip")
    await producer.start()
    for number in range(transactions):
        await producer.transact(f"crm://aborted-{number}", records * PARTITIONS, commit=False)
    await producer.close()
    await until(lambda: sources(first).get("crm://kept") == 60, 30, "all are counted")
    await until(lambda: first.total("sales_worker_lag_records") == 0, 20, "nothing waits")
    first.kill()

    fresh = type(house)(house.kafka_servers, house.redis_url, house.prefix, f"{house.app_id}-fresh", house.folder)
    try:
        for one in (house, fresh):  # over what the first left, and from the start of the log
            worker = one.worker("second", SALES_STORE=store)
            await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")  # noqa: B023
            deadline = time.monotonic() + 20
            found = None
            while found != {0: 0, 1: 0, 2: 0} and time.monotonic() < deadline:
                with suppress(KeyError):
                    found = await left(one)
                await asyncio.sleep(0.2)
            assert found == {0: 0, 1: 0, 2: 0}, "its numbers are whole, though no newer event came"
            await until(lambda: worker.total("sales_worker_lag_records") == 0, 10, "nothing waits")  # noqa: B023
            report = await exact(one)
            assert report.records == 60
            ends = await one.behind(report)
            assert ends == 0, "the fences say that the log is folded to its end"
            worker.kill()
    finally:
        fresh.close()
