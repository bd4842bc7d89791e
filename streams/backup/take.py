"""Takes a backup: what came since the last one, in the order of each partition, and of that what counts.

What was refused is left out: with the clock of another day a broker might take it. A record that lies on the wrong
partition is kept once, as the copy that counts.
"""

import asyncio
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from producers.errors import Refused
from producers.events import intake
from producers.identities.topic import CLAIMED
from producers.settings import KafkaSettings
from streams.backup.files import (
    FORMAT,
    BackupError,
    BackupRecord,
    keep_file,
    read_manifest,
    write_manifest,
    write_records,
)
from streams.letters.judging import FORWARDED as COPY_HEADERS
from streams.plain.kafka import Log, PositionedRecord
from streams.plain.placed import COUNTS, FORWARDED, PlainPlaces

_OURS = re.compile(r"(events|reference|identities)-[\w-]+\.jsonl\.gz|spool-.+-\d{19}")
"""Names of files that a backup writes."""
_FILE_RECORDS = 100_000
"""Of one file, which is made in memory."""
Told = Callable[[int], None]


class BackupScope(NamedTuple):
    """What is taken. topic_id: of the events topic; spools: folders of connectors' SQLite files."""

    settings: KafkaSettings
    app_id: str
    topic_id: str
    spools: Sequence[Path] = ()


class _Pending(NamedTuple):
    target: int
    partition: int
    offset: int
    record: BackupRecord


