"""A topic that was deleted and recreated is noticed, by a worker that runs and by one that starts."""

import asyncio
import signal

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from redis.asyncio import Redis

from metrics.exporter.feed.whole import Manifests
from metrics.view import Keys, decode_any, split
from producers.log_ends import LogEnds
from producers.topics import ensure, specs
from streams.durable.changelog import Pair
from streams.durable.restore import KafkaRestorer, RestoreProgress
from streams.durable.topic_id import topic_id
from streams.errors import WorkerError
from streams.settings import WorkerSettings
from tests.integration.worker.test_dead_letters import raw
from tests.integration.worker.test_reference_letters import caught_up, once, rate, send
from tests.support.workers import floor, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

_GAP_SECONDS = 2.0
"""Without a topic: the worker's clients complain again and again, and the reason stands last all the same."""


async def test_recreated_with_more_records(house):
    """Its offsets would fit, so only its id tells: the worker ends and says what to do, and so does the next one."""
    one = house.worker("one")
    await until(lambda: one.owned() == {0, 1, 2}, 60, "all partitions owned")
    await house.publish(floor(300))
    assert (await house.verdict()).is_equal
    await _delete(house, house.kafka.events_topic)
    await asyncio.sleep(_GAP_SECONDS)
    await ensure(house.kafka)
    await house.publish(floor(3_000, seed=2))
    assert one.wait(60) == 1
    again = house.worker("two")
    assert again.wait(60) == 1
    for worker in (one, again):
        last = worker.log.splitlines()[-1]
        assert "was deleted and recreated" in last
        assert "SALES_APP_ID" in last
    assert "was deleted and recreated (its id was" in again.log
    fresh = house.worker("three", SALES_APP_ID=f"{house.app_id}-b")
    await until(lambda: fresh.owned() == {0, 1, 2}, 60, "a new application counts it")


async def test_copies_on_disk_of_recreated_changelogs(house):
    """All topics recreated: what a worker has on disk does not count, however far the new changelogs have got."""
    one = house.worker("one", SALES_STORE="rocksdb")
    await until(lambda: one.owned() == {0, 1, 2}, 60, "all partitions owned")
    await house.publish(floor(300))
    assert (await house.verdict()).is_equal
    one.signal(signal.SIGTERM)
    assert one.wait(30) == 0
    changelogs = (f"{house.app_id}-{name}-changelog" for name in ("cells", "clients"))
    await _delete(house, house.kafka.events_topic, *changelogs)
    two = house.worker("two")
    await until(lambda: two.owned() == {0, 1, 2}, 60, "another worker owns all")
    await house.publish(floor(3_000, seed=2))
    report = await house.verdict()
    assert report.is_equal, report.lines()
    two.signal(signal.SIGTERM)
    assert two.wait(30) == 0
    again = house.worker("one", SALES_STORE="rocksdb")
    await until(lambda: again.owned() == {0, 1, 2}, 60, "the first worker owns all")
    await house.publish(floor(500, seed=3))
    report = await house.verdict()
    assert report.is_equal, report.lines()
    assert "is a copy of other changelogs" in again.log


async def test_changelogs_recreated_while_a_worker_runs(house):
    """What it writes to the new ones is a part of the state: it ends, and the next one counts the log again."""
    one = house.worker("one")
    await until(lambda: one.owned() == {0, 1, 2}, 60, "all partitions owned")
    await house.publish(floor(1_000))
    assert (await house.verdict()).is_equal
    changelogs = WorkerSettings(kafka_servers=house.kafka_servers, app_id=house.app_id).changelogs(3)
    await _delete(house, *(spec.name for spec in changelogs))
    await ensure(house.kafka, changelogs)
    await house.publish(floor(300, seed=2))
    assert one.wait(60) == 1
    assert "-changelog was deleted and recreated (its id was" in one.log.splitlines()[-1]
    again = house.worker("two")
    await until(lambda: again.owned() == {0, 1, 2}, 60, "another worker owns all")
    report = await house.verdict()
    assert report.is_equal, report.lines()


async def test_changelogs_recreated_before_a_partition_is_opened(house):
    """What is read of the new ones is not the state: the ids are asked for at the same moment, not some seconds later.

    The ids are those that the worker began with, so nothing is restored, nothing folded, and nothing shown.
    """
    settings = WorkerSettings(kafka_servers=house.kafka_servers, topic_prefix=house.prefix, app_id=house.app_id)
    changelogs = settings.changelogs(3)
    names = [spec.name for spec in changelogs]
    await ensure(house.kafka, [*specs(house.kafka), *changelogs])
    asking = LogEnds(settings, settings.events_topic, "test")
    before = {name: await topic_id(await asking.client(), name) for name in names}
    taken: list[Pair] = []
    restorer, progress = KafkaRestorer(settings, before), RestoreProgress(0)
    found = await restorer.restore(0, {}, dict.fromkeys(names, taken.extend), progress)
    assert found.positions == dict.fromkeys(names, 0)
    await _delete(house, names[0])
    await asyncio.sleep(_GAP_SECONDS)
    await ensure(house.kafka, changelogs)
    with pytest.raises(WorkerError, match=r"-cells-changelog was deleted and recreated \(its id was"):
        await restorer.restore(0, {}, dict.fromkeys(names, taken.extend), progress)
    await asking.close()
    assert not taken


