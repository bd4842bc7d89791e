"""What each stage of the worker costs, µs of CPU per event, on all event types.

Fetch is a consumer alone that takes records as the worker does. Decoding, folding, cutting and making the view's parts
are measured in a process of its own on the same records, without Kafka, with as many cuts and views as a real worker
made; append is the transactions of those cuts alone. What is left of the worker's own cost is the script in Redis and
the loop around it all. Fetch, decode and append are the floor under any worker in Python that keeps this contract.

Run as a program it measures the middle: python -m tests.bench.stages SERVERS PREFIX APP COUNT CUTS VIEWS.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from producers.events import wire
from producers.topics import ensure, specs
from streams.durable.changelog import Commit, KafkaChangelog
from streams.runtime.worker import GC_THRESHOLDS, rules
from streams.settings import WorkerSettings
from streams.state.news import Cut
from streams.state.partition import Partition
from tests.bench import compare, engine
from tests.bench.results import Value, middle
from tests.bench.stand import PARTITIONS, Stand

PART = "Cost per stage of the worker, µs of CPU per event"
BATCH = 2_000
Records = dict[int, list[Any]]


def measure(stand: Stand) -> None:
    """One worker for the whole and for how often it cuts and shows; then its parts."""
    topic = stand.topic(stand.asked.events, full=True, days=30)
    runs: list[dict[str, float]] = []
    for _ in range(stand.asked.repeats):
        with stand.house(topic.settings) as place:
            run = stand.fold(place, topic.sent)
            worker = place.workers[0]
            runs.append(run | {"cuts": worker.total("sales_worker_flush_seconds_count")})
    cuts, views = (round(middle([run[name] for run in runs])) for name in ("cuts", "views"))
    argv = [sys.executable, "-m", "tests.bench.stages", stand.servers, topic.settings.topic_prefix]
    how = [str(topic.sent), str(cuts), str(views)]
    inside = [engine.figures([*argv, stand.name(), *how], stand.asked.core) for _ in runs]
    drains = [compare.floor(stand, "fetch", topic) for _ in runs]
    whole: list[float] = [run["cpu"] for run in runs]
    taken = {name: [run[name] for run in inside] for name in ("decode", "fold", "cut", "append", "view")}
    taken = {"fetch": [run["cpu"] for run in drains], **taken}
    figures: dict[str, Value] = {}
    for name, values in taken.items():
        figures[name] = [1e6 * value / topic.sent for value in values]
    left = middle(whole) - sum(middle(values) for values in taken.values())
    figures["the rest"] = 1e6 * left / topic.sent
    figures["whole"] = [1e6 * value / topic.sent for value in whole]
    floor = sum(middle(taken[name]) for name in ("fetch", "decode", "append"))
    figures["floor"] = 1e6 * floor / topic.sent
    figures |= {"cuts of a partition": float(cuts), "views": float(views)}
    stand.results.add(PART, "worker", figures, f"{topic.sent:,} events of all types over 30 days")


def inside(records: Records, cuts: int, views: int, made: list[tuple[int, Cut]]) -> dict[str, float]:
    """CPU seconds of each stage over all records: decoding, the rest of the fold, cutting, and the view's parts.

    `made`: takes the cuts in, with their partitions.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    values = [record.value for part in records.values() for record in part]
    began = time.process_time()
    for value in values:
        wire.decode(value)
    taken = {"decode": time.process_time() - began, "fold": 0.0, "cut": 0.0, "view": 0.0}
    business = rules(WorkerSettings(_env_file=None, timezone="Europe/Moscow"))
    parts = {number: Partition(number, len(records), business) for number in records}
    batches = list(_batches(records))
    # A cut is of one partition, a view of all that changed.
    cut_due = max(1, round(len(batches) * len(records) / max(1, cuts)))
    view_due = max(1, round(len(batches) / max(1, views)))
    for n, (number, batch) in enumerate(batches, 1):
        began = time.process_time()
        refused = parts[number].fold(batch)
        taken["fold"] += time.process_time() - began
        assert not refused
        for name, due in (("view", view_due), ("cut", cut_due)):
            if n % due == 0 or n == len(batches):
                began = time.process_time()
                done = [getattr(part, name)() for part in parts.values()]
                taken[name] += time.process_time() - began
                if name == "cut":
                    made += zip(parts, done, strict=True)
    taken["fold"] -= taken["decode"]
    return taken


def _batches(records: Records) -> Iterator[tuple[int, Sequence[Any]]]:
    for start in range(0, max(map(len, records.values())), BATCH):
        for number, part in records.items():
            if batch := part[start : start + BATCH]:
                yield number, batch


async def fetched(servers: str, topic: str, count: int) -> Records:
    """All records of a topic."""
    from aiokafka import AIOKafkaConsumer

    found: Records = {number: [] for number in range(PARTITIONS)}
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        while sum(map(len, found.values())) < count:
            for part, records in (await consumer.getmany(timeout_ms=1000)).items():
                found[part.partition] += records
    finally:
        await consumer.stop()
    return found


async def appended(settings: WorkerSettings, cuts: Sequence[tuple[int, Cut]]) -> float:
    """CPU seconds of writing cuts to changelogs as a worker does, one transaction each."""
    await ensure(settings, [*specs(settings), *settings.changelogs(PARTITIONS)])
    changelogs = {number: KafkaChangelog(settings, settings.events_topic, number) for number in range(PARTITIONS)}
    for changelog in changelogs.values():
        await changelog.open()
    began = time.process_time()
    for number, cut in cuts:
        await changelogs[number].write(Commit(cut.fence + 1, cut.cells, cut.clients))
    taken = time.process_time() - began
    for changelog in changelogs.values():
        await changelog.close()
    return taken


def main(servers: str, prefix: str, app: str, count: str, cuts: str, views: str) -> None:
    """Print the stages as JSON."""
    settings = WorkerSettings(
        _env_file=None, kafka_servers=servers, topic_prefix=prefix, app_id=app, partitions=PARTITIONS
    )
    made: list[tuple[int, Cut]] = []
    records = asyncio.run(fetched(servers, settings.events_topic, int(count)))
    taken = inside(records, int(cuts), int(views), made)
    print(json.dumps(taken | {"append": asyncio.run(appended(settings, made))}))


if __name__ == "__main__":
    main(*sys.argv[1:7])
