"""A day on a busy floor in fast motion, with a worker killed every simulated hour, judged by the audit.

Everything is a process as users start it: Kafka, Redis, workers, exporter, ledger, simulator. The hour is what the
workers' partition time says, so a worker dies in the middle of what it folds, not of what is only sent.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil

from deploy.stack.kafka import KafkaCluster
from deploy.stack.ports import free_port
from deploy.stack.program import Program
from deploy.stack.redis import RedisServer
from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.faults.verdict import ends
from tests.faults.workers import WorkerProgram, fences
from tests.soak.memory import Memory
from tests.support.proving import LedgerProgram, falsify

ROOT = Path(__file__).parents[2]
_CELLS = re.compile(r'^sales_worker_cells\{partition="\d+"\} (\S+)$', re.MULTILINE)
_TIME = re.compile(r'^sales_worker_partition_time_seconds\{partition="\d+"\} (\S+)$', re.MULTILINE)
_TICK = 0.25
_SCRAPE_SECONDS = 5.0
_AGAIN_SECONDS = 1.0
"""So long after its end a worker is started again, as a supervisor would."""
_PATIENCE = 300.0


@dataclass
class Verdict:
    """What a day came to. `audit`: the report of `sales-pulse audit --json`.

    proofs: how often the standing audit found all that is shown right; differences: what it ever found wrong.
    found: what it said of a number that was made wrong at the end, so many seconds before.
    """

    memory: Memory
    audit: dict[str, Any] = field(default_factory=dict)
    is_equal: bool = False
    kills: int = 0
    crashes: int = 0
    sent: int = 0
    seconds: float = 0.0
    proofs: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    found_after: float = 0.0


class Day:
    """One day: `events` in `hours` simulated hours, each lasting `hour_seconds` real ones."""

    def __init__(
        self, folder: Path, *, events: int, hours: int, hour_seconds: float, managers: int, workers: int,
        profile: str, tell: Callable[[str], None], store: str = "memory",
    ) -> None:  # fmt: skip
        self.folder, self.hours, self.hour_seconds, self.tell = folder, hours, hour_seconds, tell
        self.managers, self.profile, self.store = managers, profile, store
        self.rate = events / hours / 3600
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.start = midnight - timedelta(hours=hours)
        self.verdict = Verdict(Memory())
        self.kafka = KafkaCluster(folder / "kafka", heap="640m")
        self.redis = RedisServer(folder / "redis")
        self.names = [f"worker-{number + 1}" for number in range(workers)]
        self.workers: list[WorkerProgram] = []
        self.exporter_port = free_port()
        self._ended: dict[str, float] = {}
        self._scraped = 0.0

    def run(self) -> Verdict:
        """Live through it. Whatever was started is ended."""
        began = time.monotonic()
        self.kafka.start()
        try:
            self.redis.start()
            self._environment()
            asyncio.run(ensure(KafkaSettings(kafka_servers=self.kafka.servers)))
            self.workers = [WorkerProgram(name, self.folder / name, self.environment) for name in self.names]
            self.exporter = self._program("exporter", "exporter")
            self.simulator = self._program("simulator", *self._simulate())
            self.ledger = LedgerProgram(self.folder / "ledger", self.environment)
            for program in (*self.workers, self.exporter, self.ledger):
                program.start_process()
            self._wait(lambda: all(worker.ready for worker in self.workers), "every worker has partitions")
            self.simulator.start_process()
            self._live()
            self._settle()
            self._audit()
            self._falsify()
        finally:
            self._end()
            self.verdict.seconds = time.monotonic() - began
        return self.verdict

    def _environment(self) -> None:
        mine = {
            "SALES_KAFKA_SERVERS": self.kafka.servers,
            "SALES_REDIS_URL": self.redis.url,
            "SALES_EXPORTER_LISTEN": f"127.0.0.1:{self.exporter_port}",
            "SALES_STORE": self.store,
            "PYTHONUNBUFFERED": "1",
        }
        theirs = {name: value for name, value in os.environ.items() if not name.startswith("SALES_")}
        self.environment = theirs | mine

    def _program(self, name: str, *arguments: str) -> Program:
        argv = [sys.executable, "-m", "deploy.cli", *arguments]
        return Program(name, argv, log=self.folder / f"{name}.log", env=self.environment, cwd=ROOT)

    def _simulate(self) -> list[str]:
        end = self.start + timedelta(hours=self.hours)
        return [
            "simulate", f"--start={self.start.isoformat()}", f"--end={end.isoformat()}", f"--profile={self.profile}",
            f"--speed={3600 / self.hour_seconds:.3f}", f"--managers={self.managers}",
            f"--events-per-second={self.rate:.4f}",
        ]  # fmt: skip

    # -- while it lasts

    def _live(self) -> None:
        """Until the simulator has sent all: look, scrape, and kill one worker in the middle of every hour."""
        killed = 0
        while self.simulator.running:
            hour = self._tick()
            if killed < self.hours and hour >= killed + 0.5:
                self._kill(self.workers[killed % len(self.workers)], killed)
                killed += 1
                # It begins a cycle of its audit at each start.
                self._again(self.ledger)
        self.verdict.kills = killed
        if self.simulator.returncode != 0:
            raise AssertionError(f"the simulator ended: {self.simulator.last_words()}")

    def _tick(self) -> float:
        """One look: start again what ended, note the memory, ask the exporter as Prometheus does; the hour."""
        now = time.monotonic()
        for worker in self.workers:
            if not worker.running:
                ended = self._ended.setdefault(worker.name, now)
                if now - ended >= _AGAIN_SECONDS:
                    del self._ended[worker.name]
                    self.verdict.crashes += worker.returncode != -9
                    worker.start_process()
        self.ledger.look()
        if now - self._scraped >= _SCRAPE_SECONDS:
            self._scraped = now
            try:
                httpx.get(f"http://127.0.0.1:{self.exporter_port}/metrics", timeout=10)
            except httpx.HTTPError as error:
                self.tell(f"  the exporter did not answer: {error!r}")
        texts = [worker.text() for worker in self.workers if worker.running]
        now_at, memory = self._hour(texts), self.verdict.memory
        hour = min(self.hours - 1, int(now_at))
        memory.look(hour, self._processes(), time.time())
        memory.hold(hour, "events folded", sum(fence + 1 for fence in fences(self.workers).values()))
        memory.hold(hour, "parts of cells", sum(float(found) for text in texts for found in _CELLS.findall(text)))
        time.sleep(_TICK)
        return now_at

    def _hour(self, texts: list[str]) -> float:
        """The simulated hour that the workers have come to by what they say; 0 before the first event."""
        latest = max((float(found) for text in texts for found in _TIME.findall(text)), default=0.0)
        return max(0.0, (latest - self.start.timestamp()) / 3600)

    def _processes(self) -> dict[str, psutil.Process | None]:
        programs = [*self.workers, self.exporter, self.ledger, self.simulator]
        named = {one.name.removeprefix("worker "): one for one in programs}
        named |= {"redis": self.redis, "kafka": self.kafka.nodes[0]}
        return {name: psutil.Process(one.pid) if one.running else None for name, one in named.items()}

    def _kill(self, worker: WorkerProgram, hour: int) -> None:
        worker.kill()
        self._ended[worker.name] = time.monotonic()
        sizes = (
            f"{name} {size:.0f}" for name in self.verdict.memory.sizes if (size := self.verdict.memory.at(name, hour))
        )
        self.tell(f"hour {hour + 1:2}: {worker.worker_id} killed; MB: {', '.join(sizes)}")

    # -- at the end

    def _settle(self) -> None:
        """All that was sent is folded."""
        wanted = asyncio.run(ends(KafkaSettings(kafka_servers=self.kafka.servers)))
        self.verdict.sent = sum(wanted.values())

        def behind() -> int:
            found = fences(self.workers)
            return sum(end - 1 - found.get(number, -1) for number, end in wanted.items())

        self.tell(f"sent {self.verdict.sent:,}; {behind():,} of them not yet folded")
        self._wait(lambda: behind() == 0, "everything is folded")
        ended = time.time()
        self._again(self.ledger)
        self._wait(lambda: self.ledger.proved > ended, "the standing audit has proved the whole day")

    def _audit(self) -> None:
        self.tell("auditing …")
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli", "audit", "--json", "--patience=120"],
            env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not done.stdout.startswith("{"):
            raise AssertionError(f"the audit did not come to an end: {done.stderr[-2000:]}")
        self.verdict.audit = json.loads(done.stdout)
        self.verdict.is_equal = done.returncode == 0

    def _falsify(self) -> None:
        """What was proved until now; then one number is made wrong, which has to be found."""
        self.verdict.proofs, self.verdict.differences = self.ledger.proofs, list(self.ledger.differences)
        self.tell(f"proved {self.ledger.proofs} times; making a number wrong …")
        falsify(self.redis.url, "sales-pulse")
        began = time.monotonic()
        self._again(self.ledger)
        known = len(self.ledger.differences)
        self._wait(lambda: len(self.ledger.differences) > known, "the wrong number is found")
        self.verdict.found, self.verdict.found_after = self.ledger.differences[-1], time.monotonic() - began

    def _again(self, program: Program) -> None:
        program.kill()
        program.start_process()

    def _wait(self, condition: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                words = "; ".join(f"{worker.name}: {worker.last_words()}" for worker in self.workers)
                raise AssertionError(f"not within {_PATIENCE:.0f} s: {what} ({words})")
            self._tick()

    def _end(self) -> None:
        for worker in self.workers:
            worker.close()
        for name in ("simulator", "exporter", "ledger"):
            if program := getattr(self, name, None):
                program.stop()
        self.redis.stop()
        self.kafka.stop()
