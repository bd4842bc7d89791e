"""How much of a backup a cluster holds already, so that a restore which was cut short goes on where it was.

Every record there must be the backup's next one: what anybody else has written in between is refused, and nothing is
sent twice. Of a compacted topic Kafka may have dropped records that later ones replace.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from producers.settings import KafkaSettings
from streams.backup.files import BackupError, BackupRecord, read_records
from streams.plain.kafka import Log, PositionedRecord

MEND = "restore fills an empty cluster only, or goes on with what it has begun; delete the topics and restore again"


class PartitionFiles(NamedTuple):
    """What belongs into one partition: the backup's files, in order."""

    topic: str
    partition: int
    files: Sequence[dict[str, Any]]
    is_compacted: bool = False

    def records(self, folder: Path) -> Iterator[BackupRecord]:
        """All of them. Raises BackupError."""
        return chain.from_iterable(read_records(folder, about) for about in self.files)


def shares(settings: KafkaSettings, manifest: dict[str, Any]) -> list[PartitionFiles]:
    """All of a backup. Reference first: events are shown by it."""
    small = ((settings.reference_topic, "reference"), (settings.identities_topic, "identities"))
    events = manifest["events"].items()
    return [
        *(PartitionFiles(topic, 0, [manifest[name]], is_compacted=True) for topic, name in small),
        *(PartitionFiles(settings.events_topic, int(number), about["files"]) for number, about in events),
    ]


async def already(log: Log, folder: Path, share: PartitionFiles) -> int:
    """How many of a share's records are there. Raises BackupError where something else is, KafkaError."""
    ends = await log.ends(share.topic)
    end = ends.get(share.partition, 0)
    if not end:
        return 0
    wanted, count = share.records(folder), 0
    async for record in _records(log, share, end):
        passed = _passed(wanted, record, is_compacted=share.is_compacted)
        if not passed:
            where = f"{share.topic}, partition {share.partition}, offset {record.offset:,}"
            raise BackupError(f"{where}: this record is not the backup's: {MEND}")
        count += passed
    return count


async def _records(log: Log, share: PartitionFiles, end: int) -> AsyncIterator[PositionedRecord]:
    async for chunk in log.read(share.topic, share.partition, 0, end):
        for record in chunk:
            yield record


def _passed(wanted: Iterator[BackupRecord], record: PositionedRecord, *, is_compacted: bool) -> int:
    """How many of the backup's records one that is there stands for; 0 where it is none of them."""
    content = record.key, record.value, tuple(record.headers)
    for passed, kept in enumerate(wanted, 1):
        if kept[:3] == content:
            return passed
        if not is_compacted:
            break
    return 0
