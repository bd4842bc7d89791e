"""Our processes end when they are told to, whatever they are at, and say so when their port is taken."""

import asyncio
import os
import random
import re
import signal
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.stack.ports import free_port
from deploy.stack.program import Program
from metrics import view
from metrics.exporter.board import Board
from metrics.exporter.feed.follow import ViewFollower
from metrics.exporter.http.server import Exporter, create_app
from metrics.measure import key
from metrics.redis_client import connect
from metrics.settings import ExporterSettings
from streams.view.sink import RedisSink
from tests.support.servers import kafka_cluster, redis_server
from tests.support.workers import until

pytestmark = pytest.mark.integration

DAYS, MANAGERS, PARTITIONS = 400, 60, 4
MOMENTS = 24
EXPORTER_SECONDS = 2.0
WORKER_SECONDS = 10.0
GATEWAY_SECONDS = 14.0
SETTINGS = {"exporter": "SALES_EXPORTER_LISTEN", "gateway": "SALES_GATEWAY_LISTEN"} | {
    "worker": "SALES_WORKER_METRICS_LISTEN"
}


def command(name: str, folder: Path, port: int, **settings: str) -> Program:
    """One of our processes on a port, with a log of its own."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("SALES_")}
    env |= {"PYTHONUNBUFFERED": "1", SETTINGS[name]: f"127.0.0.1:{port}", **settings}
    return Program(
        f"{name}-{port}", [sys.executable, "-m", "deploy.cli", name], log=folder / f"{name}-{port}.log", env=env
    )


async def fill(url: str, app_id: str) -> None:
    """A view that takes a second or two to load."""
    keys, sink, today = view.Keys(app_id), RedisSink(url, app_id), datetime.now(UTC).toordinal()
    part = view.encode_part({key("c", "inbound", "answered"): 3, key("m"): 1, key("wa", "retail", "RUB"): 10**9})
    parts = {
        number: {view.field(number, f"m-{m}", "n"): view.fenced(1, part) for m in range(MANAGERS)}
        for number in range(PARTITIONS)
    }
    waiting = {str(number).encode(): view.fenced(1, view.encode_waiting([])) for number in range(PARTITIONS)}
    await sink.generation()
    for day in range(DAYS):
        hashes = {keys.cells("d", today - day, number): fields for number, fields in parts.items()}
        await sink.write({**hashes, keys.waiting: waiting, keys.unanswered: waiting}, whole=hashes)
    beat = {"at": int(time.time() * 1000) + 3_600_000, "time": 0, "count": PARTITIONS, "hashes": DAYS}
    beat |= {"worker": "w", "whole": True, "version": view.VERSION}
    beats = {str(p).encode(): view.fenced(1, view.encode_any(beat)) for p in range(PARTITIONS)}
    await sink.write({keys.partitions: beats}, quiet=[keys.partitions])
    await sink.close()


async def test_the_exporter_can_be_ended_at_any_moment_of_loading(redis_url, app_id):
    """Its application ends at once, also when the cancellation arrives with the answer to a request."""
    await fill(redis_url, app_id)
    slowest = 0.0
    for number in range(MOMENTS):
        settings = ExporterSettings(_env_file=None, app_id=app_id)
        client = connect(redis_url)
        board = Board(settings)
        app = create_app(Exporter(settings, board, ViewFollower(board, client, app_id)))
        async with asyncio.timeout(30), app.router.lifespan_context(app):
            await asyncio.sleep(0.002 * 1.3**number)
            began = time.monotonic()
        slowest = max(slowest, time.monotonic() - began)
        await client.aclose()
    assert slowest < EXPORTER_SECONDS


async def ended(program: Program, seconds: float) -> float:
    """Tell it to end; how long it took (s)."""
    began = time.monotonic()
    program.signal(signal.SIGTERM)
    await until(lambda: not program.running, seconds + 20, f"{program.name} ends\n{program.output()}", pause=0.01)
    return time.monotonic() - began


async def answers(program: Program, port: int) -> None:
    """Wait until it answers."""
    async with httpx.AsyncClient() as client, asyncio.timeout(90):
        while True:
            try:
                await client.get(f"http://127.0.0.1:{port}/healthz", timeout=1)
            except httpx.TransportError:
                assert program.running, program.output()
                await asyncio.sleep(0.05)
            else:
                return


async def walls(port: int, until_set: asyncio.Event) -> None:
    """Two walls and a Prometheus, as they ask until the exporter is gone."""

    async def stream(client: httpx.AsyncClient) -> None:
        async with client.stream("GET", "/api/v1/stream") as answer:
            async for _ in answer.aiter_lines():
                pass

    async def ask(client: httpx.AsyncClient, path: str) -> None:
        while not until_set.is_set():
            await client.get(path, headers={"accept-encoding": "gzip"}, timeout=30)

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        asked = (stream(client), stream(client), ask(client, "/metrics"), ask(client, "/api/v1/live"))
        await asyncio.gather(*asked, return_exceptions=True)


@pytest.mark.parametrize("state", ["loads", "shows", "before Redis is up", "Redis hangs"])
async def test_the_exporter_ends_within_two_seconds(tmp_path, app_id, state):
    """SIGTERM at random moments, with walls connected; Redis in any state."""
    chance = random.Random(state)
    server = redis_server(tmp_path)
    server.start()
    try:
        await fill(server.url, app_id)
        if state == "before Redis is up":
            server.stop()
        took = []
        for _ in range(3):
            port, done = free_port(), asyncio.Event()
            program = command("exporter", tmp_path, port, SALES_REDIS_URL=server.url, SALES_APP_ID=app_id)
            program.start_process()
            await answers(program, port)
            asking = asyncio.create_task(walls(port, done))
            await asyncio.sleep(chance.uniform(0, 0.4) if state == "loads" else chance.uniform(2, 5))
            if state == "Redis hangs":
                server.pause()
                await asyncio.sleep(chance.uniform(0, 2))
            took.append(await ended(program, EXPORTER_SECONDS))
            server.resume()
            done.set()
            await asyncio.wait_for(asking, 30)
            assert "ended hard" not in program.output(), program.output()
        assert max(took) < EXPORTER_SECONDS, took
    finally:
        server.resume()
        server.stop()


@pytest.mark.parametrize("name", ["exporter", "gateway", "worker"])
async def test_a_taken_port_is_said_and_ends_the_process(tmp_path, kafka, redis_url, app_id, name):
    """Exit 1 with one line that names the address and the setting."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        settings: dict[str, str] = {"SALES_KAFKA_SERVERS": kafka, "SALES_REDIS_URL": redis_url, "SALES_APP_ID": app_id}
        settings["SALES_DATA_DIR"] = str(tmp_path / "data")
        program = command(name, tmp_path, port, **settings)
        program.start_process()
        await until(lambda: not program.running, 60, f"{name} ends\n{program.output()}")
    assert program.returncode == 1
    assert "Traceback" not in program.output()
    assert re.search(rf"127\.0\.0\.1:{port} .*{SETTINGS[name]}", program.output())


