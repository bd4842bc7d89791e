"""The import of one file: read, check, send in batches, remember. Nothing is lost, and nothing counts twice."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from producers.errors import Refused
from producers.importer.check import Checked, check
from producers.importer.formats import Format, Record
from producers.importer.rejects import Rejects
from producers.importer.source import Line, Source
from producers.importer.state import State, StateFile

BATCH = 5000
_EXAMPLES = 5


class Publisher(Protocol):
    """What an import needs of `SalesPublisher`: when it returns, Kafka has the records, in order per key."""

    async def publish_many_raw(self, records: Iterable[tuple[bytes, bytes]], *, reference: bool = False) -> int:
        """Send (key, value) pairs."""


@dataclass(slots=True)
class Report:
    """What an import found: events by type, refusals by reason with the first few of each."""

    types: Counter[str] = field(default_factory=Counter)
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

    def accept(self, checked: Checked) -> None:
        """Count an event."""
        event = checked.event
        self.types[event.type] += 1
        if self.first is None or event.time < self.first:
            self.first = event.time
        if self.last is None or event.time > self.last:
            self.last = event.time


def judge(record: Record, now_ms: int) -> list[Checked]:
    """Return all events of a record. Raises Refused when one of them is refused: a record goes as a whole."""
    if record.problem is not None:
        raise record.problem
    return [check(value, now_ms) for value in record.values]


def dry_run(source: Source, format_: Format, now_ms: int, advance: Callable[[int], None]) -> Report:
    """Check a whole file and send nothing."""
    report = Report()
    with source.lines() as lines:
        for count, record in enumerate(format_.records(lines), 1):
            try:
                for checked in judge(record, now_ms):
                    report.accept(checked)
            except Refused as refused:
                report.refuse(record.number, refused)
            if count % BATCH == 0:
                advance(BATCH)
    return report


class Import:
    """One import of one file. `wanted` is asked after each batch whether to go on."""

    def __init__(
        self,
        source: Source,
        format_: Format,
        publisher: Publisher,
        rejects: Rejects,
        states: StateFile,
        *,
        now_ms: Callable[[], int],
        wanted: Callable[[], bool],
        advance: Callable[[int], None],
        batch: int = BATCH,
    ) -> None:
        self._batch = batch
        self._source = source
        self._format = format_
        self._publisher = publisher
        self._rejects = rejects
        self._states = states
        self._now_ms = now_ms
        self._wanted = wanted
        self._advance = advance
        self.state = states.load()
        self.report = Report()

    async def run(self) -> bool:
        """Send what is left of the file; return False when it was stopped before the end."""
        begin = self.state
        if begin.end and not self._format.whole:
            self._format.begin(self._source)
        with self._rejects, self._opened(begin) as lines:
            for batch in _batches(self._records(lines, begin), self._batch):
                await self._send(batch)
                if not self._wanted():
                    return False
        self._states.forget()
        return True

    def _opened(self, begin: State) -> AbstractContextManager[Iterator[Line]]:
        if self._format.whole:
            return self._source.lines()
        return self._source.lines(begin.end, begin.line)

    def _records(self, lines: Iterator[Line], begin: State) -> Iterator[Record]:
        for record in self._format.records(lines):
            if record.end > begin.end:
                yield record

    async def _send(self, batch: list[Record]) -> None:
        events: list[tuple[bytes, bytes]] = []
        reference: list[tuple[bytes, bytes]] = []
        refused_before = self.report.reasons.total()
        now_ms = self._now_ms()
        for record in batch:
            try:
                for checked in judge(record, now_ms):
                    (reference if checked.reference else events).append((checked.key, checked.value))
            except Refused as refused:
                self.report.refuse(record.number, refused)
                self._rejects.add(record.number, record.raw, refused, self._format.header)
        if reference:
            await self._publisher.publish_many_raw(reference, reference=True)
        if events:
            await self._publisher.publish_many_raw(events)
        last = batch[-1]
        self.state = msgspec.structs.replace(
            self.state,
            end=last.end,
            line=last.number + last.raw[:-1].count(b"\n"),
            sent=self.state.sent + len(events) + len(reference),
            refused=self.state.refused + self.report.reasons.total() - refused_before,
            rejects=self._rejects.flush(),
        )
        self._states.save(self.state)
        self._advance(len(batch))


def _batches(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
