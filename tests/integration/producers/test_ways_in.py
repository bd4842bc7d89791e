"""Simulator, import and reference tool against a real Kafka, as commands, as users run them."""

import asyncio
import os
import re
import signal
import subprocess
import sys

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from producers.events.intake import check
from producers.partitioner import partition_for
from producers.reference.topic import current
from producers.settings import KafkaSettings

pytestmark = pytest.mark.integration


@pytest.fixture
def environment(kafka, topic_prefix, tmp_path):
    """The environment of a command, with topics of its own."""
    found = {
        **os.environ,
        "SALES_KAFKA_SERVERS": kafka,
        "SALES_TOPIC_PREFIX": topic_prefix,
        "SALES_PARTITIONS": "3",
        "SALES_CALENDAR": str(tmp_path / "calendar.yaml"),
    }
    subprocess.run([*COMMAND, "topics", "create"], env=found, cwd=tmp_path, check=True, capture_output=True)
    return found


COMMAND = (sys.executable, "-c", "from deploy.cli import main; main()")


@pytest.fixture
def call(environment, tmp_path):
    """Run a command; return exit status, standard output and standard error."""

    def run(*arguments, **options):
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            timeout=100,
            check=False,
            **options,
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return run


async def log(environment):
    """Return all events of the log, each of which intake takes where it lies; per partition in order."""
    topic = f"{environment['SALES_TOPIC_PREFIX']}.events"
    servers = environment["SALES_KAFKA_SERVERS"]
    partitions = [TopicPartition(topic, number) for number in range(3)]
    found = []
    async with AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while sum(ends.values()) > len(found):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [check(record) for record in records]
                assert all(partition_for(record.key, 3) == record.partition for record in records)
    return found


async def test_simulate_days(call, environment):
    """Past days arrive as fast as can be, on the right partitions, none of them from the future."""
    status, _, error = call("simulate", "--days", "3", "--managers", "8")
    assert status == 0, error
    events = await log(environment)
    assert len(events) > 500
    settings = KafkaSettings(
        kafka_servers=environment["SALES_KAFKA_SERVERS"], topic_prefix=environment["SALES_TOPIC_PREFIX"]
    )
    held = await current(settings)
    assert sum(key.startswith("manager:") for key in held) == 8


async def test_simulate_stops_and_goes_on(call, environment, tmp_path):
    """Stopped by SIGTERM it ends well; started again it does not send the past again."""
    arguments = ["simulate", "--backlog-days", "2", "--managers", "8", "--events-per-second", "10"]
    before = 0
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(*COMMAND, *arguments, env=environment, cwd=tmp_path)
        try:
            async with asyncio.timeout(90):
                while len(await log(environment)) < max(100, before + 5):
                    pass
        finally:
            process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
        events = await log(environment)
        assert len(events) > before
        before = len(events)
    ids = [event.id for event in events]
    assert len(set(ids)) > 0.97 * len(ids)


async def test_import_twice(call, environment, tmp_path):
    """What the simulator writes comes in whole; bad lines are kept and tell in the exit status."""
    status, lines, error = call("simulate", "--days", "2", "--managers", "5", "--to", "-", "--no-reference")
    assert status == 0, error
    file = tmp_path / "events.jsonl"
    file.write_text(lines + "no json\n")
    status, said, _ = call("import", "events.jsonl", "--dry-run")
    assert status == 1
    assert "not_json: 1" in said
    assert await log(environment) == []
    status, said, _ = call("import", "events.jsonl")
    assert status == 1
    sent = len(lines.splitlines())
    # The floor sends some events twice: those lines are known already.
    known = sent - len(await log(environment))
    twice = f", {known} known already" if known else ""
    assert f"{sent + 1} lines read: {sent} taken, 0 left out, 1 refused; {sent - known} events sent{twice}" in said
    assert (tmp_path / ".local/import/events.jsonl.rejects").read_text() == "no json\n"
    first = await log(environment)
    status, _, _ = call("import", "-", "--allow-refused", input=file.read_bytes())
    assert status == 0
    assert len(await log(environment)) == len(first)


def test_reference(call, tmp_path):
    """The template is applied, shown as a difference, and changes nothing the second time."""
    _, template, _ = call("reference", "template")
    template = re.sub(r"(?m)^# (?=calendar:|  )", "", template)
    (tmp_path / "r.yaml").write_text(template)
    status, said, error = call("reference", "apply", "r.yaml", "--dry-run")
    assert status == 0, error
    assert "+ manager:m-1" in said
    assert "15 records would be sent" in said
    status, _, error = call("reference", "apply", "r.yaml")
    assert status == 2
    assert "--yes" in error
    status, said, error = call("reference", "apply", "r.yaml", "--yes")
    assert status == 0, error
    assert (tmp_path / "calendar.yaml").exists()
    assert call("reference", "apply", "r.yaml", "--yes")[:2] == (0, "nothing changes\n")
    (tmp_path / "r.yaml").write_text(template.replace("99.8", "100.1"))
    status, said, _ = call("reference", "apply", "-", "--yes", input=template.replace("99.8", "100.1").encode())
    assert said == "~ rate:EUR:2026-11-01: rate 99.8 → 100.1\n1 records sent\n"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["simulate", "--profile", "loud"], 2, "--profile is wall or load"),
        (["simulate", "--start", "today"], 2, "RFC 3339"),
        (["simulate", "--days", "1", "--start", "2026-11-20T00:00:00Z"], 2, "--days"),
        (["import"], 2, "which file"),
        (["import", "nowhere.jsonl"], 1, "no such file"),
        (["import", "x.csv", "--format", "csv"], 2, "--mapping"),
        (["reference", "apply", "nowhere.yaml"], 1, "nowhere.yaml"),
    ],
)
def test_mistakes_are_one_line(call, arguments, status, said):
    """A user's mistake has one clear line and no traceback."""
    found, _, error = call(*arguments)
    assert found == status
    assert said in error
    assert len(error.strip().splitlines()) == 1
