"""From publishing an event to seeing it on /metrics, under a steady load, on a worker and an exporter of its own.

Probes are meetings of managers that nobody else has; each is looked for in the text of /metrics, of one
window so that the search itself takes no time.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from deploy.stack.http import answers_ok
from deploy.stack.ports import free_port
from deploy.stack.program import Program
from producers.events import MeetingHeld
from producers.publisher import SalesPublisher, encoded
from producers.settings import KafkaSettings
from tests.bench import workload
from tests.bench.stand import Stand, all_cores
from tests.support.workers import COMMAND, ROOT, House

PART = "From publishing to /metrics, s"
PROBES_PER_SECOND = 4
_TARGETS = {1_000: "p99 ≤ 0.3", 10_000: "p99 ≤ 1"}


def measure(stand: Stand) -> None:
    """Three rates, nothing pinned: broker, load, worker and exporter share all cores."""
    seconds = 5 if stand.asked.is_quick else 40
    for rate in (100, 1_000) if stand.asked.is_quick else (100, 1_000, 10_000):
        settings = stand.empty()
        with all_cores(), stand.house(settings) as place, exporter(place) as url:
            place.worker()
            reached, taken = asyncio.run(_measured(settings, url, rate, seconds))
        taken.sort()
        stand.results.add(
            PART,
            f"{rate:,} events/s wanted",
            {
                "events/s": float(reached),
                "probes": float(len(taken)),
                "p50": taken[len(taken) // 2],
                "p99": taken[min(len(taken) - 1, int(len(taken) * 0.99))],
                "max": taken[-1],
                "target": _TARGETS.get(rate, ""),
            },
            f"{seconds} s a rate, 50 managers, 5,000 clients; {os.cpu_count()} cores for everything",
        )


@contextmanager
def exporter(place: House) -> Iterator[str]:
    """An exporter beside a house's workers; the address of its /metrics."""
    listen = f"127.0.0.1:{free_port()}"
    program = Program(
        "exporter",
        [*COMMAND[:-1], "exporter"],
        log=place.folder / "exporter.log",
        env={**place.environment, "SALES_EXPORTER_LISTEN": listen},
        cwd=ROOT,
    )
    program.start_process()
    try:
        program.wait_until(lambda: answers_ok(f"http://{listen}/healthz"), timeout=60)
        yield f"http://{listen}/metrics?window=day"
    finally:
        program.stop()


async def _send(settings: KafkaSettings, rate: int, seconds: float, begun: Any) -> int:
    count = int(rate * seconds)
    pairs = list(workload.events(count, managers=50, clients=5_000, days=seconds / 86_400, start=datetime.now(UTC)))
    sent, sending = 0, set[asyncio.Task[int]]()
    async with SalesPublisher(settings) as publisher:
        begun.set()
        began = time.perf_counter()
        while sent < count:
            due = min(count, int((time.perf_counter() - began) * rate))
            if due > sent:
                task = asyncio.create_task(publisher.publish_many_raw(pairs[sent:due]))
                sending.add(task)
                task.add_done_callback(sending.discard)
                sent = due
            await asyncio.sleep(0.01)
        taken = time.perf_counter() - began
        await asyncio.gather(*sending)
    return round(sent / taken)


def load(servers: str, prefix: str, rate: int, seconds: float, begun: Any, reached: Any) -> None:
    """A steady load of the benches' mix, dated now, in a process of its own: the probes must not wait for it."""
    settings = KafkaSettings(_env_file=None, kafka_servers=servers, topic_prefix=prefix)
    reached.value = asyncio.run(_send(settings, rate, seconds, begun))


async def probe(publisher: SalesPublisher, client: httpx.AsyncClient, url: str) -> float:
    """Seconds until one event is on /metrics."""
    manager = f"probe-{uuid4().hex[:10]}"
    event = MeetingHeld.of(
        source="bench://probe", time=datetime.now(UTC), meeting_id=manager, client_id=manager, manager_id=manager
    )
    began = time.perf_counter()
    await publisher.publish_raw(*encoded(event))
    while manager not in (await client.get(url)).text:
        if time.perf_counter() - began > 30:
            return float("inf")
        await asyncio.sleep(0.005)
    return time.perf_counter() - began


async def _measured(settings: KafkaSettings, url: str, rate: int, seconds: float) -> tuple[int, list[float]]:
    taken: list[float] = []
    spawn = multiprocessing.get_context("spawn")
    begun, reached = spawn.Event(), spawn.Value("q", 0)
    given = settings.kafka_servers, settings.topic_prefix, rate, seconds, begun, reached
    sender = spawn.Process(target=load, args=given, daemon=True)
    async with SalesPublisher(settings) as publisher, httpx.AsyncClient(timeout=30) as client:
        await probe(publisher, client, url)  # until the worker has its partitions
        sender.start()
        await asyncio.to_thread(begun.wait, 60)
        began = time.perf_counter()
        while time.perf_counter() - began < seconds - 1:
            taken.append(await probe(publisher, client, url))
            await asyncio.sleep(1 / PROBES_PER_SECOND)
    await asyncio.to_thread(sender.join, 60)
    return reached.value, taken
