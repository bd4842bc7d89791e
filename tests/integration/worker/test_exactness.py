"""Whatever happens to the worker, what is shown is what the log says, to the digit."""

import asyncio
import signal

import pytest
from redis.asyncio import Redis

from tests.support.workers import floor, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


async def test_from_events_to_the_view(house):
    """On an empty cluster the worker makes its topics, and what is sent then is shown, exactly."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    sent = await house.publish(floor(3_000))
    report = await house.verdict()
    assert report.is_equal, report.lines()
    assert report.records == sent
    assert worker.total("sales_worker_lag_records") == 0


async def test_killed_in_mid_stream(house):
    """Killed with SIGKILL while folding, again and again, nothing is lost, counts twice, or stays on the wall."""
    often = {"SALES_FLUSH_INTERVAL": "0.2", "SALES_FLUSH_RECORDS": "300", "SALES_BATCH_RECORDS": "100"}
    first = house.worker(**often)
    await until(lambda: first.owned() == {0, 1, 2}, 120, "all partitions owned")
    events = floor(9_000)
    worker = first
    for number in range(3):
        sending = asyncio.create_task(house.publish(events[number * 3_000 : (number + 1) * 3_000]))
        await until(lambda: worker.total("sales_worker_batches_total") > 2, 30, "some batches folded")  # noqa: B023
        if number:  # else before anything is durable
            await until(lambda: worker.total("sales_worker_flush_seconds_count") > 1, 30, "some of it flushed")  # noqa: B023
        worker.kill()
        await sending
        worker = house.worker(**often)
        await until(lambda: worker.owned() == {0, 1, 2}, 120, "the restart owns all again")  # noqa: B023
    report = await house.verdict()
    assert report.is_equal, report.lines()
    assert report.records == 9_000


async def test_restart_after_a_clean_stop(house):
    """SIGTERM flushes and ends within ten seconds with status 0; the next start folds nothing again."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    await house.publish(floor(1_000))
    await until(lambda: worker.total("sales_worker_batches_total") > 0, 30, "something folded")
    worker.signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    again = house.worker()
    await until(lambda: again.owned() == {0, 1, 2}, 120, "the restart owns all again")
    report = await house.verdict()
    assert report.is_equal, report.lines()
    assert again.total("sales_worker_skipped_total") == 0


async def test_partitions_move_between_two_workers(house):
    """A second worker takes some partitions; when it is killed the first takes them back; all stays exact."""
    one = house.worker("one", SALES_SESSION_TIMEOUT="6")
    await until(lambda: one.owned() == {0, 1, 2}, 120, "one owns all")
    events = floor(6_000)
    await house.publish(events[:2_000])
    two = house.worker("two", SALES_SESSION_TIMEOUT="6")
    await until(lambda: two.owned() and len(one.owned() | two.owned()) == 3, 90, "both own some")
    assert not one.owned() & two.owned()
    await house.publish(events[2_000:4_000])
    report = await house.verdict()
    assert report.is_equal, report.lines()
    two.kill()
    await house.publish(events[4_000:])
    await until(lambda: one.owned() == {0, 1, 2}, 60, "one owns all again")
    report = await house.verdict()
    assert report.is_equal, report.lines()


async def test_the_view_heals_after_it_was_lost(house):
    """What Redis held is written again after it was deleted, while nothing new comes in."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    await house.publish(floor(2_000))
    assert (await house.verdict()).is_equal
    redis = Redis.from_url(house.redis_url)
    try:
        keys = [key async for key in redis.scan_iter(match=f"{{{house.app_id}}}:*", count=1000)]
        await redis.delete(*keys)
    finally:
        await redis.aclose()
    report = await house.verdict()
    assert report.is_equal, report.lines()


async def test_local_state_on_disk(house):
    """With RocksDB a restart reads almost nothing from the changelog; broken files are set aside and rebuilt."""
    worker = house.worker(SALES_STORE="rocksdb")
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    await house.publish(floor(3_000))
    assert (await house.verdict()).is_equal
    worker.kill()
    again = house.worker(SALES_STORE="rocksdb")
    await until(lambda: again.owned() == {0, 1, 2}, 120, "owned again")
    assert again.metrics()["sales_worker_restores_total", (("source", "disk"),)] == 3
    assert again.total("sales_worker_restore_records_total") < 50
    again.kill()
    for file in (again.folder / "data" / "state").rglob("*"):
        if file.is_file() and file.stat().st_size > 64:
            content = bytearray(file.read_bytes())
            content[len(content) // 2 :] = b"\x99" * (len(content) - len(content) // 2)
            file.write_bytes(content)
    last = house.worker(SALES_STORE="rocksdb")
    await until(lambda: last.owned() == {0, 1, 2}, 120, "owned after damage")
    await house.publish(floor(500, seed=2))
    report = await house.verdict()
    assert report.is_equal, report.lines()


async def test_a_worker_near_its_memory_limit_moves_to_disk_and_back(house):
    """It says so and goes on; from its next start on clients lie on disk, until the limit is raised. Always exact."""
    worker = house.worker(SALES_MEMORY_LIMIT="10MB")
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    await house.publish(floor(1_500))
    assert (await house.verdict()).is_equal
    await until(lambda: worker.total("sales_worker_memory_outgrown") == 1, 20, "it says so")
    assert worker.total("sales_worker_memory_limit_bytes") == 10_000_000
    assert worker.log.count("memory is near its limit") == 1
    assert not (worker.folder / "data" / "state").exists()
    worker.kill()
    on_disk = house.worker(SALES_MEMORY_LIMIT="10MB")
    await until(lambda: on_disk.owned() == {0, 1, 2}, 120, "owned again")
    assert "clients lie on disk" in on_disk.log
    await house.publish(floor(500, seed=2))
    assert (await house.verdict()).is_equal
    assert {file.parent.name for file in (on_disk.folder / "data" / "state").glob("*/CURRENT")} == {"0", "1", "2"}
    assert on_disk.total("sales_worker_memory_outgrown") == 0
    on_disk.kill()
    back = house.worker(SALES_MEMORY_LIMIT="2GB")
    await until(lambda: back.owned() == {0, 1, 2}, 120, "owned in memory again")
    assert "clients lie in memory again" in back.log
    assert back.metrics()["sales_worker_restores_total", (("source", "changelog"),)] == 3
    await house.publish(floor(500, seed=3))
    report = await house.verdict()
    assert report.is_equal, report.lines()


async def test_other_rules_start_over(house):
    """With another zone the state is worthless: the worker says so, folds the log again, and the view follows."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    await house.publish(floor(1_500))
    assert (await house.verdict()).is_equal
    worker.signal(signal.SIGTERM)
    worker.wait(10)
    other = house.worker(SALES_TIMEZONE="Asia/Vladivostok")
    await until(lambda: other.owned() == {0, 1, 2}, 120, "owned with other rules")
    assert "folding the log again from its start" in other.log
    house.business = house.business.model_copy(update={"timezone": "Asia/Vladivostok"})
    report = await house.verdict()
    assert report.is_equal, report.lines()
