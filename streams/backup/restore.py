"""Puts a backup into an empty cluster: the same records, on the same partitions, in the same order."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from producers.settings import KafkaSettings
from producers.topics import ensure
from streams.backup.files import BackupError, Kept, checked, read_manifest, read_records
from streams.plain.kafka import Log

_TOGETHER = 5_000
Told = Callable[[int], None]
_MEND = "delete the topics and restore again"


async def prepare(settings: KafkaSettings, log: Log, folder: Path) -> dict[str, Any]:
    """Check all of a backup, and make the topics, which must be empty. Raises BackupError, TopicsError, KafkaError."""
    manifest = read_manifest(folder)
    if not manifest:
        raise BackupError(f"{folder} holds no backup: there is no manifest.json")
    if not manifest["complete"]:
        raise BackupError(f"the backup in {folder} was cut short; go on with it: sales-pulse backup {folder}")
    for about in _all_files(manifest):
        await asyncio.to_thread(checked, folder, about)
    settings = settings.model_copy(update={"partitions": manifest["partitions"]})
    topics = (settings.events_topic, settings.reference_topic, settings.identities_topic)
    there = {topic: ends for topic in topics if (ends := await log.ends(topic))}
    for topic, ends in there.items():
        if full := sum(ends.values()):
            raise BackupError(f"{topic} holds {full:,} records: restore fills an empty cluster only; {_MEND}")
    count = len(there.get(settings.events_topic, {}))
    if count not in {0, manifest["partitions"]}:
        raise BackupError(
            f"{settings.events_topic} has {count} partitions, the backup {manifest['partitions']}: {_MEND}"
        )
    await ensure(settings)
    return manifest


def _all_files(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for about in manifest["events"].values():
        yield from about["files"]
    yield manifest["reference"]
    yield manifest["identities"]
    yield from manifest["spools"]


def records_of(manifest: dict[str, Any]) -> int:
    """How many records a backup has."""
    return sum(about.get("records", 0) for about in _all_files(manifest))


async def put(
    settings: KafkaSettings, folder: Path, manifest: dict[str, Any], told: Told, stop: Callable[[], bool]
) -> bool:
    """Send everything; False when it was stopped. Reference first: events are shown by it. Raises KafkaError."""
    work = [
        (settings.reference_topic, 0, manifest["reference"]),
        (settings.identities_topic, 0, manifest["identities"]),
    ]
    events = ((int(number), about["files"]) for number, about in manifest["events"].items())
    work += [(settings.events_topic, number, about) for number, files in events for about in files]
    options = settings.client_options()
    async with AIOKafkaProducer(
        **options, acks="all", enable_idempotence=True, compression_type="zstd", linger_ms=5, max_request_size=4 << 20
    ) as producer:
        for topic, partition, about in work:
            records = read_records(folder, about)
            while some := list(islice(records, _TOGETHER)):
                if stop():
                    return False
                await _send(producer, topic, partition, some)
                told(len(some))
    return True


async def _send(producer: AIOKafkaProducer, topic: str, partition: int, records: list[Kept]) -> None:
    sent = [
        await producer.send(topic, one.value, key=one.key, partition=partition, headers=list(one.headers))
        for one in records
    ]
    await asyncio.gather(*sent)


def put_spools(folder: Path, manifest: dict[str, Any], spool: Path) -> list[Path]:
    """Write connectors' files where they are expected. Raises BackupError where one is there already."""
    wanted = [(spool / about["file"], about) for about in manifest["spools"]]
    for path, _ in wanted:
        if path.exists():
            raise BackupError(f"{path} is there already; move it away, or restore where none is")
    for path, about in wanted:
        spool.mkdir(parents=True, exist_ok=True)
        path.write_bytes(checked(folder, about))
        path.chmod(0o600)
    return [path for path, _ in wanted]