class Taking:
    """One run. stop: says when to end after the file that is being written."""

    def __init__(self, log: Log, wanted: BackupScope, folder: Path, told: Told, stop: Callable[[], bool]) -> None:
        self._log, self._wanted, self._folder = log, wanted, folder
        self._told, self._stop = told, stop
        self._pending: list[_Pending] = []
        self.left_out: Counter[str] = Counter()
        self.taken = 0

    async def run(self) -> bool:
        """Take what is new; whether that was all. Raises BackupError, KafkaError."""
        settings = self._wanted.settings
        # In this order: what had been forwarded by then has its copy before the ends.
        done = await self._log.committed(self._wanted.app_id)
        ends = await self._log.ends(settings.events_topic)
        if not ends:
            raise BackupError(f"there is no topic {settings.events_topic}; set SALES_TOPIC_PREFIX")
        manifest = self._begun(len(ends))
        for number, end in ends.items():
            if not await self._partition(manifest, number, end, done.get((settings.events_topic, number), 0)):
                return False
        self._keep_waiting(manifest)
        for kind, topic in (("reference", settings.reference_topic), ("identities", settings.identities_topic)):
            manifest[kind] = await self._small(kind, topic)
        manifest["spools"] = await asyncio.to_thread(self._spools)
        manifest |= {"complete": True, "made_at": _now()}
        write_manifest(self._folder, manifest)
        self._tidy(manifest)
        return True

    def _tidy(self, manifest: dict[str, Any]) -> None:
        """Remove what the manifest names no more: who was forgotten since must not stay in an earlier file."""
        about = (one for part in manifest["events"].values() for one in part["files"])
        named = {one["name"] for one in (*about, manifest["reference"], manifest["identities"], *manifest["spools"])}
        for path in self._folder.iterdir():
            if _OURS.fullmatch(path.name) and path.name not in named:
                path.unlink()

    def _begun(self, count: int) -> dict[str, Any]:
        manifest = read_manifest(self._folder)
        if not manifest:
            events: dict[str, Any] = {str(number): {"end": 0, "copied": {}, "files": []} for number in range(count)}
            manifest = {"format": FORMAT, "topic_id": self._wanted.topic_id, "partitions": count, "events": events}
        if manifest["topic_id"] != self._wanted.topic_id or manifest["partitions"] != count:
            raise BackupError(
                f"{self._folder} is a backup of another topic than {self._wanted.settings.events_topic} is now; "
                "take this one into a folder of its own"
            )
        manifest["complete"] = False
        return manifest

    async def _partition(self, manifest: dict[str, Any], number: int, end: int, done: int) -> bool:
        about = manifest["events"][str(number)]
        copied = {int(origin): offset for origin, offset in about["copied"].items()}
        places = PlainPlaces(number, manifest["partitions"], copied)
        kept: list[BackupRecord] = []
        async for chunk in self._log.read(self._wanted.settings.events_topic, number, about["end"], end):
            kept += (one for record in chunk if (one := self._judged(places, record, done)) is not None)
            self._told(len(chunk))
            if len(kept) >= _FILE_RECORDS or self._stop():
                self._write(manifest, number, chunk[-1].offset + 1, places, kept)
                kept = []
                if self._stop():
                    return False
        self._write(manifest, number, end, places, kept)
        return not self._stop()

    def _judged(self, places: PlainPlaces, record: PositionedRecord, done: int) -> BackupRecord | None:
        """The record as it is kept, None where it does not count here."""
        try:
            placed = places.judge(record)
        except Refused as refused:
            self.left_out[refused.reason] += 1
            return None
        headers = tuple(pair for pair in record.headers if pair[0] not in COPY_HEADERS)
        kept = BackupRecord(placed.event.key.encode(), record.value, headers, record.timestamp)
        if placed.verdict == FORWARDED and record.offset >= done:
            self._pending.append(_Pending(placed.target, places.number, record.offset, kept))
        return kept if placed.verdict == COUNTS else None

    def _write(
        self, manifest: dict[str, Any], number: int, end: int, places: PlainPlaces, kept: Sequence[BackupRecord]
    ) -> None:
        about = manifest["events"][str(number)]
        if kept:
            about["files"].append(write_records(self._folder, f"events-{number}-{about['end']}.jsonl.gz", kept))
            self.taken += len(kept)
        about |= {"end": end, "copied": {str(origin): offset for origin, offset in places.copied.items()}}
        if not self._pending:
            # What waits to be forwarded is known to this run alone: without it the files would be a little less.
            write_manifest(self._folder, manifest)

    def _keep_waiting(self, manifest: dict[str, Any]) -> None:
        """Keep what is not forwarded yet as if it were; its copy, when it comes, is of a record that has counted."""
        by_target: dict[int, list[BackupRecord]] = {}
        for pending in self._pending:
            copied = manifest["events"][str(pending.target)]["copied"]
            if pending.offset > copied.get(str(pending.partition), -1):
                copied[str(pending.partition)] = pending.offset
                by_target.setdefault(pending.target, []).append(pending.record)
        for target, kept in by_target.items():
            about = manifest["events"][str(target)]
            name = f"events-{target}-{about['end']}-waiting-{time.time_ns()}.jsonl.gz"
            about["files"].append(write_records(self._folder, name, kept))
            self.taken += len(kept)

    async def _small(self, kind: str, topic: str) -> dict[str, Any]:
        """A compacted topic, whole: it is small."""
        kept: list[BackupRecord] = []
        for number, end in (await self._log.ends(topic)).items():
            async for chunk in self._log.read(topic, number, 0, end):
                kept += (one for record in chunk if (one := self._small_kept(kind, record)) is not None)
        return write_records(self._folder, f"{kind}-{time.time_ns()}.jsonl.gz", kept)

    def _small_kept(self, kind: str, record: PositionedRecord) -> BackupRecord | None:
        headers = tuple(record.headers)
        if kind == "identities":
            if not any(name == CLAIMED for name, _ in headers):
                headers = (*headers, (CLAIMED, str(record.timestamp).encode()))
        elif record.value is not None:
            try:
                intake.check_reference(record)
            except Refused as refused:
                self.left_out[refused.reason] += 1
                return None
        return BackupRecord(record.key, record.value, headers, record.timestamp)

    def _spools(self) -> list[dict[str, Any]]:
        """SQLite files as they are at one moment, also while they are written."""
        found = []
        for folder in self._wanted.spools:
            for path in sorted(folder.glob("*.sqlite3")):
                with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source:
                    about = keep_file(self._folder, f"spool-{path.name}-{time.time_ns()}", source.serialize())
                found.append({**about, "file": path.name})
        return found


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
