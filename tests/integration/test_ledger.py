"""The ledger on a real Kafka: it answers for all of the log or says that it cannot, whatever becomes of its file."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.new_partitions import NewPartitions

from producers.topics import ensure
from streams.ledger.follow import LedgerFollower
from streams.ledger.schema import connect
from streams.ledger.server import create_app
from streams.plain.rules import PlainRules
from tests.support.workers import House, house, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
_AT = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 86_400))


def calls(first: int, count: int) -> list[dict[str, Any]]:
    """Calls of yesterday, of many clients."""
    return [
        {
            "specversion": "1.0", "id": f"e{n}", "source": "pbx://a", "type": "sales.call.ended.v1", "time": _AT,
            "data": {
                "call_id": f"c{n}", "client_id": f"cl-{n % 500}", "manager_id": f"m-{n % 7}", "started_at": _AT,
                "direction": "outbound", "outcome": "busy",
            },
        }
        for n in range(first, first + count)
    ]  # fmt: skip


class AskedLedger:
    """A ledger that runs, and what it says."""

    def __init__(self, web: httpx.AsyncClient, follower: LedgerFollower) -> None:
        self.web, self.follower = web, follower

    async def total(self) -> int | str:
        """How many calls there are, or why it does not say."""
        asked = {"family": "sales_calls", "window": "year", "limit": "1"}
        answer = await self.web.get("/api/v1/explain", params=asked)
        assert answer.status_code in {200, 503}, answer.text
        told = answer.json()
        return int(Fraction(told["total"])) if answer.status_code == 200 else str(told["detail"])

    async def until(self, expected: int) -> set[str]:
        """Ask until all is there; nothing else is ever said but that it is not. What was said meanwhile."""
        said: set[str] = set()
        deadline = time.monotonic() + 90
        while isinstance(total := await self.total(), str):
            said.add(total)
            assert time.monotonic() < deadline, said
            await asyncio.sleep(0.02)
        assert total == expected
        return said


@asynccontextmanager
async def running(where: House, path: Path) -> AsyncIterator[AskedLedger]:
    follower = LedgerFollower(where.kafka, PlainRules.of(where.business), path)
    app = create_app(follower)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://l") as web:
        yield AskedLedger(web, follower)


async def test_all_of_the_log_or_nothing(kafka, redis_url, topic_prefix, app_id, tmp_path, monkeypatch):
    """From before its first record to a log whose topic has grown: never a number of a part of it."""
    monkeypatch.setattr("streams.ledger.server.FRESH_SECONDS", 0.2)
    monkeypatch.setattr("streams.ledger.reading._RECORDS", 700)
    monkeypatch.setattr("streams.ledger.follow._PAUSE", 0.1)
    path = tmp_path / "ledger.sqlite"
    with house(kafka, redis_url, topic_prefix, app_id, tmp_path) as where:
        await ensure(where.kafka)
        sent = await where.publish(calls(0, 6_000))
        async with running(where, path) as ledger:
            said = await ledger.until(sent)
            assert any("records are still to be read" in one for one in said), said
            sent = await _as_it_is_written(where, ledger, sent)
            sent = await _file_gone(where, ledger, path, sent)
            sent = await _out_of_range(where, ledger, sent)
            await _damaged(ledger, path, sent)
        assert len(list(tmp_path.glob("*.aside-*"))) >= 1
        sent += await where.publish(calls(sent, 3_000))
        async with running(where, path) as ledger:
            await ledger.until(sent)
            await _reference_recreated(where, ledger, path, sent)
            await _topic_grown(where, ledger)


async def _as_it_is_written(where: House, ledger: AskedLedger, sent: int) -> int:
    """What was acknowledged before the question is in the answer."""
    for _ in range(8):
        sent += await where.publish(calls(sent, 50))
        assert not isinstance(await ledger.total(), int) or await ledger.total() == sent
        await ledger.until(sent)
    return sent


async def _file_gone(where: House, ledger: AskedLedger, path: Path, sent: int) -> int:
    before = _unlinked(path)
    sent += await where.publish(calls(sent, 50))
    await ledger.until(sent)
    await until(lambda: _number(path) not in (0, before), 60, "a new file")
    await ledger.until(sent)
    return sent


async def _out_of_range(where: House, ledger: AskedLedger, sent: int) -> int:
    """Where Kafka says that there is nothing at what is to be read next, nothing is skipped."""
    reading = ledger.follower._reading
    assert reading is not None
    for tp in reading.partitions:
        reading.consumer.seek(tp, 10**9)
    sent += await where.publish(calls(sent, 50))
    await until(lambda: ledger.follower._reading not in (reading, None), 60, "read again")
    await ledger.until(sent)
    return sent


async def _damaged(ledger: AskedLedger, path: Path, sent: int) -> None:
    """Pages that were overwritten while it runs: it says that it cannot be read, and is built again."""
    before = _overwritten(path)
    deadline = time.monotonic() + 60
    while _number(path) in (0, before):
        await ledger.total()
        if ledger.follower.index is not None:
            ledger.follower.index.close()  # the next question reads the file, and not what is remembered of it
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await ledger.until(sent)


def _number(path: Path) -> int:
    return path.stat().st_ino if path.exists() else 0


def _unlinked(path: Path) -> int:
    before = _number(path)
    path.rename(path.with_name("elsewhere"))  # not unlinked: its number would be given to the next one
    return before


def _overwritten(path: Path) -> int:
    database = connect(path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    return _number(path)


async def _topic_grown(where: House, ledger: AskedLedger) -> None:
    """New partitions are read as soon as they are there; which records count where is judged again from the start."""
    admin = AIOKafkaAdminClient(**where.kafka.client_options())
    await admin.start()
    await admin.create_partitions({where.kafka.events_topic: NewPartitions(5)})
    await admin.close()

    def is_read_again() -> bool:
        reading = ledger.follower._reading
        return reading is not None and reading.source.partitions == 5

    await until(is_read_again, 60, "five partitions")
    await until(lambda: len(ledger.follower.progress._reached) == 5 + 1, 60, "all of them are read")


async def _reference_recreated(where: House, ledger: AskedLedger, path: Path, sent: int) -> None:
    """Reference data of a topic that is gone is not gone on with: the index is built again, with the new topic's."""
    before = _number(path)
    admin = AIOKafkaAdminClient(**where.kafka.client_options())
    await admin.start()
    await admin.delete_topics([where.kafka.reference_topic])
    await admin.close()
    await asyncio.sleep(2)
    await ensure(where.kafka)
    await until(lambda: _number(path) not in (0, before), 60, "a new file")
    await ledger.until(sent)


def test_a_wrong_address_of_the_file_is_one_line(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    command = [sys.executable, "-m", "deploy.cli", "ledger", "--url", f"sqlite:///{tmp_path}/mine.txt"]
    environment = os.environ | {"SALES_LEDGER_LISTEN": "127.0.0.1:0"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "SALES_LEDGER_URL" in ended.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]
