"""An import that is killed and started again, once or twice: the log holds every line, and no number differs."""

import asyncio
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.bench.workload import events
from tests.faults.verdict import caught_up, ends, logged
from tests.support.workers import house as make_house
from tests.support.workers import until

pytestmark = pytest.mark.integration
COMMAND = (sys.executable, "-m", "deploy.cli")
DAYS = 50


@pytest.fixture
def house(kafka, redis_url, topic_prefix, app_id, tmp_path):
    with make_house(kafka, redis_url, topic_prefix, app_id, tmp_path) as found:
        made = subprocess.run([*COMMAND, "topics", "create"], env=found.environment, capture_output=True, check=False)
        assert made.returncode == 0, made.stderr
        yield found


def write(path, count):
    """A file of events of all types that happened in the last days; returns its lines."""
    start = datetime.now(UTC) - timedelta(days=DAYS)
    with path.open("wb") as file:
        for _, value in events(count, full=True, days=DAYS - 1, start=start, clients=count // 40):
            file.write(value + b"\n")


async def imported(house, path, kill_at):
    """Import a file in two runs, the first of which is killed once it has come so far (0 to 1); returns the seconds."""
    folder = house.folder / "state"
    command = [*COMMAND, "import", str(path), "--rejects", str(folder)]
    began = time.monotonic()
    killed = house.folder / "killed.log"
    with killed.open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, env=house.environment, stdout=log, stderr=log)
    size = path.stat().st_size

    def far_enough():
        assert process.returncode is None, killed.read_text()
        return any(json.loads(state.read_text())["end"] >= size * kill_at for state in folder.glob("*.json"))

    try:
        await until(far_enough, 600, f"{kill_at:.0%} imported")
    finally:
        process.kill()
        await process.wait()
    whole = await asyncio.create_subprocess_exec(*command, env=house.environment, stdout=subprocess.PIPE)
    said, _ = await whole.communicate()
    assert whole.returncode == 0, said
    assert not list(folder.glob("*.json"))
    return time.monotonic() - began


@pytest.mark.timeout(120)
async def test_killed_and_resumed(house, tmp_path):
    """Killed in the middle and started again, every line is in Kafka, and little more than a batch of them twice."""
    path = tmp_path / "history.jsonl"
    write(path, 150_000)
    await imported(house, path, 0.3)
    found = await logged(house.kafka)
    assert found.values == set(path.read_bytes().splitlines())
    assert 150_000 <= found.records <= 150_000 + 10_000


@pytest.mark.slow
@pytest.mark.timeout(7200)
async def test_two_million_twice(house, tmp_path):
    """Two million events, killed in the middle and resumed, twice: the same numbers, which are those of the log."""
    count = int(os.environ.get("TEST_IMPORT_EVENTS", "2000000"))
    path = tmp_path / "history.jsonl"
    write(path, count)
    worker = house.worker()
    folded = []
    for kill_at in (0.4, 0.7):
        seconds = await imported(house, path, kill_at)
        lag = await caught_up(house.business, await ends(house.kafka), 3000)
        report = await house.verdict(1800)
        assert report.is_equal, report.lines()
        print(f"imported in {seconds:.0f} s ({count / seconds:,.0f} events/s), folded {lag:.0f} s later")
        print("\n".join(report.lines()), flush=True)
        folded.append(report.outcomes["folded"])
    assert folded[0] == folded[1] == count
    assert worker.total("sales_worker_dead_letters_total") == 0
