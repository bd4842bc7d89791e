"""Memory stays bounded with a backlog of two million events, a Redis that stands still and a broker that stutters."""

import asyncio
import json
import os
import signal
import threading
import time

import psutil
import pytest

from deploy.stack.kafka import KafkaCluster
from deploy.stack.redis import RedisServer
from producers.publisher import SalesPublisher
from producers.topics import ensure
from tests.support.workers import house, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EVENTS = int(os.environ.get("TEST_BACKLOG_EVENTS", "2000000"))
CLIENTS = 20_000
MOST_MIB = 400
"""Of the worker: code, 20,000 clients, and batches whose number and size are bounded. Measured: 186 MiB at most."""


def _records():
    for number in range(EVENTS):
        client = f"cl-{number % CLIENTS}"
        data = {
            "deal_id": f"d-{number % CLIENTS}", "client_id": client, "manager_id": f"m-{number % 300}", "pipeline": "p",
            "stage": f"s-{number // CLIENTS}", "status": "open", "amount": f"{number % 10_000}.50", "currency": "RUB",
            "created_at": "2026-11-01T10:00:00Z",
        }  # fmt: skip
        event = {
            "specversion": "1.0", "id": f"e-{number}", "source": "crm://x", "type": "sales.deal.changed.v1",
            "time": f"2026-11-02T{number * 24 // EVENTS:02}:00:00.{number * 24 % EVENTS % 1_000_000:06}Z", "data": data,
        }  # fmt: skip
        yield client.encode(), json.dumps(event).encode()


def _stutter(node, ended):
    """Half of the time the broker is frozen."""
    while not ended.is_set():
        node.pause()
        time.sleep(0.3)
        node.resume()
        ended.wait(0.3)


async def test_memory_is_bounded(tmp_path, topic_prefix, app_id):
    """What the worker holds does not depend on how much waits before it or behind it."""
    redis = RedisServer(tmp_path / "redis")
    with (
        KafkaCluster(tmp_path / "kafka") as cluster,
        redis,
        house(cluster.servers, redis.url, topic_prefix, app_id, tmp_path, partitions=6) as found,
    ):
        await ensure(found.kafka)
        async with SalesPublisher(found.kafka) as publisher:
            await publisher.publish_many_raw(_records())
        redis.pause()
        worker = found.worker("one", SALES_START_TIMEOUT="60")
        await until(lambda: len(worker.owned()) == 6, 60, "all partitions owned")
        ended = threading.Event()
        stutter = threading.Thread(target=_stutter, args=(cluster.nodes[0], ended), daemon=True)
        stutter.start()
        began, samples, folded = time.monotonic(), [], 0.0
        try:
            while folded < EVENTS:
                samples.append(psutil.Process(worker.process.pid).memory_info().rss >> 20)
                folded = worker.total("sales_worker_events_total") + worker.total("sales_worker_stale_total")
                assert worker.process.poll() is None, worker.log[-500:]
                assert time.monotonic() - began < 600, f"{folded:.0f} folded"
                await asyncio.sleep(0.5)
        finally:
            ended.set()
            stutter.join()
            redis.resume()
        print(f"\n{EVENTS:,} events in {time.monotonic() - began:.0f} s, {max(samples)} MiB at most, {samples[::20]}")
        assert max(samples) < MOST_MIB
        report = await found.verdict(120)
        assert report.is_equal, report.lines()
        worker.signal(signal.SIGTERM)
        assert worker.wait(15) == 0
