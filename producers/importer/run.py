"""The import of one file: read, check, send in batches, remember. Nothing is lost, and nothing counts twice."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import msgspec

from producers.errors import Refused
from producers.importer.check import Checked, check
from producers.importer.corrections import Corrections
from producers.importer.decided import Decided
from producers.importer.formats import Format, Record
from producers.importer.known import Known
from producers.importer.rejects import Rejects
from producers.importer.source import Source
from producers.importer.state import Counts, State, StateFile

BATCH = 5000
_SETTLED = 20_000
_SLICE = 500
"""Records after which others run: the batch before is on its way to Kafka."""
_EXAMPLES = 5
_WHYS = 50


class Publisher(Protocol):
    """What an import needs of `SalesPublisher`: when it returns, Kafka has the records, in order per key."""

    async def publish_many_raw(self, records: Iterable[tuple[bytes, bytes]], *, reference: bool = False) -> int:
        """Send (key, value) pairs."""


class Identities(Protocol):
    """Claims of numbers and addresses, as a format made them."""

    async def settle(self) -> Mapping[str, str]:
        """Bring new ones to where all see them; return whose came too late: client as given → as it stands."""


async def settled(events: list[tuple[bytes, bytes]], identities: Identities | None) -> list[tuple[bytes, bytes]]:
    """The events, once all that they claim is claimed; under the client that stands, where a claim came too late."""
    lost = await identities.settle() if identities and events else {}
    if not lost:
        return events
    given: list[tuple[bytes, bytes]] = []
    for key, value in events:
        standing = lost.get(key.decode())
        if standing is not None:
            event = msgspec.json.decode(value)
            event["data"]["client_id"] = standing
            given.append((standing.encode(), msgspec.json.encode(event)))
        else:
            given.append((key, value))
    return given


@dataclass(slots=True)
class Report:
    """What an import found: events by type; records that were taken, left out (why) and refused (why).

    Of refusals, the first few of each reason with line and detail.
    """

    types: Counter[str] = field(default_factory=Counter)
    taken: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None

    def refuse(self, number: int, refused: Refused) -> None:
        """Count a refusal in line `number`."""
        self.reasons[refused.reason] += 1
        examples = self.examples.setdefault(refused.reason, [])
        if len(examples) < _EXAMPLES:
            examples.append((number, refused.detail))

    def leave_out(self, why: str) -> None:
        """Count a record that makes no event."""
        self.left_out[why if why in self.left_out or len(self.left_out) < _WHYS else "for other reasons"] += 1

    def accept(self, checked: Checked) -> None:
        """Count an event."""
        event = checked.event
        self.types[event.type] += 1
        if self.first is None or event.time < self.first:
            self.first = event.time
        if self.last is None or event.time > self.last:
            self.last = event.time


def judge(record: Record, now_ms: int, report: Report) -> list[Checked]:
    """Return all events of a record, and count it. Raises Refused when one is refused: a record goes as a whole."""
    if record.problem is not None:
        raise record.problem
    if record.left_out:
        report.leave_out(record.left_out)
        return []
    found = [check(value, now_ms) for value in record.values]
    report.taken += 1
    for checked in found:
        report.accept(checked)
    return found


def dry_run(source: Source, format_: Format, now_ms: int, advance: Callable[[int], None]) -> Report:
    """Check a whole file and send nothing."""
    report, count = Report(), 0
    for count, record in enumerate(format_.records(source, State()), 1):
        try:
            judge(record, now_ms, report)
        except Refused as refused:
            report.refuse(record.number, refused)
        if count % BATCH == 0:
            advance(BATCH)
    advance(count % BATCH)
    return report


class Import:
    """One import of one file. `wanted` is asked after each batch whether to go on.

    `known` has to have caught up with the log; it says what is sent.
    """

    def __init__(
        self,
        source: Source,
        format_: Format,
        publisher: Publisher,
        rejects: Path,
        states: StateFile,
        known: Known,
        *,
        now_ms: Callable[[], int],
        wanted: Callable[[], bool],
        advance: Callable[[int], None],
        batch: int = BATCH,
        identities: Identities | None = None,
    ) -> None:
        self._batch = batch
        self._identities = identities
        self._source = source
        self._format = format_
        self._publisher = publisher
        self._states = states
        self._known = known
        self._now_ms = now_ms
        self._wanted = wanted
        self._advance = advance
        state = states.load()
        self.state = state if known.has(state.run) else State(run=known.begin())
        self._rejects = Rejects(rejects, self.state.rejects)
        self._corrections = Corrections(known, self.state.run, format_.origin)
        self.report = Report()
        self._sending: asyncio.Task[None] | None = None

    async def run(self) -> bool:
        """Send what is left of the file; return False when it was stopped before the end."""
        records = self._format.records(self._source, self.state)
        try:
            with self._rejects:
                while batch := await self._read(records):
                    await self._take(batch)
                    if not self._wanted():
                        await self._keep()
                        return False
            await self._keep()
            while (settled := self._corrections.settle(_SETTLED)) is not None:
                await self._send(settled, counts=self.state.counts + settled.counts)
        except BaseException:
            # Nobody knows what of it Kafka has; the log will say.
            if self._sending is not None:
                self._sending.cancel()
            self._known.discard()
            raise
        counts = self.state.counts
        # Of an entity's waiting events one was settled; the others were lesser versions of it.
        self.state = msgspec.structs.replace(
            self.state, counts=counts + Counts(older=counts.waiting, waiting=-counts.waiting)
        )
        await self._keep()
        self._states.forget()
        return True

    async def _read(self, records: Iterator[Record]) -> list[Record]:
        """The next batch; meanwhile the batch before goes on its way."""
        batch: list[Record] = []
        while len(batch) < self._batch and (some := list(islice(records, min(_SLICE, self._batch - len(batch))))):
            batch += some
            await asyncio.sleep(0)
        return batch

    async def _take(self, batch: list[Record]) -> None:
        found: list[Checked] = []
        report = self.report
        before = report.taken, report.left_out.total(), report.reasons.total()
        now_ms = self._now_ms()
        for count, record in enumerate(batch):
            if count % _SLICE == 0:
                await asyncio.sleep(0)
            try:
                found += judge(record, now_ms, report)
            except Refused as refused:
                report.refuse(record.number, refused)
                self._rejects.add(record.number, record.raw, refused, self._format.header)
        decided = self._corrections.decide(found)
        last = batch[-1]
        await self._send(
            decided,
            end=last.end,
            line=last.number + last.raw[:-1].count(b"\n"),
            counts=self.state.counts + decided.counts,
            taken=self.state.taken + report.taken - before[0],
            left_out=self.state.left_out + report.left_out.total() - before[1],
            refused=self.state.refused + report.reasons.total() - before[2],
            rejects=self._rejects.flush(),
        )
        self._advance(len(batch))

    async def _send(self, decided: Decided, **place: Any) -> None:
        """Have sent what was decided, once what was decided before has arrived; `place` is how far that is."""
        self._known.save(decided, self.state.run)
        await self._arrived()
        self._sending = asyncio.create_task(self._publish(decided))
        self.state = msgspec.structs.replace(self.state, **place)
        if self._known.is_full:
            await self._keep()

    async def _publish(self, decided: Decided) -> None:
        if decided.reference:
            await self._publisher.publish_many_raw(decided.reference, reference=True)
        if decided.events:
            await self._publisher.publish_many_raw(await settled(decided.events, self._identities))

    async def _arrived(self) -> None:
        if self._sending is not None:
            await self._sending
            self._sending = None

    async def _keep(self) -> None:
        """Once Kafka has all that was sent: remember it on the disk, and how far the import is.

        Killed before, it reads the records since the last time again, and finds in the log what it had sent of them.
        """
        await self._arrived()
        self._known.flush()
        self._states.save(self.state)
