"""Puts a backup into an empty cluster: the same records, on the same partitions, in the same order.

Some thousand records of a partition are one transaction, so that a restore may be killed at any moment: the next one
shuts it out, sees what is there (`streams.backup.resume`), and sends the rest.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from producers.settings import KafkaSettings
from producers.stopping import stop
from producers.topics import ensure
from producers.transactions import SHUT_OUT, transaction
from streams.backup.files import BackupError, BackupRecord, checked, digest, read_manifest, write_whole
from streams.backup.resume import MEND, PartitionFiles, already, shares
from streams.plain.kafka import Log

_TOGETHER = 5_000
_CLOSE_SECONDS = 5.0
Told = Callable[[int], None]


def read_whole(folder: Path) -> dict[str, Any]:
    """A backup's manifest, once all of its files are what was written. Raises BackupError."""
    manifest = read_manifest(folder)
    if not manifest:
        raise BackupError(f"{folder} holds no backup: there is no manifest.json")
    if not manifest["complete"]:
        raise BackupError(f"the backup in {folder} was cut short; go on with it: sales-pulse backup {folder}")
    for about in _all_files(manifest):
        checked(folder, about)
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


@asynccontextmanager
async def restorer(settings: KafkaSettings, folder: Path, manifest: dict[str, Any]) -> AsyncIterator["Restorer"]:
    """Shut out every other restore into these topics; look at them after this. Raises KafkaError."""
    producer = AIOKafkaProducer(
        **settings.client_options(),
        transactional_id=f"{settings.events_topic}-restoring",
        compression_type="zstd",
        linger_ms=5,
        max_request_size=4 << 20,
    )
    try:
        await producer.start()
        yield Restorer(settings, folder, manifest, producer)
    finally:
        await stop(producer, _CLOSE_SECONDS)


class Restorer:
    """One run: `prepare`, then `put`."""

    def __init__(
        self, settings: KafkaSettings, folder: Path, manifest: dict[str, Any], producer: AIOKafkaProducer
    ) -> None:
        self._settings = settings.model_copy(update={"partitions": manifest["partitions"]})
        self._folder, self._producer = folder, producer
        self._shares = shares(settings, manifest)
        self._there: list[int] = []

    async def prepare(self, log: Log) -> int:
        """See what is there, then make the topics that are missing; how many records need not be sent.

        Raises BackupError where something else is there, TopicsError, KafkaError.
        """
        wanted, found = self._settings.partitions, len(await log.ends(self._settings.events_topic))
        if found not in {0, wanted}:
            raise BackupError(f"{self._settings.events_topic} has {found} partitions, the backup {wanted}: {MEND}")
        self._there = [await already(log, self._folder, share) for share in self._shares]
        await ensure(self._settings)
        return sum(self._there)

    async def put(self, told: Told, is_asked: Callable[[], bool]) -> bool:
        """Send the rest; False when it was stopped. Raises BackupError, KafkaError."""
        for share, there in zip(self._shares, self._there, strict=True):
            records = islice(share.records(self._folder), there, None)
            while some := list(islice(records, _TOGETHER)):
                if is_asked():
                    return False
                await self._send(share, some)
                told(len(some))
        return True

    async def _send(self, share: PartitionFiles, records: list[BackupRecord]) -> None:
        try:
            async with transaction(self._producer) as sending:
                for one in records:
                    headers = list(one.headers)
                    sent = self._producer.send(
                        share.topic, one.value, key=one.key, partition=share.partition, headers=headers
                    )
                    sending.append(await sent)
        except SHUT_OUT as error:
            raise BackupError(f"somebody else restores into {share.topic} now; let one of them go on") from error


def put_spools(folder: Path, manifest: dict[str, Any], spool: Path) -> list[Path]:
    """Write connectors' files where they are expected; which ones. Raises BackupError where another one is there."""
    wanted = [(spool / about["file"], about) for about in manifest["spools"]]
    missing = [(path, about) for path, about in wanted if not _is_written(path, about)]
    for path, about in missing:
        spool.mkdir(parents=True, exist_ok=True)
        write_whole(path, checked(folder, about), mode=0o600)
    return [path for path, _ in missing]


def _is_written(path: Path, about: dict[str, Any]) -> bool:
    """Whether a connector's file is there. Raises BackupError where it is another one."""
    if not path.exists():
        return False
    if digest(path.read_bytes()) != about["sha256"]:
        raise BackupError(f"{path} is there already; move it away, or restore where none is")
    return True
