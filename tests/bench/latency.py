"""From publishing an event to seeing it on /metrics, under a steady load.

Run against a running stack: python -m tests.bench.latency RATE SECONDS; addresses come from .local/stack.env.
Probes are meetings of managers that nobody else has; each is looked for in the text of /metrics.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime
from uuid import uuid4

import httpx

from metrics.settings import ExporterSettings
from producers.events import MeetingHeld
from producers.publisher import SalesPublisher, encoded
from tests.bench import workload

PROBES_PER_SECOND = 4


async def load(publisher: SalesPublisher, rate: int, seconds: float) -> int:
    """A steady load of the benches' mix, dated now."""
    began, sent = time.perf_counter(), 0
    count = int(rate * seconds * 1.2)
    pairs = workload.events(count, managers=50, clients=5_000, days=count / rate / 86_400, start=datetime.now(UTC))
    while (passed := time.perf_counter() - began) < seconds:
        due = int(passed * rate) - sent
        for _ in range(due):
            key, value = next(pairs)
            task = asyncio.ensure_future(publisher.publish_raw(key, value))
            task.add_done_callback(lambda done: done.exception())
        sent += due
        await asyncio.sleep(0.01)
    return sent


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


async def measure(rate: int, seconds: float) -> None:
    """Print p50, p99 and the greatest latency."""
    settings = ExporterSettings()
    url = f"http://{settings.exporter_listen}/metrics"
    taken: list[float] = []
    async with SalesPublisher() as publisher, httpx.AsyncClient(timeout=30) as client:
        running = asyncio.ensure_future(load(publisher, rate, seconds))
        began = time.perf_counter()
        while time.perf_counter() - began < seconds - 1:
            taken.append(await probe(publisher, client, url))
            await asyncio.sleep(1 / PROBES_PER_SECOND)
        sent = await running
    taken.sort()
    p50, p99 = taken[len(taken) // 2], taken[min(len(taken) - 1, int(len(taken) * 0.99))]
    print(
        f"{sent / seconds:,.0f} events/s, {len(taken)} probes: p50 {p50:.3f} s, p99 {p99:.3f} s, max {taken[-1]:.3f} s"
    )


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]), float(sys.argv[2])))
