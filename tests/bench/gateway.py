"""`python -m tests.bench.gateway`: how fast one gateway on one core is, and what it holds while Kafka does not answer.

A real broker acknowledges every event before the 202. Load, broker and everything else have the other cores.
"""

import argparse
import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from deploy.stack.ports import free_port
from tests.bench.workload import events
from tests.support.servers import kafka_cluster

DIFFERENT = 20_000
"""Events that the load takes in turn."""


@dataclass
class LoadRun:
    """What one load found: latencies in seconds, answers by status."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    untold: int = 0

    def quantile(self, share: float) -> float:
        """A latency in milliseconds."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(len(self.seconds) * share))] * 1000


async def load(port: int, bodies: list[bytes], media: str, connections: int, lasting: float) -> LoadRun:
    """Send requests over so many kept connections, each as soon as its last was answered."""
    run, bodies_in_turn = LoadRun(), itertools.cycle(bodies)
    until = time.perf_counter() + lasting

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        while (began := time.perf_counter()) < until:
            body = next(bodies_in_turn)
            head = (
                f"POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: {media}\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            status = int(answer[9:12])
            run.seconds.append(time.perf_counter() - began)
            run.statuses[status] += 1
            run.untold += status in {429, 503} and b"\r\nretry-after: " not in answer
        writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    return run


def bodies(size: int) -> tuple[list[bytes], str]:
    """Requests of `size` events, and their content type."""
    start = datetime.now(UTC) - timedelta(days=10)
    values = [value for _, value in events(DIFFERENT, full=True, days=9, start=start)]
    if size == 1:
        return values, "application/cloudevents+json"
    batches = [values[n : n + size] for n in range(0, len(values) - size + 1, size)]
    return [b"[" + b",".join(batch) + b"]" for batch in batches], "application/cloudevents-batch+json"


@contextmanager
def gateway(servers: str, core: int, **settings: str) -> Iterator[tuple[psutil.Process, int]]:
    """A gateway of its own on one core; gives the process and its port."""
    environment = os.environ | {
        "SALES_KAFKA_SERVERS": servers,
        "SALES_TOPIC_PREFIX": "bench",
        "SALES_PARTITIONS": "4",
        "SALES_GATEWAY_EVENTS_PER_SECOND": "10000000",
        "SALES_LOG_LEVEL": "error",
        **settings,
    }
    cli = [sys.executable, "-m", "deploy.cli"]
    subprocess.run([*cli, "topics", "create"], env=environment, check=True, capture_output=True)
    port = free_port()
    command = ["taskset", "-c", str(core), *cli, "gateway", "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, env=environment)
    try:
        deadline = time.monotonic() + 60
        while not any(c.laddr.port == port for c in psutil.Process(process.pid).net_connections("tcp")):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the gateway did not start")
            time.sleep(0.1)
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        process.wait(30)


def speed(process: psutil.Process, port: int, size: int, connections: int, lasting: float) -> str:
    """One line of the table."""
    made, media = bodies(size)
    asyncio.run(load(port, made, media, connections, 1.0))
    before = process.cpu_times()
    began = time.perf_counter()
    run = asyncio.run(load(port, made, media, connections, lasting))
    wall = time.perf_counter() - began
    after = process.cpu_times()
    if set(run.statuses) != {202}:
        raise SystemExit(f"not all was taken: {run.statuses}")
    sent = run.statuses[202] * size
    cpu = after.user + after.system - before.user - before.system
    latency = f"{run.quantile(0.5):.1f}, {run.quantile(0.99):.1f}"
    return f"| {size} | {connections} | {sent / wall:,.0f} | {sent / cpu:,.0f} | {latency} | {cpu / wall:.0%} |"


async def stalled(process: psutil.Process, port: int, connections: int, lasting: float) -> tuple[LoadRun, int]:
    """Load while the broker stands still; also the most memory that the gateway had (bytes)."""
    made, media = bodies(500)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, process.memory_info().rss)
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    run = await load(port, made, media, connections, lasting)
    watching.cancel()
    return run, most


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(prog="python -m tests.bench.gateway", description=__doc__)
    ask.add_argument("--seconds", type=float, default=10.0, help="how long each load lasts")
    ask.add_argument("--connections", type=int, default=16)
    ask.add_argument("--core", type=int, default=0)
    given = ask.parse_args()
    os.sched_setaffinity(0, set(range(os.cpu_count() or 1)) - {given.core} or {0})
    with tempfile.TemporaryDirectory() as folder, kafka_cluster(Path(folder), 1) as cluster:
        with gateway(cluster.servers, given.core) as (process, port):
            print("| events a request | connections | events/s | events per CPU-second | p50, p99 ms | of its core |")
            print("|---|---|---|---|---|---|", flush=True)
            for size in (1, 100, 500):
                print(speed(process, port, size, given.connections, given.seconds), flush=True)
        with gateway(cluster.servers, given.core, SALES_GATEWAY_TIMEOUT="3") as (process, port):
            made, media = bodies(500)
            asyncio.run(load(port, made, media, given.connections, 2.0))
            before = process.memory_info().rss
            cluster.nodes[0].pause()
            run, most = asyncio.run(stalled(process, port, 400, 3 * given.seconds))
            cluster.nodes[0].resume()
            time.sleep(5)
            after = asyncio.run(load(port, made, media, given.connections, 2.0))
            answers = ", ".join(f"{status}: {count}" for status, count in sorted(run.statuses.items()))
            print(f"broker stopped for {3 * given.seconds:.0f} s, 400 connections, 500 events a request: {answers}")
            print(
                f"without Retry-After: {run.untold}; memory {before / 1e6:.0f} MB before, {most / 1e6:.0f} MB at most"
            )
            print(f"once it goes on: {dict(after.statuses)}")


if __name__ == "__main__":
    main()
