"""Reference data in the view, from a real topic into a real Redis: by one that starts, and after a failover."""

import asyncio
import contextlib

import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from metrics.view import Keys, decode_any, split
from producers.topics import ensure
from streams.settings import WorkerSettings
from streams.view.reference import ReferenceView
from streams.view.sink import RedisSink
from tests.integration.worker.test_dead_letters import raw
from tests.integration.worker.test_reference_letters import rate
from tests.support.workers import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

RECORDS, DELETED = 6_000, b"rate:USD:2026-01-05"
"""More bytes than Kafka gives at once."""


def record(number, value="1"):
    currency, day = f"X{number % 26 + 65:c}{number // 26 % 26 + 65:c}", f"20{10 + number // 676:02}-01-05"
    event = rate(id=f"r-{number}", data={"currency": currency, "date": day, "rate": value}, subject="s" * 200)
    return f"rate:{currency}:{day}".encode(), raw(event)


@contextlib.asynccontextmanager
async def running(house, worker):
    settings = WorkerSettings(
        kafka_servers=house.kafka_servers, topic_prefix=house.prefix, app_id=house.app_id, worker_id=worker
    )
    sink = RedisSink(house.redis_url, house.app_id)
    view = ReferenceView(settings, sink, "a")
    task = asyncio.create_task(view.run())
    try:
        yield view
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sink.close()


async def becomes(right):
    for _ in range(200):
        if await right():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("not within 20 s")


async def test_what_was_deleted_stays_so(house):
    """A worker that starts reads a record long before its deletion, and does not show it for a moment."""
    await ensure(house.kafka)
    async with AIOKafkaProducer(bootstrap_servers=house.kafka_servers) as producer:
        sent = [await producer.send(house.kafka.reference_topic, key=DELETED, value=raw(rate()))]
        sent += [
            await producer.send(house.kafka.reference_topic, key=key, value=value)
            for key, value in map(record, range(RECORDS))
        ]
        sent.append(await producer.send(house.kafka.reference_topic, key=DELETED, value=None))
        await asyncio.gather(*sent)
    keys = Keys(house.app_id)
    async with Redis.from_url(house.redis_url) as redis:
        for worker in ("one", "two"):
            async with running(house, worker) as view:
                seen = []
                while len(view) < RECORDS:
                    seen.append(await redis.hexists(keys.reference, DELETED))
                    await asyncio.sleep(0.002)
                await asyncio.sleep(1)
            assert not any(seen), "it was shown while the topic was read"
            assert await redis.hlen(keys.reference) == RECORDS
        # A copy of before takes over, with as many records: one is as it was, one that was deleted is there.
        async with running(house, "one") as view:
            await until(lambda: len(view) == RECORDS, 20, "all is shown")
            before = {name: await redis.dump(name) for name in await redis.keys(f"{{{house.app_id}}}*")}
            (changed, value), (deleted, _) = record(7, "2"), record(8)
            async with AIOKafkaProducer(bootstrap_servers=house.kafka_servers) as producer:
                value = value.replace(b"r-7", b"r-7b").replace(b"T10:00", b"T10:01")
                await producer.send_and_wait(house.kafka.reference_topic, key=changed, value=value)
                await producer.send_and_wait(house.kafka.reference_topic, key=deleted, value=None)

            async def is_right():
                if await redis.type(keys.reference) != b"hash":
                    return False
                found = await redis.hmget(keys.reference, [changed, deleted])
                rates = [one and decode_any(split(one)[1])["data"]["rate"] for one in found]
                return rates == ["2", None]

            await becomes(is_right)
            pipe = redis.pipeline(transaction=True)
            pipe.delete(*before)
            for name, dumped in before.items():
                pipe.restore(name, 0, dumped)
            await pipe.execute()
            assert not await is_right()
            await becomes(is_right)
            await redis.set(keys.reference, "something else")
            await becomes(is_right)
