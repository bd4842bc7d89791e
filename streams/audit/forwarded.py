"""Are forwarded records counted, each once? Every record that lies wrong has one copy that counts, and no other has."""

import asyncio
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from producers.events.intake import Refused
from streams.audit.report import Difference
from streams.plain.kafka import Log, PositionedRecord
from streams.plain.placed import COUNTS, FORWARDED, Placed, PlainPlaces

Way = tuple[int, int]
"""From one partition to another."""

_PAUSE = 0.2
_BEFORE = frozenset({"wrong_partition", "wrong_key"})
"""For what a worker that did not forward yet refused such records."""


def _offsets() -> "array[int]":
    return array("q")


@dataclass
class Forwarded:
    """What is found while partitions are read: offsets in the partition that records are forwarded from.

    owed: of records that lie wrong; copied: of copies that counted. places: how the judging of each partition stands,
    read: up to where (offset after the last record judged). ends: where the log ends, asked for last of all.
    durable: up to where each partition is committed, and so its copies with it; held: partitions that an open
    transaction holds back, behind which copies may lie.
    """

    owed: defaultdict[Way, "array[int]"] = field(default_factory=lambda: defaultdict(_offsets))
    copied: defaultdict[Way, "array[int]"] = field(default_factory=lambda: defaultdict(_offsets))
    places: dict[int, PlainPlaces] = field(default_factory=dict)
    read: dict[int, int] = field(default_factory=dict)
    ends: Mapping[int, int] = field(default_factory=dict)
    durable: Mapping[int, int] = field(default_factory=dict)
    held: Collection[int] = ()

    def begin(self, partition: int, partitions: int) -> PlainPlaces:
        """Judge a partition from its start."""
        return self.places.setdefault(partition, PlainPlaces(partition, partitions))

    def note(self, partition: int, offset: int, placed: Placed) -> None:
        """Take note of what becomes of a record."""
        if placed.verdict == FORWARDED:
            self.owed[partition, placed.target].append(offset)
        elif placed.verdict == COUNTS and placed.origin is not None:
            self.copied[placed.origin.partition, partition].append(placed.origin.offset)

    async def arrived(self, log: Log, topic: str, durable: Mapping[int, int], patience: float) -> None:
        """Look for copies behind what was audited, until none is missing or `patience` seconds are over.

        A view is ahead of the flush that writes the copies, in one transaction with the offset: a record that is not
        committed is owed nothing yet, however long its worker is away. Brokers end a transaction in each partition by
        itself, so a copy may be seen a moment after the offset.
        """
        self.durable = durable
        deadline = time.monotonic() + patience
        self.ends = await log.ends(topic)
        while late := {to for (_, to), offsets in self._missing() if offsets}:
            for partition in late:
                await self._go_on(log, topic, partition, self.ends.get(partition, 0))
            if time.monotonic() > deadline:
                self.held = await log.held_back(topic)
                return
            await asyncio.sleep(_PAUSE)
            self.ends = await log.ends(topic)

    async def _go_on(self, log: Log, topic: str, partition: int, end: int) -> None:
        places = self.begin(partition, len(self.places))
        async for chunk in log.read(topic, partition, self.read.get(partition, 0), end):
            for record in chunk:
                self._look(places, partition, record)
            self.read[partition] = chunk[-1].offset + 1

    def _look(self, places: PlainPlaces, partition: int, record: PositionedRecord) -> None:
        try:
            placed = places.judge(record)
        except Refused:
            return
        if placed.origin is not None:
            self.note(partition, record.offset, placed)

    def _missing(self) -> Iterator[tuple[Way, list[int]]]:
        for way, owed in self.owed.items():
            found, durable = set(self.copied.get(way, ())), self.durable.get(way[0], 0)
            yield way, [offset for offset in owed if offset < durable and offset not in found]

    def held_back(self) -> Iterator[tuple[int, int]]:
        """Partitions in which an open transaction hides whether copies are there, and of how many records."""
        hidden = Counter[int]()
        for (_, to), offsets in self._missing():
            hidden[to] += len(offsets) if to in self.held else 0
        yield from ((to, count) for to, count in sorted(hidden.items()) if count)

    def refused_before(self, letters: Mapping[tuple[int, int], str]) -> set[tuple[int, int]]:
        """Records without a copy that lie in the dead letters, where a worker put them that did not forward yet."""
        return {
            (way[0], offset)
            for way, offsets in self._missing()
            for offset in offsets
            if letters.get((way[0], offset)) in _BEFORE
        }

    def differences(self, upto: Mapping[int, int], settled: set[tuple[int, int]]) -> Iterator[Difference]:
        """Records that count nowhere, and copies of none. `upto`: up to where each partition was audited."""
        for way, offsets in self._missing():
            for offset in offsets:
                if (way[0], offset) not in settled and way[1] not in self.held:
                    yield Difference(f"partition {way[0]}, offset {offset}, lies wrong", "", f"a copy on {way[1]}")
        for (came_from, to), copied in self.copied.items():
            owed = set(self.owed.get((came_from, to), ()))
            for offset in copied:
                is_known = offset < upto.get(came_from, 0) or offset >= self.ends.get(came_from, 0)
                if is_known and offset not in owed:
                    what = f"partition {to}, a copy of partition {came_from}, offset {offset}"
                    yield Difference(what, "counted", "no record that lies wrong; whoever sent it set the headers")
