"""A year in fast motion: all that a floor tells in it, while the worker is killed or restarted each week."""

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from random import Random

import pytest

from producers.publisher import SalesPublisher
from producers.topics import ensure
from streams.runtime.worker import rules
from streams.settings import WorkerSettings
from tests.bench.workload import events
from tests.faults import verdict, year
from tests.faults.run import PARTITIONS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * 3600)]

EVENTS = int(os.environ.get("TEST_YEAR_EVENTS", "5000000"))
DAYS, BEFORE = 400, 700
"""Days of the year, and of the years before it, which a twentieth of the events are from: forgotten meanwhile."""
WEEKS = DAYS // 7


def _log():
    """Events of the years before, then of the year; it ends at the last noon, so that all partitions end on one day."""
    now = (datetime.now(UTC) - timedelta(hours=10)).replace(hour=9, minute=0)
    year_ = now - timedelta(days=DAYS)
    old = events(EVENTS // 20, full=True, days=BEFORE, start=year_ - timedelta(days=BEFORE), seed=2, prefix="old-",
                 clients=20_000)  # fmt: skip
    return chain(old, events(EVENTS, full=True, days=DAYS, start=year_, seed=3))


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_year(small_run, store):
    """A year in fast motion: nothing lost, nothing twice, and no more is held than has to be kept."""
    run, random = small_run, Random(7)
    run.case = f"{run.case} ({store})"
    asyncio.run(ensure(run.kafka))
    settings = WorkerSettings(
        kafka_servers=run.kafka.kafka_servers, topic_prefix=run.kafka.topic_prefix, app_id=run.business.app_id,
        partitions=PARTITIONS, timezone=run.business.timezone,
    )  # fmt: skip
    worker = run.worker("one", SALES_STORE=store)
    log, sent, kills, stops, began = _log(), 0, 0, 0, time.monotonic()
    total = EVENTS + EVENTS // 20
    for week in range(WEEKS + 1):
        size = total // WEEKS if week < WEEKS else total
        some = list(islice(log, size))
        asyncio.run(_publish(run.kafka, some))
        sent += len(some)
        # Killed on some day of the week that was sent last: it has got that far since it was started, and is not done.
        run.whole(120)
        day = sent - len(some) * random.uniform(0.1, 0.9)
        run.until(lambda day=day: sum(run.fences().values()) + PARTITIONS > day, 600, "that day is folded")
        if week % 8 == 7:
            _tell(run, worker, store, week, sent, began)
        if random.random() < 0.2:
            worker.stop(30)
            stops += 1
        else:
            worker.kill()
            kills += 1
    run.whole(120)
    asyncio.run(run._caught_up(1800))
    took = time.monotonic() - began
    first = asyncio.run(verdict.judge(run.kafka, run.business, 120))
    assert first.is_equal, "\n".join(first.lines())
    assert first.records == sent
    left = asyncio.run(year.left(settings, PARTITIONS, rules(settings)))
    shown = year.shown(run.redis.url, run.business.app_id)
    figures = {
        "events": sent, "seconds": round(took), "kills": kills, "stops": stops, "keys": dict(left.keys),
        "megabytes": {topic: size >> 20 for topic, size in left.bytes.items()}, "entities": left.entities,
        "store_mb": year.on_disk(worker.folder / "data"), "worker_mb": year.memory(worker.pid, "VmRSS"),
        "worker_most_mb": year.memory(worker.pid, "VmHWM"), "redis_mb": shown.megabytes, "redis_keys": shown.keys,
        "redis_buckets": dict(shown.buckets), "parts": left.parts,
    }  # fmt: skip
    print(f"\n{run.case}: {figures}", flush=True)
    assert left.late == 0, f"{left.late} of {left.entities} entities had to be forgotten"
    assert shown.parts == left.parts, "Redis shows what is held, and nothing else"
    assert shown.buckets["m"] <= 3 * 60 + 10
    assert shown.buckets["h"] <= 16 * 24 + 10
    assert shown.buckets["d"] <= 801
    second = run._rebuilt(asyncio.run(verdict.ends(run.kafka)))
    assert second.is_equal, "\n".join(second.lines())


async def _publish(kafka, records):
    async with SalesPublisher(kafka) as publisher:
        await publisher.publish_many_raw(records)


def _tell(run, worker, store, week, sent, began):
    """How far it is, in a line."""
    print(
        f"{store}: week {week + 1} of {WEEKS}, {sent:,} sent, {sum(run.fences().values()):,} folded, "
        f"{time.monotonic() - began:.0f} s, worker {year.memory(worker.pid, 'VmRSS')} MB, "
        f"store {year.on_disk(worker.folder / 'data')} MB, Redis {year.shown(run.redis.url, run.business.app_id)}",
        flush=True,
    )
