"""The runbook's commands do as they are written, on a real Kafka: ours, and Kafka's own tools."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.stack.http import answers_ok
from deploy.stack.jars import jars
from deploy.stack.kafka import VERSION, java
from deploy.stack.ports import free_port
from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.docs.test_runbook import NEEDS, ROOT, commands

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
TOOLS = {"kafka-topics.sh": "TopicCommand", "kafka-transactions.sh": "TransactionsCommand"}
"""Script of Kafka → its class; the wheel of the tests has no scripts."""


def test_what_the_runbook_says_to_type_runs(
    kafka: str, redis_url: str, topic_prefix: str, app_id: str, tmp_path: Path
) -> None:
    """Whole commands as they stand end well on an empty log; what needs a portal says which setting it lacks."""
    asyncio.run(ensure(KafkaSettings(kafka_servers=kafka, topic_prefix=topic_prefix, _env_file=None)))
    ours = {
        "SALES_KAFKA_SERVERS": kafka, "SALES_REDIS_URL": redis_url, "SALES_TOPIC_PREFIX": topic_prefix,
        "SALES_APP_ID": app_id, "SALES_LEDGER_LISTEN": f"127.0.0.1:{(port := free_port())}",
    }  # fmt: skip
    environment = {**os.environ, **ours, "PYTHONPATH": str(ROOT)}
    ran = []
    for _, command in commands():
        program, *words = command.split()
        if program != "sales-pulse" or command in NEEDS or command == "sales-pulse reference":
            continue
        if command == "sales-pulse dead-letters dismiss":
            words += ["--reason", "not_json"]
        argv = [sys.executable, "-m", "deploy.cli", *words]
        ran.append(command)
        if command == "sales-pulse ledger":
            served(argv, tmp_path, environment, port)
            continue
        done = subprocess.run(
            argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        if "bitrix24" in command:
            assert "SALES_BITRIX24_WEBHOOK_URL" in done.stderr, (command, done.stderr)
        else:
            assert done.returncode == 0, (command, done.stderr)
    assert len(ran) >= 6


def served(argv: list[str], folder: Path, environment: dict[str, str], port: int) -> None:
    """What runs until it is stopped serves its port, and ends well."""
    with (folder / "served.log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 120
        while not answers_ok(f"http://127.0.0.1:{port}/healthz"):
            assert process.poll() is None, (folder / "served.log").read_text()
            assert time.monotonic() < deadline, argv
            time.sleep(0.2)
    finally:
        process.terminate()
        ended = process.wait(60)
    assert ended == 0, (folder / "served.log").read_text()


def test_kafkas_tools_know_what_the_runbook_asks_of_them(kafka: str, topic_prefix: str) -> None:
    """Names of tools and options are those of this Kafka."""
    topic = f"{topic_prefix}.events"
    asyncio.run(ensure(KafkaSettings(kafka_servers=kafka, topic_prefix=topic_prefix, _env_file=None)))
    lines = [
        ["kafka-topics.sh", "--describe", "--topic", topic],
        ["kafka-transactions.sh", "find-hanging", "--topic", topic],
        ["kafka-transactions.sh", "describe-producers", "--topic", topic, "--partition", "0"],
        ["kafka-transactions.sh", "abort", "--help"],
    ]
    classpath = os.pathsep.join(jars(f"org.apache.kafka:kafka-tools:{VERSION}"))
    for script, *given in lines:
        words = ["--bootstrap-server", kafka, *given]
        argv = [java(), "-cp", classpath, f"org.apache.kafka.tools.{TOOLS[script]}", *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False)
        is_help = words[-1] == "--help" and f"{words[-2]} " in done.stdout
        assert done.returncode == 0 or is_help, (script, words, done.stdout, done.stderr)
