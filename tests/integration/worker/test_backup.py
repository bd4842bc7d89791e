"""The restore drill: a floor is counted, kept, restored into empty topics, and counted there to the same numbers."""

import json
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from producers.publisher import SalesPublisher
from producers.settings import KafkaSettings
from producers.topics import ensure
from streams.backup.files import read_manifest, read_records
from tests.support.workers import House, floor
from tests.support.workers import house as make_house

ROOT = Path(__file__).resolve().parents[3]
ROSTER = {
    "specversion": "1.0", "id": "r-1", "source": "crm://a", "type": "sales.manager.changed.v1",
    "time": "2026-01-01T00:00:00Z", "data": {"manager_id": "m-1", "name": "Anna", "team_id": "north", "active": True},
}  # fmt: skip


def say(text: str) -> None:
    """A line of the drill's log (`pytest -s` shows it)."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


def command(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it; the log has what it said, or how much."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        cwd=house.folder, env={**house.environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    said = (done.stdout + done.stderr).rstrip().splitlines()
    say(f"sales-pulse {' '.join(arguments)} → {done.returncode}")
    print(
        "\n".join(f"         {line}" for line in said if len(said) < 12) or f"         {len(said):,} lines", flush=True
    )
    return done


async def numbers(redis_url: str, app_id: str) -> dict[str, dict[str, int]]:
    """What the view shows: manager, team and measure of each cell, summed over partitions."""
    from metrics import view

    keys, found = view.Keys(app_id), {}
    async with Redis.from_url(redis_url) as redis:
        async for key in redis.scan_iter(match=keys.waiting.removesuffix("waiting") + "*"):
            bucket = keys.bucket(key.decode())
            if bucket is None or bucket[0] != "d":
                continue
            for raw, value in (await redis.hgetall(key)).items():
                field, cells = view.parse_field(raw), found.setdefault(f"{bucket}", {})
                for name, amount in view.decode_part(view.split(value)[1]).items():
                    whose = f"{field.manager} {field.team} {name}"
                    cells[whose] = cells.get(whose, 0) + amount
    return found


async def send_odd(settings: KafkaSettings, events: list[dict]) -> None:
    """Records without a key on partition 0, from where they are forwarded, and what is refused."""
    async with AIOKafkaProducer(**settings.client_options()) as producer:
        for event in events:
            await producer.send_and_wait(settings.events_topic, json.dumps(event).encode(), partition=0)
        await producer.send_and_wait(settings.events_topic, b"no json", partition=1)
        ahead = {**events[0], "id": "ahead", "time": "2199-01-01T00:00:00Z"}
        await producer.send_and_wait(settings.events_topic, json.dumps(ahead).encode(), partition=1)


def blocks_of(past: str, folder: Path) -> None:
    """Prometheus takes the past that was rebuilt."""
    (folder / "past.txt").write_text(past)
    argv = ["promtool", "tsdb", "create-blocks-from", "--quiet", "--max-block-duration=1458h", "openmetrics"]
    argv += ["past.txt", "blocks"]
    subprocess.run(argv, cwd=folder, check=True, capture_output=True, timeout=60)
    assert list((folder / "blocks").iterdir())


@pytest.mark.slow
async def test_the_restore_drill(kafka, redis_url, topic_prefix, app_id, tmp_path):  # noqa: PLR0915 - one story
    """Taken again and again, each time what is new; an empty cluster has the same numbers, audit clean."""
    events = floor(1500)
    kept, spool = tmp_path / "kept", tmp_path / "spool"
    spool.mkdir()
    with sqlite3.connect(spool / "connector.sqlite3") as db:
        db.execute("CREATE TABLE cursor (name TEXT)")
        db.execute("INSERT INTO cursor VALUES ('calls')")
    with make_house(kafka, redis_url, topic_prefix, app_id, tmp_path) as first:
        await ensure(first.kafka)
        worker = first.worker()
        await first.publish(events[:700])
        async with SalesPublisher(first.kafka) as publisher:
            await publisher.publish_many_raw([(b"manager:m-1", json.dumps(ROSTER).encode())], reference=True)
        assert (await first.verdict()).is_equal
        said = command(first, "backup", str(kept), "--spool", str(spool))
        assert said.returncode == 0, said.stderr
        await first.publish(events[700:1200])
        worker.signal(15)
        worker.wait(20)
        # Nobody forwards these yet: they are kept all the same, and once.
        await send_odd(first.kafka, events[1200:1300])
        said = command(first, "backup", str(kept), "--spool", str(spool))
        assert said.returncode == 0, said.stderr
        assert "1 not_json" in said.stdout
        first.worker()
        # Forwarded before anything else comes: between partitions there is no order.
        assert (await first.verdict()).is_equal
        await first.publish(events[1300:])
        assert (await first.verdict()).is_equal
        before = read_manifest(kept)
        said = command(first, "backup", str(kept), "--spool", str(spool))
        assert said.returncode == 0, said.stderr
        manifest = read_manifest(kept)
        for number, about in before["events"].items():
            assert manifest["events"][number]["files"][: len(about["files"])] == about["files"], "taken once"
        files = [one for about in manifest["events"].values() for one in about["files"]]
        held = [json.loads(record.value)["id"] for about in files for record in read_records(kept, about)]
        assert sorted(held) == sorted(event["id"] for event in events)
        shown = await numbers(redis_url, app_id)
        past = command(first, "history", "openmetrics").stdout
        refused = command(first, "restore", str(kept), "--spool", str(tmp_path / "other"))
        assert refused.returncode == 1
        assert "restore fills an empty cluster only, or goes on" in refused.stderr
        assert "Traceback" not in refused.stderr
    with make_house(kafka, redis_url, f"{topic_prefix}-new", f"{app_id}-new", tmp_path / "new") as second:
        second.folder.mkdir(exist_ok=True)
        new_spool = tmp_path / "new-spool"
        said = command(second, "restore", str(kept), "--spool", str(new_spool))
        assert said.returncode == 0, said.stderr
        with sqlite3.connect(new_spool / "connector.sqlite3") as db:
            assert db.execute("SELECT name FROM cursor").fetchall() == [("calls",)]
        second.worker("two")
        report = await second.verdict()
        assert report.is_equal
        say(f"audit of the restored cluster: {report.compared.total():,} numbers compared, none differs")
        assert await numbers(redis_url, f"{app_id}-new") == shown
        assert shown
        say(f"the view shows {sum(map(len, shown.values())):,} parts of days, as before")
        made = command(second, "history", "openmetrics")
        assert made.stdout == past, made.stderr
        assert past.count("\n") > 100, "the past is not empty"
        blocks_of(made.stdout, tmp_path)


@pytest.mark.slow
async def test_a_damaged_or_cut_short_backup_is_refused(kafka, redis_url, topic_prefix, app_id, tmp_path):
    """Before anything is made in the cluster, in one line."""
    with make_house(kafka, redis_url, topic_prefix, app_id, tmp_path) as house:
        await ensure(house.kafka)
        await house.publish(floor(50))
        kept = tmp_path / "kept"
        assert command(house, "backup", str(kept)).returncode == 0
        house.environment["SALES_TOPIC_PREFIX"] = f"{topic_prefix}-other"
        manifest = read_manifest(kept)
        path = kept / "manifest.json"
        path.write_text(json.dumps({**manifest, "complete": False}))
        told = command(house, "restore", str(kept))
        assert (told.returncode, "was cut short" in told.stderr) == (1, True), told.stderr
        path.write_text(json.dumps({**manifest, "format": 2}))
        told = command(house, "restore", str(kept))
        assert (told.returncode, "another format" in told.stderr) == (1, True), told.stderr
        path.write_text(json.dumps(manifest))
        damaged = next(kept.glob("events-*"))
        damaged.write_bytes(damaged.read_bytes()[:-1])
        told = command(house, "restore", str(kept))
        assert (told.returncode, "its checksum differs" in told.stderr) == (1, True), told.stderr
        nothing = command(house, "restore", str(tmp_path / "none"))
        assert (nothing.returncode, "no manifest.json" in nothing.stderr) == (1, True), nothing.stderr
        found = await ensure(house.kafka)
        assert found.found
