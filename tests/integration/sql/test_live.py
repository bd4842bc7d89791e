"""The whole ledger beside a real PostgreSQL and Kafka: killed at random, and PostgreSQL away while it answers."""

import asyncio
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from deploy.stack.ports import free_port
from producers.topics import ensure
from tests.integration.test_ledger import calls
from tests.support.postgres import PostgresServer
from tests.support.workers import House, end, house, until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]


class LiveLedger:
    """`sales-pulse ledger` with tables, which can be killed and started again."""

    def __init__(self, where: House, folder: Path, url: str) -> None:
        self.port, self._folder = free_port(), folder
        self.environment = {
            **where.environment,
            "SALES_LEDGER_LISTEN": f"127.0.0.1:{self.port}",
            "SALES_LEDGER_URL": f"sqlite:///{folder / 'ledger.sqlite'}",
            "SALES_LEDGER_POSTGRES": url,
            "SALES_LEDGER_POSTGRES_PASSWORD": "writes",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "ledger.log").open("ab") as log:
            command = [sys.executable, "-m", "deploy.cli", "ledger"]
            self.process = subprocess.Popen(command, env=os.environ | self.environment, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        return (self._folder / "ledger.log").read_text()

    def ask(self, path: str, **params: str) -> dict[str, Any] | None:
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}{path}", params=params, timeout=30)
        except httpx.HTTPError:
            return None
        return dict(answer.json()) if answer.status_code == 200 else None

    def total(self) -> int:
        told = self.ask("/api/v1/explain", family="sales_calls", window="year", limit="1")
        return -1 if told is None else int(Fraction(told["total"]))


@contextmanager
def living(where: House, folder: Path, url: str) -> Iterator[LiveLedger]:
    ledger = LiveLedger(where, folder, url)
    ledger.start()
    try:
        yield ledger
    finally:
        if ledger.process is not None:
            end(ledger.process)


def counted(postgres: PostgresServer, database: str) -> int:
    """Calls by SQL; -1 where nothing is shown yet."""
    query = "SELECT (SELECT count(*) FROM sales_pulse.calls), (SELECT sum(value) FROM sales_pulse.family_days)"
    try:
        with postgres.connect(database, "sales_reader", "reads") as reader:
            ((of_entities, of_numbers),) = reader.execute(query).fetchall()
    except psycopg.Error:
        return -1
    return int(of_entities) if of_entities == of_numbers else -1


async def test_killed_and_away(
    kafka: str, redis_url: str, topic_prefix: str, app_id: str, tmp_path: Path, postgres: PostgresServer, database: str
) -> None:
    url, rng = postgres.url("sales", database), random.Random(1)
    with house(kafka, redis_url, topic_prefix, app_id, tmp_path) as where:
        await ensure(where.kafka)
        sent = await where.publish(calls(0, 3_000))
        with living(where, tmp_path, url) as ledger:
            for _ in range(5):
                sent += await where.publish(calls(sent, 1_000))
                await asyncio.sleep(rng.uniform(2, 8))
                ledger.kill()
                ledger.start()
            await until(lambda: counted(postgres, database) == sent == ledger.total(), 180, "all is there", pause=1)
            postgres.stop()
            sent += await where.publish(calls(sent, 1_000))
            await until(lambda: ledger.total() == sent, 60, "the ledger goes on alone")
            await until(lambda: not (ledger.ask("/api/v1/audit") or {"sql": {"up": True}})["sql"]["up"], 60, "told")
            postgres.start()
            await until(lambda: counted(postgres, database) == sent, 90, "the rest is there", pause=1)
            sent += await _paced(where, postgres, database, sent)
            assert "writes" not in ledger.log()
            assert "Traceback" not in ledger.log()


async def _paced(where: House, postgres: PostgresServer, database: str, sent: int) -> int:
    """1,000 events a second; prints by how much the tables are behind what was acknowledged."""
    lags: list[float] = []
    total = 0
    for _ in range(10):
        began = time.monotonic()
        total += await where.publish(calls(sent + total, 1_000))
        acknowledged = time.monotonic()
        await until(lambda at=sent + total: counted(postgres, database) >= at, 60, "followed", pause=0.05)
        lags.append(time.monotonic() - acknowledged)
        await asyncio.sleep(max(0.0, began + 1 - time.monotonic()))
    print(
        f"behind what was acknowledged: p50 {statistics.median(lags):.1f} s, most {max(lags):.1f} s, {os.getloadavg()}"
    )
    return total
