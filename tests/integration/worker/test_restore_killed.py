"""A restore is killed again and again, and frozen while another one goes on: each record is there once, in order."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from producers.settings import KafkaSettings
from streams.backup.files import FORMAT, BackupRecord, read_records, write_manifest, write_records
from streams.backup.resume import shares
from streams.plain.kafka import kafka_log

ROOT = Path(__file__).resolve().parents[3]
PARTITIONS, FILES, RECORDS = 3, 3, 12_000


def backup(folder: Path) -> dict:
    """Records of several sizes, with and without headers, in several files a partition."""
    folder.mkdir()
    rng = random.Random(7)

    def some(name: str, count: int) -> dict:
        records = [
            BackupRecord(
                f"{name}-{n % 97}".encode(), rng.randbytes(rng.randrange(20, 900)), (("h", b"x"),) * (n % 2), n
            )
            for n in range(count)
        ]
        return write_records(folder, f"{name}.jsonl.gz", records)

    events = {
        str(number): {"end": 0, "copied": {}, "files": [some(f"events-{number}-{n}", RECORDS) for n in range(FILES)]}
        for number in range(PARTITIONS)
    }
    manifest = {
        "format": FORMAT, "topic_id": "x", "partitions": PARTITIONS, "events": events, "complete": True,
        "made_at": "now", "reference": some("reference-1", 500), "identities": some("identities-1", 500), "spools": [],
    }  # fmt: skip
    write_manifest(folder, manifest)
    return manifest


class Restores:
    """`sales-pulse restore` of one backup into one cluster, as often as it takes."""

    def __init__(self, folder: Path, kafka: str, prefix: str) -> None:
        self.argv = [sys.executable, "-m", "deploy.cli", "restore", str(folder), "--spool", str(folder / "spool")]
        bare = {name: value for name, value in os.environ.items() if not name.startswith("SALES_")}
        self.environment = {**bare, "SALES_KAFKA_SERVERS": kafka, "SALES_TOPIC_PREFIX": prefix}

    def start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.argv, env=self.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


async def further(settings: KafkaSettings, running: "subprocess.Popen[str]", offsets: int) -> None:
    """Wait until the events topic is so many offsets longer than now, or the restore has ended."""
    async with kafka_log(settings) as log:
        begin = sum((await log.ends(settings.events_topic)).values())
        while running.poll() is None:
            if sum((await log.ends(settings.events_topic)).values()) >= begin + offsets:
                break
            await asyncio.sleep(0.01)


async def same(settings: KafkaSettings, folder: Path, manifest: dict) -> None:
    """Each partition is the backup's, to the byte."""
    async with kafka_log(settings) as log:
        for share in shares(settings, manifest):
            end = (await log.ends(share.topic))[share.partition]
            found = [
                (record.key, record.value, tuple(record.headers))
                async for chunk in log.read(share.topic, share.partition, 0, end)
                for record in chunk
            ]
            wanted = [kept[:3] for about in share.files for kept in read_records(folder, about)]
            assert found == wanted, f"{share.topic}, partition {share.partition}: {len(found)} of {len(wanted)}"


@pytest.mark.slow
async def test_a_restore_goes_on_where_it_was_killed(kafka, topic_prefix, tmp_path):
    """SIGKILL at moments of all kinds, then one frozen while the next goes on, which shuts it out when it wakes."""
    folder, rng = tmp_path / "kept", random.Random(os.environ.get("TEST_SEED"))
    manifest = backup(folder)
    restores = Restores(folder, kafka, topic_prefix)
    settings = KafkaSettings(kafka_servers=kafka, topic_prefix=topic_prefix, _env_file=None)
    total = PARTITIONS * FILES * RECORDS + 1000
    for _ in range(5):
        running = restores.start()
        await further(settings, running, rng.randrange(20_000))
        await asyncio.sleep(rng.random() * 0.1)
        running.kill()
        running.communicate()
    frozen = restores.start()
    await further(settings, frozen, 5_000)
    frozen.send_signal(signal.SIGSTOP)
    done = restores.start()
    said, wrong = done.communicate(timeout=120)
    assert done.returncode == 0, wrong
    assert f"{total:,} records restored" in said
    went_on = int(said.split(" records are there already")[0].replace(",", ""))
    frozen.send_signal(signal.SIGCONT)
    _, refused = frozen.communicate(timeout=120)
    print(f"killed five times; the last one found {went_on:,} of {total:,} records, and the frozen one said: {refused}")
    assert 5_000 < went_on < total
    assert frozen.returncode == 1
    assert "somebody else restores into" in refused
    await same(settings, folder, manifest)
    again = restores.start()
    said, wrong = again.communicate(timeout=120)
    assert (again.returncode, f"{total:,} records are there already" in said) == (0, True), wrong
    await same(settings, folder, manifest)
