"""Real worker processes for tests: started as users start them, killed as the kernel kills, judged by the audit."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.stack.ports import free_port
from metrics.settings import BusinessSettings
from producers.publisher import SalesPublisher
from producers.settings import KafkaSettings
from producers.simulator.floor import Setup, key_of
from producers.simulator.session import SessionPlan, stream
from streams.audit import AuditError, AuditReport, audit

COMMAND = (sys.executable, "-m", "deploy.cli", "worker")
ROOT = Path(__file__).parents[2]
DAY = 86_400_000_000


def end(process: "subprocess.Popen[Any]") -> None:
    """End a process that a test is done with, at once; where coverage is measured it has time to write its own."""
    if "COVERAGE_PROCESS_CONFIG" in os.environ:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
    process.kill()
    process.wait(10)


class WorkerProcess:
    """One `sales-pulse worker`, with its log beside its data."""

    def __init__(self, house: "House", worker_id: str, **settings: str) -> None:
        self.worker_id = worker_id
        self.port = free_port()
        self.folder = house.folder / worker_id
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log_path = self.folder / "worker.log"
        self.environment = {
            **house.environment,
            "SALES_WORKER_ID": worker_id,
            "SALES_DATA_DIR": str(self.folder / "data"),
            "SALES_WORKER_METRICS_LISTEN": f"127.0.0.1:{self.port}",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "WorkerProcess":
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(COMMAND, env=self.environment, stdout=log, stderr=log, cwd=ROOT)
        return self

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait(10)

    def wait(self, seconds: float) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            end(self.process)

    def metrics(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Samples by name and labels; empty when nobody answers."""
        try:
            text = httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=5).text
        except httpx.TransportError:
            return {}
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def ready(self) -> bool:
        """What an orchestrator is told."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def total(self, name: str) -> float:
        return sum(value for (found, _), value in self.metrics().items() if found == name)

    def owned(self) -> set[int]:
        """Partitions that are restored and folded here."""
        return {
            int(dict(labels)["partition"])
            for (name, labels), value in self.metrics().items()
            if name == "sales_worker_partition_ready" and value
        }


class House:
    """A topic prefix and an application id of their own in the shared servers."""

    def __init__(self, kafka: str, redis_url: str, prefix: str, app_id: str, folder: Path, partitions: int = 3) -> None:
        self.folder = folder
        self.app_id = app_id
        self.prefix = prefix
        self.redis_url = redis_url
        self.kafka_servers = kafka
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SALES_")},
            "SALES_KAFKA_SERVERS": kafka,
            "SALES_REDIS_URL": redis_url,
            "SALES_APP_ID": app_id,
            "SALES_TOPIC_PREFIX": prefix,
            "SALES_PARTITIONS": str(partitions),
            "SALES_TIMEZONE": "Europe/Moscow",
            "PYTHONUNBUFFERED": "1",
        }
        self.kafka = KafkaSettings(kafka_servers=kafka, topic_prefix=prefix, partitions=partitions)
        self.business = BusinessSettings(app_id=app_id, redis_url=redis_url, timezone="Europe/Moscow")
        self.workers: list[WorkerProcess] = []

    def worker(self, worker_id: str = "one", **settings: str) -> WorkerProcess:
        """Start a worker."""
        found = WorkerProcess(self, worker_id, **settings)
        self.workers.append(found)
        return found.start()

    def close(self) -> None:
        for worker in self.workers:
            worker.close()

    async def publish(self, events: Iterable[dict[str, Any]]) -> int:
        """Send events and wait for the brokers."""
        records = [(key_of(event).encode(), json.dumps(event).encode()) for event in events]
        async with SalesPublisher(self.kafka) as publisher:
            return await publisher.publish_many_raw(records)

    async def verdict(self, patience: float = 60.0) -> AuditReport:
        """What the audit finds once everything is folded and shown."""
        deadline = time.monotonic() + patience
        while True:
            try:
                report = await audit(self.kafka, self.business, patience=20)
            except AuditError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.5)
                continue
            behind = await self.behind(report)
            if (report.is_equal and not behind) or time.monotonic() > deadline:
                assert not behind, f"{behind} records were not folded"
                return report
            await asyncio.sleep(0.5)

    async def behind(self, report: AuditReport) -> int:
        """Records of the log after the fences of a report; ends of transactions are none."""
        from streams.plain.kafka import kafka_log

        topic, behind = self.kafka.events_topic, 0
        async with kafka_log(self.kafka) as log:
            for number, end in (await log.ends(topic)).items():
                async for chunk in log.read(topic, number, report.fences.get(number, -1) + 1, end):
                    behind += len(chunk)
        return behind


@contextmanager
def house(kafka: str, redis_url: str, prefix: str, app_id: str, folder: Path, partitions: int = 3) -> Iterator[House]:
    """A house whose workers end with it."""
    found = House(kafka, redis_url, prefix, app_id, folder, partitions)
    try:
        yield found
    finally:
        found.close()


def floor(count: int, seed: int = 1, managers: int = 12, days: int = 30) -> list[dict[str, Any]]:
    """The first `count` events of a simulated floor that began `days` ago, without reference data."""
    start = time.time_ns() // 1000 - days * DAY
    plan = SessionPlan(
        Setup(seed=seed, managers=managers), start, start + days * DAY, start + days * DAY, 0, "wall", False
    )
    return [event for _, event in islice(stream(plan), count)]


async def until(condition: Any, seconds: float, what: str, pause: float = 0.2) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(pause)
