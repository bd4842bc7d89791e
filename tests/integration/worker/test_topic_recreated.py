"""A topic that was deleted and recreated is noticed, by a worker that runs and by one that starts."""

import asyncio
import signal

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from producers.topics import ensure
from streams.settings import WorkerSettings
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
