"""`python -m tests.bench`: how fast the worker is, as ratios to a bare drain and to idiomatic Faust, in one run.

Each engine runs alone, pinned to one core; Kafka and Redis have the others. CPU seconds are the engine's own.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from uuid import uuid4

import psutil
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from producers.settings import KafkaSettings
from tests.bench import workload
from tests.support.servers import kafka_service, redis_service
from tests.support.workers import House, house

PARTITIONS = 4


def pinned(core: int, argv: list[str]) -> list[str]:
    """A command line that runs on one core."""
    return ["taskset", "-c", str(core), *argv]


def peer(engine: str, servers: str, topic: str, count: int, core: int) -> dict[str, float]:
    """Run one of tests/bench/peers.py to its end."""
    command = pinned(core, [sys.executable, "-m", "tests.bench.peers", engine, servers, topic, str(count)])
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(f"{engine} gave no figures: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(lines[-1])
    return found


def worker(place: House, count: int, core: int, **settings: str) -> dict[str, float]:
    """Fold a backlog with `sales-pulse worker`: from its start, less what an idle start costs, to all committed."""
    process = place.worker(f"bench-{uuid4().hex[:6]}", **settings)
    assert process.process is not None
    me = psutil.Process(process.process.pid)
    me.cpu_affinity([core])
    began = 0.0
    busy = 0.0
    while (done := committed(place)) < count:
        if not me.is_running() or me.status() == psutil.STATUS_ZOMBIE:
            raise SystemExit(f"the worker ended: {process.log[-2000:]}")
        if not began and process.total("sales_worker_batches_total"):
            began, busy = time.perf_counter(), sum(me.cpu_times()[:2])
        time.sleep(0.1 if done else 0.02)
    taken = {"events": count, "cpu": sum(me.cpu_times()[:2]) - busy, "wall": time.perf_counter() - began}
    taken["rss_mb"] = me.memory_info().rss / 1e6
    process.signal(signal.SIGTERM)
    process.wait(20)
    return taken


def committed(place: House) -> int:
    """Records up to the offsets that the group has committed."""

    async def ask() -> int:
        admin = AIOKafkaAdminClient(bootstrap_servers=place.kafka_servers)
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(place.app_id)
        except GroupCoordinatorNotAvailableError:
            return 0
        finally:
            await admin.close()
        return sum(max(0, o.offset) for tp, o in offsets.items() if tp.topic == place.kafka.events_topic)

    return asyncio.run(ask())


def row(name: str, runs: list[dict[str, float]], base: float | None) -> str:
    """One line of the table."""
    rates = sorted(run["events"] / run["cpu"] for run in runs)
    walls = sorted(run["events"] / run["wall"] for run in runs)
    ratio = "" if base is None else f"{statistics.median(rates) / base:.2f}"
    spread = f"{rates[0]:,.0f}-{rates[-1]:,.0f}"
    return f"| {name} | {statistics.median(rates):,.0f} | {spread} | {statistics.median(walls):,.0f} | {ratio} |"


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    ask.add_argument("--events", type=int, default=200_000)
    ask.add_argument("--faust-events", type=int, default=20_000, help="idiomatic Faust is slow; it gets fewer")
    ask.add_argument("--repeats", type=int, default=3)
    ask.add_argument("--managers", type=int, default=500)
    ask.add_argument("--clients", type=int, default=50_000)
    ask.add_argument("--core", type=int, default=0)
    ask.add_argument("--full", action="store_true", help="all event types")
    given = ask.parse_args()
    os.sched_setaffinity(0, set(range(os.cpu_count() or 1)) - {given.core} or {0})
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("faust-streaming", "aiokafka", "msgspec"))
    size = f"{given.events:,} events, {given.managers} managers, {given.clients:,} clients, {PARTITIONS} partitions"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{python}, {versions}; {size}, {given.repeats} repeats")
    with (
        tempfile.TemporaryDirectory() as folder,
        kafka_service(Path(folder)) as kafka,
        redis_service(Path(folder)) as redis,
    ):
        measure(given, kafka.address, redis.address, Path(folder))


def measure(given: argparse.Namespace, servers: str, redis_url: str, folder: Path) -> None:
    """All engines on the same topic."""
    prefix = f"bench{uuid4().hex[:8]}"
    settings = KafkaSettings(_env_file=None, kafka_servers=servers, topic_prefix=prefix, partitions=PARTITIONS)
    subprocess.run(
        [sys.executable, "-m", "deploy.cli", "topics", "create"],
        check=True,
        capture_output=True,
        env=os.environ
        | {"SALES_KAFKA_SERVERS": servers, "SALES_TOPIC_PREFIX": prefix, "SALES_PARTITIONS": str(PARTITIONS)},
    )
    began = time.perf_counter()
    sent = workload.publish(
        settings, workload.events(given.events, managers=given.managers, clients=given.clients, full=given.full)
    )
    print(f"published {sent:,} events in {time.perf_counter() - began:.1f} s")
    print("| engine | events per CPU-second | spread | events per second | ratio to the drain |")
    print("|---|---|---|---|---|", flush=True)
    drains = [peer("drain", servers, settings.events_topic, sent, given.core) for _ in range(given.repeats)]
    base = statistics.median(run["events"] / run["cpu"] for run in drains)
    print(row("aiokafka drain", drains, base), flush=True)
    runs = []
    for n in range(given.repeats):
        with house(servers, redis_url, prefix, f"{prefix}-{n}", folder, PARTITIONS) as place:
            runs.append(worker(place, sent, given.core))
    print(row("Sales Pulse worker", runs, base), flush=True)
    if given.faust_events:
        few = min(given.faust_events, sent)
        slow = [peer("faust", servers, settings.events_topic, few, given.core) for _ in range(min(2, given.repeats))]
        print(row("Faust as its documentation teaches", slow, base), flush=True)
    print(f"worker's memory after the run: {statistics.median(run['rss_mb'] for run in runs):,.0f} MB")


if __name__ == "__main__":
    main()
