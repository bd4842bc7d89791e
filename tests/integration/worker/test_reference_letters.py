"""What cannot be used of the reference topic arrives in the dead letters byte for byte, once, and is counted."""

import asyncio
import time
from collections import Counter

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from producers.topics import ensure
from tests.integration.worker.test_dead_letters import letters, raw
from tests.support.workers import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

KEY = b"rate:USD:2026-01-05"


def rate(**changes):
    return {
        "specversion": "1.0",
        "id": "r-1",
        "source": "crm://case",
        "type": "sales.rate.set.v1",
        "time": "2026-01-05T10:00:00Z",
        "data": {"currency": "USD", "date": "2026-01-05", "rate": "90.5"},
        **changes,
    }


BAD = [
    (KEY, b"{", "not_json"),
    (KEY, b"[]", "not_cloudevents"),
    (KEY, raw(rate(data={"currency": "USD"})), "invalid_data"),
    (b"rate:EUR:2026-01-05", raw(rate()), "wrong_key"),
    (b"x", raw(rate(type="sales.unknown.v1")), "unknown_type"),
    (b"c-1", raw(rate(type="sales.meeting.held.v1")), "unknown_type"),
    (KEY, raw(rate(subject="x" * 300_000)), "too_large"),
    (KEY, raw(rate(time="1999-12-31T00:00:00Z")), "time_out_of_range"),
]


async def send(house, records):
    """Send (key, value) to the reference topic as they are; says the offset after the last."""
    async with AIOKafkaProducer(bootstrap_servers=house.kafka_servers, max_request_size=2 << 20) as producer:
        for key, value in records:
            done = await producer.send_and_wait(house.kafka.reference_topic, key=key, value=value)
    return done.offset + 1


async def committed(house):
    """Offset of the group on the reference topic, None without one."""
    admin = AIOKafkaAdminClient(bootstrap_servers=house.kafka_servers)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(house.app_id)
    finally:
        await admin.close()
    return next((at.offset for tp, at in offsets.items() if tp.topic == house.kafka.reference_topic), None)


async def caught_up(house, end, seconds=60):
    """Wait until the group has committed that it read the topic up to `end`."""
    deadline = time.monotonic() + seconds
    while (found := await committed(house)) is None or found < end:
        assert time.monotonic() < deadline, f"committed {found} of {end}"
        await asyncio.sleep(0.2)


async def once(house, expected):
    """Every expected letter is there, once and byte for byte; says nothing else is."""
    found = await letters(house)
    assert Counter((one.key, one.value, one.reason) for one in found) == Counter(expected)
    assert len({one.source for one in found}) == len(found)
    assert {one.place.topic for one in found} <= {house.kafka.reference_topic}


async def test_every_reason_once(house):
    """Each reason is a letter and counted; what is usable, and what deletes a key, is none; kills change nothing."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    end = await send(house, [(KEY, raw(rate())), *((key, value) for key, value, _ in BAD), (b"plan:x", None)])
    await caught_up(house, end)
    await once(house, BAD)
    assert worker.total("sales_worker_dead_letters_total") == len(BAD)
    worker.kill()
    end = await send(house, [(key, value) for key, value, _ in BAD])
    again = house.worker()
    await caught_up(house, end)
    await once(house, [*BAD, *BAD])
    assert again.total("sales_worker_dead_letters_total") == len(BAD)
    report = await house.verdict()
    assert report.is_equal, report.lines()


async def test_once_whoever_owns_the_partition(house):
    """Workers join, are killed and leave while bad records come in: each record has one letter."""
    sent, end = [], 0

    async def more():
        nonlocal end
        batch = [(KEY, b"bad %d" % number, "not_json") for number in range(len(sent), len(sent) + 20)]
        end = await send(house, [(key, value) for key, value, _ in batch])
        sent.extend(batch)

    await ensure(house.kafka)
    await more()
    one = house.worker("one")
    await until(one.owned, 120, "partitions owned")
    await more()
    two = house.worker("two")
    for _ in range(10):
        await more()
        await asyncio.sleep(0.5)
    await until(two.owned, 120, "partitions shared")
    one.kill()
    await more()
    await caught_up(house, end)
    three = house.worker("one")
    await until(three.owned, 120, "partitions shared again")
    for _ in range(5):
        await more()
        await asyncio.sleep(0.3)
    two.signal(15)
    two.wait(30)
    await more()
    await caught_up(house, end)
    await once(house, sent)
