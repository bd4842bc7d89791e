"""Secured servers once for all tests here, with users and rights as `sales-pulse rights` makes them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from deploy.stack.ports import free_port
from producers.rights import users
from tests.integration.security.secured import ADMIN, PASSWORD, ROOT, SecuredKafka, SecuredRedis
from tests.support.certificates import certificate


def environment(**settings: str) -> dict[str, str]:
    """What a process of ours is started with: nothing of the person who runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SALES_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **settings}


def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `sales-pulse` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        env=environment(**settings), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Kafka and Redis, secured, with topics made by the user whose right that is."""
    folder = tmp_path_factory.mktemp("secured")
    kafka = SecuredKafka(folder / "kafka", certificate(folder / "tls", "kafka"))
    redis = SecuredRedis(folder / "redis", certificate(folder / "tls", "redis"))
    stranger = certificate(folder / "tls", "stranger")
    try:
        redis.start()
        kafka.start(timeout=120)
        passwords = folder / "passwords"
        passwords.mkdir()
        for user in users():
            (passwords / user).write_text(f"{PASSWORD}\n")
        rights = command("rights", str(passwords), **kafka.environment(ADMIN))
        assert rights.returncode == 0, rights.stderr
        topics = command("topics", "create", SALES_PARTITIONS="2", **kafka.environment("sales-topics"))
        yield SimpleNamespace(kafka=kafka, redis=redis, stranger=stranger, topics=topics, folder=folder)
    finally:
        kafka.stop()
        redis.stop()


@pytest.fixture(scope="module")
def service(secured: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """A worker and a ledger that are the users they should be, and an exporter that needs none."""
    ports = SimpleNamespace(worker=free_port(), exporter=free_port(), ledger=free_port())
    common = {"SALES_REDIS_URL": secured.redis.url}
    programs = {
        "worker": {
            "SALES_WORKER_ID": "secured",
            "SALES_DATA_DIR": str(secured.folder / "worker"),
            "SALES_WORKER_METRICS_LISTEN": f"127.0.0.1:{ports.worker}",
        },
        "ledger": {
            "SALES_LEDGER_LISTEN": f"127.0.0.1:{ports.ledger}",
            "SALES_LEDGER_URL": f"sqlite:///{secured.folder / 'ledger.sqlite'}",
        },
        "exporter": {
            "SALES_EXPORTER_LISTEN": f"127.0.0.1:{ports.exporter}",
            "SALES_LEDGER_ADDRESS": f"http://127.0.0.1:{ports.ledger}",
        },
    }
    processes: list[subprocess.Popen[bytes]] = []
    logs: dict[str, Path] = {}
    try:
        for name, own in programs.items():
            logs[name] = secured.folder / f"{name}.log"
            with logs[name].open("wb") as log:
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "deploy.cli", name],
                        env=environment(
                            **common,
                            **own,
                            **({} if name == "exporter" else secured.kafka.environment(f"sales-{name}")),
                        ),
                        cwd=ROOT,
                        stdout=log,
                        stderr=log,
                    )
                )
        yield SimpleNamespace(url=f"http://127.0.0.1:{ports.exporter}", logs=logs, **vars(ports))
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
