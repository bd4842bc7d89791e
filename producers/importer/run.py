"""The import of one file: read, check, send in batches, remember. Nothing is lost, and nothing counts twice."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
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

    async def run(self) -> bool:
        """Send what is left of the file; return False when it was stopped before the end."""
        with self._rejects, closing(_batches(self._format.records(self._source, self.state), self._batch)) as batches:
            for batch in batches:
                await self._take(batch)
                if not self._wanted():
                    return False
        while (settled := self._corrections.settle(self._batch)) is not None:
            await self._send(settled)
            self._remember(counts=self.state.counts + settled.counts)
        counts = self.state.counts
        # Of an entity's waiting events one was settled; the others were lesser versions of it.
        self._remember(counts=counts + Counts(older=counts.waiting, waiting=-counts.waiting))
        self._states.forget()
        return True

    async def _take(self, batch: list[Record]) -> None:
        found: list[Checked] = []
        report = self.report
        before = report.taken, report.left_out.total(), report.reasons.total()
        now_ms = self._now_ms()
        for record in batch:
            try:
                found += judge(record, now_ms, report)
            except Refused as refused:
                report.refuse(record.number, refused)
                self._rejects.add(record.number, record.raw, refused, self._format.header)
        decided = self._corrections.decide(found)
        await self._send(decided)
        last = batch[-1]
        self._remember(
            end=last.end,
            line=last.number + last.raw[:-1].count(b"\n"),
            counts=self.state.counts + decided.counts,
            taken=self.state.taken + report.taken - before[0],
            left_out=self.state.left_out + report.left_out.total() - before[1],
            refused=self.state.refused + report.reasons.total() - before[2],
            rejects=self._rejects.flush(),
        )
        self._advance(len(batch))

    async def _send(self, decided: Decided) -> None:
        if decided.reference:
            await self._publisher.publish_many_raw(decided.reference, reference=True)
        if decided.events:
            await self._publisher.publish_many_raw(await settled(decided.events, self._identities))
        self._known.save(decided, self.state.run)

    def _remember(self, **changes: Any) -> None:
        self.state = msgspec.structs.replace(self.state, **changes)
        self._states.save(self.state)


def _batches(records: Iterator[Record], size: int) -> Generator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
