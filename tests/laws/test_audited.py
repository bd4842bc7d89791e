"""The whole way on real servers: publish, fold in a worker, audit; a falsified number is found; explain agrees."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from redis import Redis

from deploy.stack.ports import free_port
from metrics.ending import end_tasks
from metrics.view import Keys, decode_part, encode_part, split
from producers.partitioner import partition_for
from streams.audit.standing.standing import StandingAudit
from streams.audit.standing.view import RedisStore, View
from streams.ledger.follow import LedgerFollower
from streams.ledger.settings import LedgerSettings
from streams.plain.rules import PlainRules
from tests.laws.mixtures import ANCHORS, KINDS, Json, encode, event, key_of

pytestmark = pytest.mark.integration

PARTITIONS = 3


def _mixture(count: int) -> list[Json]:
    """A long mixture of the past, over many clients."""
    random = Random(4)
    found = []
    for _ in range(count):
        one = event(
            random.randrange(len(KINDS)),
            random.randrange(4),
            random.randrange(8),
            random.randrange(201),
            random.randrange(2**50),
        )
        text = json.dumps(one).replace("2026-", "2025-").replace("2027-", "2026-")
        number = random.randrange(40)
        made = json.loads(text.replace('"cl-', f'"cl-{number}-').replace('"k-', f'"k-{number}-'))
        found.append(made | {"id": f"{made['id']}-{number}-{random.randrange(8)}"})
    assert ANCHORS[7].year == 2026
    return found


class Stack:
    """Settings for every command of this test, and ways to call them."""

    def __init__(self, folder: Path, kafka: str, redis_url: str, prefix: str, app_id: str) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "SALES_KAFKA_SERVERS": kafka,
            "SALES_REDIS_URL": redis_url,
            "SALES_TOPIC_PREFIX": prefix,
            "SALES_APP_ID": app_id,
            "SALES_PARTITIONS": str(PARTITIONS),
            "SALES_TIMEZONE": "Europe/Berlin",
            "SALES_READY_STAGES": "READY",
            "SALES_WORKER_ID": app_id,
            "SALES_WORKER_METRICS_LISTEN": f"127.0.0.1:{free_port()}",
            "SALES_EXPORTER_LISTEN": f"127.0.0.1:{free_port()}",
            "SALES_LEDGER_LISTEN": (ledger := f"127.0.0.1:{free_port()}"),
            "SALES_LEDGER_ADDRESS": f"http://{ledger}",
            "SALES_LEDGER_URL": f"sqlite:///{folder / 'ledger.sqlite'}",
            "SALES_DATA_DIR": str(folder / "worker"),
        }
        self.events, self.keys = f"{prefix}.events", Keys(app_id)
        self.redis = Redis.from_url(redis_url)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "deploy.cli", *arguments],
            env=self.environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @contextmanager
    def running(self, command: str, *arguments: str) -> Iterator[None]:
        with (self.folder / f"{command}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "deploy.cli", command, *arguments],
                env=self.environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
            try:
                yield
            finally:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def fences(self) -> dict[int, int]:
        return {int(p): split(value)[0] for p, value in self.redis.hgetall(self.keys.partitions).items()}

    def wait_for(self, fences: dict[int, int]) -> None:
        deadline = time.monotonic() + 90
        while not all(self.fences().get(partition, -1) >= fence for partition, fence in fences.items()):
            assert time.monotonic() < deadline, (self.fences(), (self.folder / "worker.log").read_text()[-3000:])
            time.sleep(0.2)


async def _publish(stack: Stack, mixture: list[Json]) -> dict[int, int]:
    """Send as a plain producer would, with some records that cannot be used; says the last offsets."""
    from aiokafka import AIOKafkaProducer

    last: dict[int, int] = {}
    servers = stack.environment["SALES_KAFKA_SERVERS"]
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all", compression_type="gzip") as producer:
        for number, one in enumerate(mixture):
            key, value = key_of(one).encode(), encode(one)
            partition = partition_for(key, PARTITIONS)
            if number % 50 == 7:
                value = b"{"
            if number % 50 == 9:
                partition = (partition + 1) % PARTITIONS
            sent = await producer.send(stack.events, value, key, partition)
            if number >= len(mixture) - 60 or number % 500 == 0:
                done = await sent
                last[done.partition] = max(last.get(done.partition, -1), done.offset)
    return last


@pytest.fixture
def stack(tmp_path: Path, kafka: str, redis_url: str, topic_prefix: str, app_id: str) -> Iterator[Stack]:
    made = Stack(tmp_path, kafka, redis_url, topic_prefix, app_id)
    created = made.run("topics", "create")
    assert created.returncode == 0, created.stderr
    yield made
    made.redis.close()


async def test_the_view_is_what_the_log_says(stack: Stack) -> None:
    """No difference after a long mixture; one falsified part is found and named; explain adds up to /metrics."""
    last = await _publish(stack, _mixture(6000))
    with stack.running("worker"), stack.running("ledger"), stack.running("exporter"):
        stack.wait_for(last)
        await asyncio.sleep(2)
        audited = stack.run("audit", "--json")
        report: dict[str, Any] = json.loads(audited.stdout or "{}")
        assert audited.returncode == 0, audited.stderr + audited.stdout
        assert report["equal"]
        assert report["records"] == 6000 + 120
        assert report["dead_letters"] == {"not_json": 120}
        assert report["outcomes"]["forwarded"] == report["compared"]["forwarded records"] == 120
        assert report["compared"]["dead letters"] == 120
        assert report["compared"]["series of the exporter"] > 100
        assert report["notes"] == []
        mend = _falsify(stack)
        wrong = stack.run("audit")
        assert wrong.returncode == 1
        assert "1 differences" in wrong.stdout, wrong.stdout
        assert "open now" in wrong.stdout
        await _proved(stack, mend)
        await _explained(stack)


def _falsify(stack: Stack) -> Callable[[], object]:
    """Add a tenth of a kopeck to one part in Redis; calling what it gives mends that very part."""
    keys = (stack.keys.cells("o", 0, number) for number in range(64))
    key = next(key for key in keys if stack.redis.exists(key))
    field, value = next(iter(stack.redis.hgetall(key).items()))
    part = decode_part(split(value)[1])
    name = next(iter(part))
    part[name] += 1
    stack.redis.hset(key, field, value[:16] + encode_part(part))
    return partial(stack.redis.hset, key, field, value)


async def _proved(stack: Stack, mend: Callable[[], object]) -> None:
    """The standing audit finds it in its first cycle, with the ledger held at the view's records; then it is mended."""
    settings = LedgerSettings(**{  # type: ignore[arg-type]
        name.removeprefix("SALES_").lower(): value
        for name, value in stack.environment.items()
        if name.startswith("SALES_") and name != "SALES_LEDGER_URL"
    })  # fmt: skip
    rules, store = PlainRules.of(settings), RedisStore(stack.environment["SALES_REDIS_URL"])
    follower = LedgerFollower(settings, rules, stack.folder / "second.sqlite")
    view = View(store, settings.app_id, settings.timezone, rules)

    async def at_once(_: float) -> None:
        await asyncio.sleep(0.01)

    audit = StandingAudit(follower, view, rules, share=1, sleep=at_once)
    following = asyncio.create_task(follower.run())
    try:
        for wrong in (1, 0):
            for _ in range(300):
                await audit.cycle()
                if not audit.status.problem:
                    break
                await asyncio.sleep(0.1)
            assert audit.status.problem == ""
            assert sum(map(len, audit.status.differences.values())) == wrong, audit.status.as_json()
            mend()
        assert audit.status.shown > 0
        assert audit.status.compared["days"] > 1000
    finally:
        await end_tasks([following])
        follower.close()
        store.close()


async def _explained(stack: Stack) -> None:
    import httpx

    async with httpx.AsyncClient(base_url=f"http://{stack.environment['SALES_EXPORTER_LISTEN']}", timeout=60) as web:
        parameters = {"family": "sales_calls", "manager": "m-1", "window": "year", "period": "previous"}
        for _ in range(100):
            explained = await web.get("/api/v1/explain", params=parameters)
            if explained.status_code != 503:
                break
            await asyncio.sleep(0.2)
        assert explained.status_code == 200, explained.text + (stack.folder / "ledger.log").read_text()[-3000:]
        answer = explained.json()
        text = (await web.get("/metrics")).text
    wanted = [
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("sales_calls{") and 'manager="m-1"' in line and 'window="year",period="previous"' in line
    ]
    assert sum(wanted) > 10
    assert Fraction(answer["total"]) == sum(map(Fraction, wanted))
    assert sum(Fraction(row["contribution"]) for row in answer["entities"]) == Fraction(answer["total"])
