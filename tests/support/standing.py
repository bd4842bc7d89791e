"""The standing audit's two sides in memory: a log that grows, workers that fold and show it, a ledger that reads it."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import tzinfo
from fnmatch import fnmatch
from typing import Any

from metrics.errors import AwayError
from metrics.view import Keys, decode_part, encode_any, encode_part, encode_unanswered, encode_waiting, fenced, split
from streams.audit.standing.view import Fields
from streams.ledger.answers import Index
from streams.state.partition import Partition
from tests.laws.logs import InMemoryLog
from tests.laws.replay import fold_rules
from tests.support.ledgers import Kept

EVENTS = "sales.events"


class InMemoryStore:
    """Hashes that are written as workers write them."""

    def __init__(self, zone: str) -> None:
        self.keys, self.zone = Keys("test"), zone
        self.held: dict[str, Fields] = {}
        self.asked = 0

    def names(self, pattern: str) -> Iterable[str]:
        return [name for name in self.held if fnmatch(name, pattern.replace("[", "[[]"))]

    def hashes(self, names: Sequence[str]) -> list[Fields]:
        self.asked += len(names)
        return [dict(self.held.get(name, {})) for name in names]

    def show(self, partition: Partition, *, all_: bool = False, **beat: Any) -> None:
        """One round of a partition."""
        updates = [partition.view(), *(partition.everything() if all_ else ())]
        number, fence = partition.number, partition.fence
        for update in updates:
            for where, fields in update.cells.items():
                held = self.held.setdefault(self.keys.cells(*where, number), {})
                held.update({name: fenced(fence, part or b"\x80") for name, part in fields.items()})
            if update.waiting is not None:
                self._put(self.keys.waiting, number, fenced(fence, encode_waiting(update.waiting)))
            if update.unanswered is not None:
                self._put(self.keys.unanswered, number, fenced(fence, encode_unanswered(update.unanswered)))
        state = {"whole": True, "zone": self.zone, "time": partition.time} | beat
        self._put(self.keys.partitions, number, fenced(fence, encode_any(state)))

    def _put(self, key: str, number: int, value: bytes) -> None:
        self.held.setdefault(key, {})[str(number).encode()] = value

    def falsify(self, kind: str, day: int | None = None) -> tuple[str, bytes, bytes]:
        """Change a measure of the first part of a kind; what undoes it: hash, field, value."""
        for key, fields in sorted(self.held.items()):
            bucket = self.keys.bucket(key)
            if bucket is not None and bucket[0] == kind and day in (None, bucket[1]):
                for name, value in sorted(fields.items()):
                    if part := decode_part(split(value)[1]):
                        part[next(iter(part))] += 1
                        fields[name] = value[:16] + encode_part(part)
                        return key, name, value
        raise LookupError(kind)


class InMemoryLedger:
    """As `LedgerFollower`, over a log in memory. read_on: whether it reads when it is waited for."""

    def __init__(self, kept: Kept, log: InMemoryLog) -> None:
        self.kept, self.log = kept, log
        self.limits: dict[int, int] = {}
        self.index = self._index()
        self.away = ""
        self.holds = 0

    def _index(self) -> Index:
        return Index(self.kept.path, self.kept.rules, lambda: self.kept.clock)

    def again(self) -> None:
        """Killed, and started again."""
        self.index.close()
        self.kept.again()
        self.limits, self.index = {}, self._index()

    def read(self, count: int) -> None:
        """Up to so many more records of each partition that is not held."""
        parts = {}
        for number, records in self.log.topics[EVENTS].items():
            start = self.kept.keeper.next(EVENTS, number)
            if more := records[start : min(start + count, self.limits.get(number, len(records)))]:
                parts[EVENTS, number] = more
        self.kept.keeper.take(parts)

    def moments(self) -> Index:
        if self.away:
            raise AwayError(self.away)
        return self.index

    def last(self, partition: int) -> int:
        return self.kept.keeper.last(partition)

    def partitions(self) -> Collection[int]:
        return [number for number in self.log.topics[EVENTS] if self.last(number) >= 0]

    async def passed(self, fences: Mapping[int, int], patience: float) -> None:
        if self.away:
            raise AwayError(self.away)
        while any(self.kept.keeper.next(EVENTS, number) <= fence for number, fence in fences.items()):
            self.read(3)

    @asynccontextmanager
    async def held(self, partitions: Collection[int], patience: float) -> AsyncIterator["InMemoryLedger"]:
        self.holds += 1
        self.limits = dict.fromkeys(partitions, 0)
        try:
            yield self
        finally:
            self.limits = {}

    async def advance(self, fences: Mapping[int, int]) -> None:
        self.limits = {number: fence + 1 for number, fence in fences.items()}
        await self.passed(fences, 1)

    async def note(self, name: str, value: str) -> None:
        self.kept.keeper.note(name, value)


class World:
    """All of it: a log, its workers, what they show, a ledger. Moments are the log's own."""

    def __init__(self, kept: Kept, zone: tzinfo, name: str, partitions: int) -> None:
        self.log = InMemoryLog([], partitions)
        self.store = InMemoryStore(name)
        self.partitions = [Partition(number, partitions, fold_rules(zone)) for number in range(partitions)]
        self.done = [0] * partitions
        self.ledger = InMemoryLedger(kept, self.log)
        self.while_asleep: Callable[[], None] = lambda: None
        self.slept = 0.0

    def fold(self, number: int, count: int) -> None:
        """The next records of a partition."""
        start, records = self.done[number], self.log.topics[EVENTS][number]
        self.partitions[number].fold(records[start : start + count])
        self.done[number] = min(len(records), start + count)

    def show(self, number: int) -> None:
        """What a partition has folded."""
        self.store.show(self.partitions[number])

    def settle(self) -> None:
        """All is folded, shown and in the index."""
        for number in range(len(self.partitions)):
            self.fold(number, 1 << 30)
            self.show(number)
        self.ledger.read(1 << 30)

    async def sleep(self, seconds: float) -> None:
        """The world goes on meanwhile."""
        self.slept += seconds
        self.while_asleep()
