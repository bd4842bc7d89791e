"""Attack of a reader → what Prometheus and the exporter see of it: pytest -s -m attack tests/attacks."""

import asyncio
import os
import time
from collections import Counter
from contextlib import suppress

import httpx
import psutil
import pytest

from deploy.connections import most_connections
from tests.attacks.attackers import readers
from tests.bench.exporter import exporter

pytestmark = [pytest.mark.attack, pytest.mark.timeout(600)]
SECONDS = 20
_PATIENCE = 10
"""Prometheus' own time-out of a scrape (s)."""
_MOST_MB = 200
"""That an exporter may grow by."""


@pytest.fixture(scope="module")
def fed(tmp_path_factory):
    """An exporter of 40 managers with 400 days, and events."""
    most_connections()
    with exporter(tmp_path_factory.mktemp("exporter"), 40, 6, 20) as (address, program):
        yield int(address.rpartition(":")[2]), program.pid, program.log


async def prometheus(port, answers, slowest):
    """A scrape of what is so now every half second, on a connection that is kept, and whether it is ready."""
    async with httpx.AsyncClient(timeout=_PATIENCE, base_url=f"http://127.0.0.1:{port}") as client:
        while True:
            for path in ("/metrics?window=now", "/readyz"):
                began = time.monotonic()
                try:
                    answers[(await client.get(path)).status_code] += 1
                except httpx.HTTPError as error:
                    answers[type(error).__name__] += 1
                slowest[0] = max(slowest[0], time.monotonic() - began)
            await asyncio.sleep(0.5)


async def seconds_of(work, process):
    """Run it for so long; most memory meanwhile (bytes)."""
    task, most, ends = asyncio.create_task(work), 0, time.monotonic() + SECONDS
    while time.monotonic() < ends:
        most = max(most, process.memory_info().rss)
        await asyncio.sleep(0.2)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return most


@pytest.mark.parametrize("name", readers())
async def test_prometheus_is_served(fed, name):
    """While it lasts every scrape is answered in time, memory stays, little is logged; after it all is as it was."""
    port, pid, log = fed
    process = psutil.Process(pid)
    before, logged = process.memory_info().rss, log.stat().st_size
    attacker = asyncio.create_task(readers()[name](port))
    await asyncio.sleep(2)
    answers, slowest = Counter(), [0.0]
    most = await seconds_of(prometheus(port, answers, slowest), process)
    attacker.cancel()
    with suppress(asyncio.CancelledError):
        await attacker
    after, later = Counter(), [0.0]
    task = asyncio.create_task(prometheus(port, after, later))
    await asyncio.sleep(3)
    task.cancel()
    grown, logged = (most - before) / 2**20, (log.stat().st_size - logged) / 1000
    print(
        f"\n| {name} | {answers[200]} of {answers.total()} | {slowest[0]:.2f} s | {grown:+.0f} MB | {logged:.0f} kB | "
        f"after: {dict(after)}, {later[0]:.2f} s; load {os.getloadavg()[0]:.0f} |"
    )
    assert set(answers) == {200}
    assert set(after) == {200}
    assert grown < _MOST_MB
    assert logged < 1000
