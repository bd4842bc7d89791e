"""One owner per partition: a zombie is shut out at the broker, and two workers never share a name or a folder."""

import asyncio
import signal

import pytest
from aiokafka.errors import KafkaError
from redis.asyncio import Redis

from metrics.view import Keys, fenced, split
from streams.audit.report import AuditError
from streams.audit.run import audit
from streams.plain.kafka import kafka_log
from tests.support.workers import floor, until
from tests.support.workers import house as make_house

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


async def test_a_zombie_changes_nothing(house):
    """Stopped for longer than the session and woken after the new owner has written: it ends, and all is exact."""
    one = house.worker("one", SALES_SESSION_TIMEOUT="6", SALES_FLUSH_INTERVAL="3")
    await until(lambda: one.owned() == {0, 1, 2}, 120, "one owns all")
    events = floor(4_000)
    await house.publish(events[:1_000])
    await until(lambda: one.total("sales_worker_batches_total") > 0, 30, "one folds")
    sending = asyncio.create_task(house.publish(events[1_000:2_000]))
    one.signal(signal.SIGSTOP)
    await sending
    two = house.worker("two", SALES_SESSION_TIMEOUT="6")
    await until(lambda: two.owned() == {0, 1, 2}, 120, "two owns all")
    await house.publish(events[2_000:3_000])
    await until(lambda: two.total("sales_worker_lag_records") == 0, 30, "two folds")
    one.signal(signal.SIGCONT)
    await house.publish(events[3_000:])
    report = await house.verdict()
    assert report.is_equal, report.lines()
    await until(lambda: one.process.poll() is not None or one.owned() | two.owned() == {0, 1, 2}, 120, "settled")
    if one.process.poll() is not None:
        assert one.process.returncode == 1
        assert "has another owner now" in one.log.splitlines()[-1]


async def test_the_former_owner_had_shown_what_the_log_has_lost(house):
    """A killed owner showed records that the next leader of the log did not have: they go, and are not waited for."""
    one = house.worker("one")
    await until(lambda: one.owned() == {0, 1, 2}, 120, "one owns all")
    events = floor(2_000)
    await house.publish(events[:1_000])
    assert (await house.verdict()).is_equal
    one.signal(signal.SIGKILL)
    one.wait(10)
    keys = Keys(house.app_id)
    async with Redis.from_url(house.redis_url) as redis:
        for key in [keys.partitions, *[name.decode() async for name in redis.scan_iter(match=keys.all_cells)]]:
            held = await redis.hgetall(key)
            further = {name: (split(value)[0] + 500, split(value)[1]) for name, value in held.items()}
            await redis.hset(key, mapping={name: fenced(*value) for name, value in further.items()})
    async with asyncio.timeout(30):
        with pytest.raises(AuditError, match="lost the end of its log"):
            await audit(house.kafka, house.business)
        async with kafka_log(house.kafka) as log:
            with pytest.raises(KafkaError, match="lost the end of its log"):
                _ = [chunk async for chunk in log.read(house.kafka.events_topic, 0, 0, 1_000)]
    two = house.worker("two")
    await until(lambda: two.owned() == {0, 1, 2}, 120, "two owns all")
    report = await house.verdict()
    assert report.is_equal, report.lines()
    assert "the view shows events that the log does not have" in two.log
    await house.publish(events[1_000:])
    report = await house.verdict()
    assert report.is_equal, report.lines()


async def test_the_same_folder_is_refused(house):
    """A second worker on the same data directory says so in one line and exits with 1."""
    one = house.worker("one")
    await until(one.owned, 120, "one owns")
    other = house.worker("two", SALES_DATA_DIR=str(one.folder / "data"))
    assert other.wait(90) == 1
    last = other.log.splitlines()[-1]
    assert "is in use by one" in last
    assert "SALES_DATA_DIR" in last


async def test_the_same_name_elsewhere(house, tmp_path):
    """Two workers with one SALES_WORKER_ID on different folders: one of them ends and says why; all stays exact."""
    one = house.worker("one")
    await until(lambda: one.owned() == {0, 1, 2}, 120, "one owns all")
    await house.publish(floor(500))
    twin = house.worker("one", SALES_DATA_DIR=str(tmp_path / "elsewhere"))
    await until(lambda: one.process.poll() is not None or twin.process.poll() is not None, 120, "one of them ended")
    ended = one if one.process.poll() is not None else twin
    assert ended.process.returncode == 1
    assert "SALES_WORKER_ID" in ended.log
    report = await house.verdict()
    assert report.is_equal, report.lines()


async def test_kafka_is_not_there(house):
    """Without Kafka the worker says what is wrong and what to set, and exits with 1."""
    worker = house.worker(SALES_KAFKA_SERVERS="127.0.0.1:1", SALES_START_TIMEOUT="3")
    assert worker.wait(40) == 1
    last = worker.log.splitlines()[-1]
    assert "cannot reach Kafka at 127.0.0.1:1: is it running? Set SALES_KAFKA_SERVERS" in last
    assert "Traceback" not in worker.log


async def test_redis_is_not_there(house):
    """Without Redis the worker folds and commits all the same; when it comes, the view is written."""
    worker = house.worker(SALES_REDIS_URL="redis://127.0.0.1:1/0")
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    await house.publish(floor(1_000))
    await until(lambda: sum(worker.total("sales_worker_events_total") for _ in (1,)) > 900, 30, "folded")
    worker.signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    again = house.worker()
    await until(lambda: again.owned() == {0, 1, 2}, 120, "owned again")
    report = await house.verdict()
    assert report.is_equal, report.lines()
    assert again.total("sales_worker_events_total") == 0


@pytest.mark.slow
async def test_a_spare_worker_is_ready(kafka, redis_url, topic_prefix, app_id, tmp_path):
    """With more workers than partitions one has nothing to do: it is ready, stays so, and takes over."""
    with make_house(kafka, redis_url, topic_prefix, app_id, tmp_path, partitions=1) as house:
        one, two = house.worker("one"), house.worker("two")
        await until(lambda: (one.owned() or two.owned()) and one.ready() and two.ready(), 120, "both are ready")
        spare, owner = (two, one) if one.owned() else (one, two)
        for _ in range(30):
            await asyncio.sleep(0.5)
            assert spare.ready(), "for longer than Kafka may keep silent"
        await house.publish(floor(500))
        owner.kill()
        await until(lambda: spare.owned() == {0} and spare.ready(), 60, "the spare owns all")
        report = await house.verdict()
        assert report.is_equal, report.lines()