@pytest.mark.parametrize("state", ["no Kafka", "Kafka hangs at the start", "works", "Kafka hangs"])
@pytest.mark.parametrize("name", ["worker", "gateway"])
async def test_worker_and_gateway_end_in_time(tmp_path, redis_url, app_id, name, state):
    """SIGTERM at random moments, with Kafka in any state: the worker within 10 s, the gateway within 14."""
    chance, limit = random.Random(name + state), {"worker": WORKER_SECONDS, "gateway": GATEWAY_SECONDS}[name]
    cluster: Any = kafka_cluster(tmp_path, 1)
    cluster.start()
    try:
        if state == "no Kafka":
            cluster.stop()
        if state == "Kafka hangs at the start":
            cluster.nodes[0].pause()
        port = free_port()
        settings = {"SALES_KAFKA_SERVERS": cluster.servers, "SALES_REDIS_URL": redis_url, "SALES_APP_ID": app_id}
        settings |= {"SALES_TOPIC_PREFIX": app_id, "SALES_DATA_DIR": str(tmp_path / "data")}
        program = command(name, tmp_path, port, **settings)
        program.start_process()
        if state in {"works", "Kafka hangs"}:
            await answers(program, port)
            await asyncio.sleep(chance.uniform(3, 6))
            assert program.running, program.output()
        else:
            # A gateway without Kafka says so and ends by itself, at once where the machine is slow to look.
            await until(lambda: program.listens(port) or not program.running, 60, f"{name} listens, or says why not")
            assert program.running or "cannot be reached" in program.output(), program.output()
            await asyncio.sleep(chance.uniform(0, 3))
        if state == "Kafka hangs":
            cluster.nodes[0].pause()
            await asyncio.sleep(chance.uniform(0, 5))
        assert await ended(program, limit) < limit, program.output()
    finally:
        cluster.nodes[0].resume()
        cluster.stop()
