"""What the wall stands on in these tests: a view in a real Redis, and a real exporter process over it."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from redis.asyncio import Redis

from deploy.stack.ports import free_port
from metrics.measure import key
from metrics.view import Field, Unanswered, Waiting, encode_any, encode_part, encode_unanswered, encode_waiting, field
from tests.support.boards import manager, plan
from tests.support.views import ViewWriter

ROOT = Path(__file__).parents[2]
IDLE = "idle"
CALENDAR = f"""hours: { ({day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}) }
teams: {{{IDLE}: {{hours: {{}}}}}}
"""
"""Work around the clock: there is a plan to date on every day that these tests are run. One team never works."""
MONEY = 10_000
SECOND = 1_000_000
ANNA, BORIS, OLGA = "m-1", "m-2", "m-3"
PEOPLE = {ANNA: ("north", "Anna Berg"), BORIS: ("north", "Boris Nikolaev"), OLGA: ("south", "Ольга Петрова")}
CALLS = {ANNA: 20, BORIS: 12, OLGA: 8}
WON = {ANNA: 9, BORIS: 4, OLGA: 2}
"""Deals won today; each brings 50,000."""

Bucket = tuple[str, int]
Place = tuple[Bucket, Field]


def today() -> date:
    """The day of the exporter's clock; its zone is UTC."""
    return datetime.now(UTC).date()


