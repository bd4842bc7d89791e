"""A log of an exchange is followed as it grows: what it tells is in Kafka seconds later, and nothing twice or never.

A call is more than one line, so what is remembered is a place some hours back: after an end, however sudden, lines
are read from there, and what they tell is sent from where sending had come to. An event that is sent again has the
same id, and counts once.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Protocol

import msgspec

from producers.connectors.asterisk.config import AsteriskNames
from producers.connectors.asterisk.tail import Tail, TailPlace
from producers.errors import Refused
from producers.importer.formats import InputRecord
from producers.importer.rejects import Rejects
from producers.importer.report import ImportReport, judge
from producers.importer.run import BATCH, IdentityClaims, settled
from producers.importer.source import SourceLine
from producers.raw_publisher import RawPublisher

_BACK = 6 * 3600
"""Seconds between lines of one call, at the most."""
_EVERY = 60
"""Seconds of the log between places that are remembered."""


class Growing(Protocol):
    """Takes the lines of a log as they come. `now`: the time that the last one told, in seconds since the epoch."""

    header: bytes
    notes: list[str]

    @property
    def names(self) -> AsteriskNames:
        """What the identities are given to."""

    @property
    def now(self) -> float:
        """See the class."""

    def take(self, lines: list[SourceLine]) -> list[InputRecord]:
        """Return what is known now of these lines and of lines before."""


class Come(msgspec.Struct, frozen=True):
    """How far it has come: a place, the lines behind it that are done, and what became of all lines so far."""

    place: TailPlace = TailPlace()
    lines: int = 0
    sent: int = 0
    taken: int = 0
    left_out: int = 0
    refused: int = 0
    rejects: tuple[int, int] = (0, 0)


class FollowMemory:
    """A file that says how far it has come, written in one step."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Come:
        """Return what was saved, or the beginning."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Come)
        except (OSError, msgspec.DecodeError):
            return Come()

    def save(self, come: Come) -> None:
        """Replace what was saved."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(come))
        fresh.replace(self._path)


class Follow:
    """Follows one log until it is not wanted any more. `looked`: called each time that all of it was sent."""

    def __init__(
        self,
        path: Path,
        growing: Growing,
        publisher: RawPublisher,
        rejects: Rejects,
        memory: FollowMemory,
        *,
        now_ms: Callable[[], int],
        wanted: Callable[[], bool],
        say: Callable[[str], None],
        seconds: float = 1.0,
        identities: IdentityClaims | None = None,
        looked: Callable[[], None] = lambda: None,
    ) -> None:
        self._looked = looked
        self._identities = identities
        self._growing = growing
        self._publisher = publisher
        self._rejects = rejects
        self._memory = memory
        self._now_ms = now_ms
        self._wanted = wanted
        self._say = say
        self._seconds = seconds
        self.come = memory.load()
        self.report = ImportReport()
        self._tail = Tail(path, self.come.place)
        self._again = 0 if self._tail.lost else self.come.lines
        self._places: deque[tuple[float, int, TailPlace]] = deque()
        self._number = 0

    async def run(self) -> None:
        """Send what the log tells, look again after some seconds, and so on."""
        with self._rejects, closing(self._tail):
            while self._wanted():
                await self._look()
                self._looked()
                await asyncio.sleep(self._seconds)

    async def _look(self) -> None:
        """Send what has come since."""
        batch: list[tuple[TailPlace, bytes]] = []
        for each in self._tail.lines():
            batch.append(each)
            if len(batch) >= (self._again or BATCH):
                was_done = self._again > 0
                await self._take(batch)
                batch = []
                if not was_done and not self._wanted():
                    return
        if batch:
            await self._take(batch)
        while self._tail.lost:
            self._say(self._tail.lost.pop())

    async def _take(self, batch: list[tuple[TailPlace, bytes]]) -> None:
        lines: list[SourceLine] = []
        for place, raw in batch:
            if raw.strip():
                lines.append(SourceLine(1 if place.offset == 0 else self._number + len(lines) + 2, raw, 0))
        # Read again after an end: what these lines tell was sent, and counted, before. Only calls that go on need them.
        self._growing.names.met.paused = self._again > 0
        records = self._growing.take(lines)
        self._remember(batch)
        if self._again:
            self._again = max(0, self._again - len(batch))
            return
        await self._send(records)

    def _remember(self, batch: list[tuple[TailPlace, bytes]]) -> None:
        """Keep where to begin after an end: at a line that is hours older than the last one."""
        now = self._growing.now
        if not self._places or abs(now - self._places[-1][0]) >= _EVERY:
            self._places.append((now, self._number, batch[0][0]))
        self._number += len(batch)
        while len(self._places) > 1 and abs(now - self._places[1][0]) > _BACK:
            self._places.popleft()

    async def _send(self, records: list[InputRecord]) -> None:
        events: list[tuple[bytes, bytes]] = []
        report, come = self.report, self.come
        before = report.taken, report.left_out.total(), report.reasons.total()
        now_ms = self._now_ms()
        for record in records:
            try:
                events += [(checked.key, checked.value) for checked in judge(record, now_ms, report)]
            except Refused as refused:
                report.refuse(record.number, refused)
                self._rejects.add(record.number, record.raw, refused, self._growing.header)
        if events:
            await self._publisher.publish_many_raw(await settled(events, self._identities))
        _, number, place = self._places[0]
        self.come = Come(
            place,
            self._number - number,
            come.sent + len(events),
            come.taken + report.taken - before[0],
            come.left_out + report.left_out.total() - before[1],
            come.refused + report.reasons.total() - before[2],
            self._rejects.flush(),
        )
        self._memory.save(self.come)
