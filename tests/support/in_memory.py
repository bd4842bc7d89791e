"""Kafka as far as a partition's owner sees it, in memory: changelogs with fencing, restoring, and no broker."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.durable.changelog import Commit, Pair
from streams.durable.restore import Apply, Bounds, Restored, RestoreProgress
from streams.errors import ChangelogError, Fenced
from streams.letters.letter import Letter
from streams.settings import WorkerSettings
from streams.state.forwarding import Copy


@dataclass
class Broker:
    """What lasts: changelog records and dead letters by topic and partition, committed offsets, who owns what."""

    settings: WorkerSettings
    source_end: int = 1 << 40
    source_begin: int = 0
    log: str = "a"
    """The id of the source topic."""
    records: dict[tuple[str, int], list[Pair]] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    offsets: dict[int, int] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)
    too_slow: int = 0
    """Transactions that will take longer than they may."""
    transaction_seconds: list[float] = field(default_factory=list)
    """How long a transaction may take, of each changelog that was opened."""
    failures: int = 0
    """Writes that will fail, nothing of them stored."""
    away: int = 0
    """Openings and readings of a changelog that will fail."""
    unanswered: int = 0
    """Writes that will be stored, and fail all the same."""

    def answer(self) -> None:
        """Fail as long as Kafka is away."""
        if self.away:
            self.away -= 1
            raise ChangelogError("nobody answers")

    def lettered(self) -> dict[int, str]:
        """Offset → reason of the letters written so far."""
        headers = [dict(letter.headers) for letter in self.letters]
        return {int(one["source_offset"]): one["reason"].decode() for one in headers if "closed" not in one}

    def table(self, topic: str, partition: int) -> dict[bytes, bytes]:
        """What compaction would leave."""
        held: dict[bytes, bytes] = {}
        for key, value in self.records.get((topic, partition), []):
            if value is None:
                held.pop(key, None)
            else:
                held[key] = value
        return held


class InMemoryChangelog:
    """One owner's handle; opening it shuts the former one out."""

    def __init__(self, broker: Broker, partition: int, seconds: float) -> None:
        self._broker = broker
        self._seconds = seconds
        self._partition = partition
        self._epoch = -1
        self.is_closed = False

    async def open(self) -> None:
        self._broker.answer()
        self._broker.transaction_seconds.append(self._seconds)
        self._epoch = self._broker.epochs[self._partition] = self._broker.epochs.get(self._partition, 0) + 1

    async def write(self, commit: Commit) -> Mapping[str, int]:
        if self._broker.too_slow:
            # It aborts the transaction, and the producer's epoch is over.
            self._broker.too_slow -= 1
            self._broker.epochs[self._partition] += 1
        if self._epoch != self._broker.epochs.get(self._partition):
            raise Fenced(self._partition, self._seconds)
        if self._broker.failures:
            self._broker.failures -= 1
            raise ChangelogError("no leader")
        settings, records = self._broker.settings, self._broker.records
        written = {settings.cells_topic: commit.cells, settings.clients_topic: commit.clients}
        for topic, pairs in written.items():
            records.setdefault((topic, self._partition), []).extend(pairs)
        self._broker.letters += commit.letters
        self._broker.copies += commit.copies
        self._broker.offsets[self._partition] = commit.offset
        if self._broker.unanswered:
            self._broker.unanswered -= 1
            raise ChangelogError("nobody answers")
        return {topic: len(records[topic, self._partition]) for topic, pairs in written.items() if pairs}

    def known(self, positions: Mapping[str, int]) -> None:
        pass

    async def close(self) -> None:
        self.is_closed = True


class InMemoryRestorer:
    """Reads the broker's records."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def restore(
        self, partition: int, starts: Mapping[str, int], apply: Mapping[str, Apply], progress: RestoreProgress
    ) -> Restored:
        self._broker.answer()
        positions = {}
        for topic, take in apply.items():
            records = self._broker.records.get((topic, partition), [])
            missing = records[starts.get(topic, 0) :]
            take(missing)
            progress.read += len(missing)
            progress.total += len(missing)
            positions[topic] = len(records)
        return Restored(Bounds(self._broker.source_begin, self._broker.source_end, self._broker.log), positions)