def busy_day(calls: int, won: int, scale: int = 1) -> dict[str, int]:
    """A day on which all fifteen KPIs have something."""
    amount = won * 50_000 * MONEY * scale
    return {
        key("c", "inbound", "answered"): calls * scale,
        key("m"): 3 * scale,
        key("r", "call", "first", "1"): calls,
        key("r", "call", "first", "s"): calls * 8 * SECOND,
        key("r", "chat", "next", "4"): 6,
        key("r", "chat", "next", "s"): 6 * 25 * SECOND,
        key("d", "call"): calls + 2,
        key("t", "call"): calls,
        key("d", "chat"): 8,
        key("t", "chat"): 6,
        key("mc", "called_back"): 6,
        key("mc", "lost"): 2,
        key("cd"): 8,
        key("ct"): min(calls // 4, 8),
        key("cb", "11"): 6,
        key("cb", "s"): 6 * 540 * SECOND,
        key("ld"): 10,
        key("lt"): 7,
        key("lr", "9"): 9,
        key("lr", "s"): 9 * 150 * SECOND,
        key("lo", "cold"): 10,
        key("lw"): 4,
        key("dx", "retail", "won"): won * scale,
        key("dx", "retail", "lost"): 5 * scale,
        key("wa", "retail", "RUB"): amount,
        key("rd", "retail"): 1,
        key("ra", "retail", "RUB"): 50_000 * MONEY * scale,
        key("pa", "retail", "RUB"): amount // 4,
        key("ka", "retail", "RUB"): amount,
        key("dd", "retail", "5"): won,
        key("dd", "retail", "s"): won * 9 * 86_400 * SECOND,
        key("rv", "RUB"): amount // 2,
        key("gs"): 9,
        key("gc"): 2,
        key("co", "ads", "RUB"): amount // 10,
    }


def open_now(scale: int = 1) -> dict[str, int]:
    """Clients ready to close, and what is owed: a part of it ten days late."""
    day = today().toordinal()
    return {
        key("cr"): 7,
        key("rc", str(day + 5), "RUB"): 300_000 * MONEY * scale,
        key("rc", str(day - 10), "RUB"): 100_000 * MONEY * scale,
    }


class View:
    """Writes the view as workers do: through the sink, each time with a greater fence."""

    def __init__(self, redis_url: str, app_id: str) -> None:
        self._writer = ViewWriter(redis_url, app_id)
        self.keys = self._writer.keys
        self._url = redis_url
        self._places: set[Place] = set()
        self._records: set[str] = set()

    async def close(self) -> None:
        await self._writer.close()

    async def put(self, parts: Mapping[Place, Mapping[str, int]]) -> None:
        """Set parts; an empty one takes it away."""
        hashes: dict[str, dict[bytes, bytes]] = {}
        for (bucket, where), part in parts.items():
            key = self.keys.cells(*bucket, where.partition)
            hashes.setdefault(key, {})[field(*where)] = encode_part(part) if part else b"\x80"
            self._places.add((bucket, where))
        await self._writer.write(hashes)

    async def waiting(self, *rows: tuple[str, str, float]) -> None:
        """Who waits: (channel, manager, seconds so far)."""
        now = time.time()
        people = [Waiting(channel, who, "", int((now - seconds) * SECOND)) for channel, who, seconds in rows]
        await self._writer.write({self.keys.waiting: {b"0": encode_waiting(people)}})

    async def unanswered(self, *rows: tuple[str, str, str, float], team: str = "") -> None:
        """Whom to call: (kind, client, manager, seconds since)."""
        now = time.time()
        found = [
            Unanswered(kind, client, f"{kind}-{number}", who, team, int((now - seconds) * SECOND))
            for number, (kind, client, who, seconds) in enumerate(rows)
        ]
        await self._writer.write({self.keys.unanswered: {b"0": encode_unanswered(found)}})

    async def beat(self, age: float = -86_400, contact: float | None = None) -> None:
        """The owner's heartbeat, `age` seconds old, and Kafka's last answer; by default they stay fresh."""
        now = time.time()
        at, answered = (int((now - ago) * 1000) for ago in (age, age if contact is None else contact))
        await self._writer.write(at=at, contact=answered)

    async def reference(self, records: Mapping[str, dict[str, Any] | None]) -> None:
        """Set reference records; None takes one away."""
        self._records.update(records)
        values = {name.encode(): encode_any(record) for name, record in records.items()}
        await self._writer.write({self.keys.reference: values})

    async def fill(self, scale: int = 1, people: Mapping[str, tuple[str, str]] = PEOPLE) -> None:
        """The floor that tests begin with; whatever else was written is taken away."""
        parts: dict[Place, dict[str, int]] = {place: {} for place in self._places}
        day = today()
        before = (day.replace(day=1) - timedelta(days=1)).replace(day=1)
        yesterday = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
        for who in people:
            calls, won = CALLS.get(who, 5), WON.get(who, 1)
            parts[("d", day.toordinal()), Field(0, who, "")] = busy_day(calls, won, scale)
            parts[("h", int(yesterday.timestamp())), Field(0, who, "")] = busy_day(calls // 2, won + 1, scale)
            parts[("d", before.toordinal()), Field(0, who, "")] = busy_day(calls * 2, won, scale)
        parts[("o", 0), Field(0, ANNA, "")] = open_now(scale)
        periods = (f"{day:%Y-%m}", f"{day:%Y}-Q{(day.month + 2) // 3}", f"{day:%Y}")
        records: dict[str, dict[str, Any] | None] = dict.fromkeys(self._records)
        records |= {f"manager:{who}": manager(who, team, name) for who, (team, name) in people.items()}
        scopes = ("company:", "team:north", f"manager:{ANNA}")
        records |= {
            f"plan:{scope}:{period}": plan(scope, period, f"{2_000_000 * scale * (index + 1)}", currency="RUB")
            for scope in scopes
            for index, period in enumerate(periods)
        }
        await self._writer.sink.generation()
        await self.reference(records)
        await self.waiting()
        await self.unanswered()
        await self.put(parts)
        await self.beat()

    async def calls(self, who: str, count: int) -> None:
        """Give a manager another number of calls today."""
        await self.put({(("d", today().toordinal()), Field(0, who, "")): busy_day(count, WON.get(who, 1))})

    async def forget(self) -> None:
        """Remove every key of this application id."""
        async with Redis.from_url(self._url) as client:
            async for name in client.scan_iter(match=self.keys.waiting.removesuffix("waiting") + "*"):
                await client.delete(name)
        self._writer.lost()


class ExporterProcess:
    """One `sales-pulse exporter`, to start, kill and start again on the same port."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "calendar.yaml").write_text(CALENDAR)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SALES_")}
        self.environment = {
            **clean,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "SALES_CALENDAR": str(folder / "calendar.yaml"),
            "SALES_EXPORTER_LISTEN": f"127.0.0.1:{self.port}",
            "SALES_VIEW_MAX_AGE": "30",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "ExporterProcess":
        with (self.folder / "exporter.log").open("ab") as log:
            self.process = subprocess.Popen(
                (sys.executable, "-m", "deploy.cli", "exporter"),
                env=self.environment, stdout=log, stderr=log, cwd=self.folder,
            )  # fmt: skip
        return self

    def wait(self, seconds: float = 60) -> None:
        """Until it says that its view is loaded and fresh."""
        deadline = time.monotonic() + seconds
        while True:
            assert self.process is not None
            log = self.folder / "exporter.log"
            assert self.process.poll() is None, f"the exporter ended: {log.read_text()[-2000:]}"
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, f"not ready in {seconds} s: {log.read_text()[-2000:]}"
            time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL, as the kernel does it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