async def test_reference_data_recreated_while_a_worker_runs(house):
    """It ends, and the next one shows what the new topic holds, less and older than the one before, and nothing else.

    What is bad in the new one has its dead letter, too.
    """
    one = house.worker("one")
    await until(lambda: one.owned() == {0, 1, 2}, 60, "all partitions owned")
    currencies = ("USD", "EUR", "CNY", "GBP", "TRY")
    end = await send(house, [rated(currency, "90", minute) for minute in range(4) for currency in currencies])
    await caught_up(house, end)
    topic = house.kafka.reference_topic
    async with Redis.from_url(house.redis_url) as redis:
        await shows(house, redis, dict.fromkeys(currencies, "90"))
        await _delete(house, topic)
        await asyncio.sleep(_GAP_SECONDS)
        await ensure(house.kafka)
        end = await send(house, [rated("EUR", "101", 0), (b"rate:X", b"{"), rated("JPY", "2", 0)])
        assert one.wait(60) == 1
        assert f"{topic} was deleted and recreated (its id was" in one.log.splitlines()[-1]
        for worker in ("one", "two"):
            again = house.worker(worker)
            await until(lambda again=again: again.owned() == {0, 1, 2}, 60, "all partitions owned")
            await shows(house, redis, {"EUR": "101", "JPY": "2"})
            assert not (await Manifests(redis, Keys(house.app_id)).holes()).hashes
            await caught_up(house, end)
            await once(house, [(b"rate:X", b"{", "not_json")])
            again.signal(signal.SIGTERM)
            assert again.wait(30) == 0


async def test_dead_letters_recreated_while_a_worker_runs(house):
    """Those of the topic before are not open any more, and those of the new one are, however many it had before."""
    one = house.worker("one")
    await until(lambda: one.owned() == {0, 1, 2}, 60, "all partitions owned")
    await send(house, [(b"rate:X", b"{")] * 5)
    await until(lambda: one.total("sales_worker_open_dead_letters") == 5, 30, "five are open")
    await _delete(house, house.kafka.dead_letters_topic)
    await asyncio.sleep(_GAP_SECONDS)
    await ensure(house.kafka)
    await until(lambda: one.total("sales_worker_open_dead_letters") == 0, 30, "none is open")
    await send(house, [(b"rate:X", b"{")] * 7)
    await until(lambda: one.total("sales_worker_open_dead_letters") == 7, 60, "seven are open")
    assert one.process.poll() is None


def rated(currency, value, minute):
    """A rate in the reference topic."""
    event = rate(
        id=f"r-{minute}", time=f"2026-01-05T10:{minute:02}:00Z",
        data={"currency": currency, "date": "2026-01-05", "rate": value},
    )  # fmt: skip
    return f"rate:{currency}:2026-01-05".encode(), raw(event)


async def shows(house, redis, expected):
    """Wait until the view has these rates by currency, and no others."""
    for _ in range(300):
        found = await redis.hvals(Keys(house.app_id).reference)
        shown = {one["currency"]: one["rate"] for one in (decode_any(split(value)[1])["data"] for value in found)}
        if shown == expected:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"after 30 s it has {shown}")


async def test_partitions_added_while_a_worker_runs(house):
    """From then on clients' events lie elsewhere: it ends and says what to do, as one does that starts."""
    one = house.worker("one")
    await until(lambda: one.owned() == {0, 1, 2}, 60, "all partitions owned")
    await house.publish(floor(300))
    admin = AIOKafkaAdminClient(bootstrap_servers=house.kafka_servers)
    await admin.start()
    try:
        await admin.create_partitions({house.kafka.events_topic: NewPartitions(5)})
    finally:
        await admin.close()
    assert one.wait(60) == 1
    last = one.log.splitlines()[-1]
    assert "had 3 partitions and has 5: the count was changed" in last
    assert "SALES_APP_ID" in last


async def _delete(house, *topics):
    admin = AIOKafkaAdminClient(bootstrap_servers=house.kafka_servers)
    await admin.start()
    try:
        await admin.delete_topics(list(topics))
    finally:
        await admin.close()
