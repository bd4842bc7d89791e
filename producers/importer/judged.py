"""A file read and judged, batch by batch: here, or by a process of its own, which is a batch ahead of who sends.

What is judged needs nothing but the file, so that a second processor can do it.
"""

import asyncio
import gc
import multiprocessing
import pickle
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from itertools import chain
from multiprocessing.connection import Connection
from typing import NamedTuple

import msgspec

from producers.errors import Refused
from producers.importer.check import check_made
from producers.importer.entities import item
from producers.importer.errors import ImportProblem
from producers.importer.formats import Format, InputRecord, Rows
from producers.importer.ready import ReadyEvent, ReadyMany, ready_many
from producers.importer.report import ImportReport, judge
from producers.importer.source import SourceFile
from producers.importer.state import State

GC_THRESHOLDS = 200_000, 20, 50
"""Measured: rows leave many containers behind that live for a batch, and looking for cycles in them took a quarter."""
_SLICE = 500
"""Records after which others run: the batch before is on its way to Kafka."""


class Batch(NamedTuple):
    """Some records: events that may be sent, what was refused (line, bytes, reason, detail), and the place behind them.

    report: of all records until now. records: how many. done: bytes of the file that are behind.
    """

    ready: ReadyMany
    refused: list[tuple[int, bytes, str, str]]
    report: ImportReport
    end: int
    line: int
    records: int
    done: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ReadyMany).decode


@asynccontextmanager
async def judged(
    source: SourceFile, format_: Format, after: State, size: int, now_ms: Callable[[], int], *, apart: bool
) -> AsyncIterator[AsyncIterator[Batch]]:
    """The batches of a file behind those that are done. Raises ImportProblem."""
    found = _apart(source, format_, after, size) if apart else _here(source, format_, after, size, now_ms)
    async with aclosing(found):
        yield found


async def _here(
    source: SourceFile, format_: Format, after: State, size: int, now_ms: Callable[[], int]
) -> AsyncGenerator[Batch]:
    report = ImportReport()
    judging = Judging(report, now_ms())
    some: list[InputRecord | Rows] = []
    for some in batches(format_.records(source, after), min(size, _SLICE)):
        judging.take(some)
        await asyncio.sleep(0)
        if judging.records >= size:
            yield judging.batch(some[-1], source)
            judging = Judging(report, now_ms())
    if judging.records:
        yield judging.batch(some[-1], source)


def batches(records: Iterable[InputRecord | Rows], size: int) -> Iterator[list[InputRecord | Rows]]:
    """Records, so many at a time."""
    batch: list[InputRecord | Rows] = []
    room = size
    for one in records:
        if not isinstance(one, Rows):
            batch.append(one)
            room -= 1
        else:
            begin, count = 0, len(one.values)
            while count - begin >= room:
                yield [*batch, one.part(begin, begin + room)]
                begin += room
                batch, room = [], size
            if begin < count:
                batch.append(one.part(begin, count) if begin else one)
                room -= count - begin
        if not room:
            yield batch
            batch, room = [], size
    if batch:
        yield batch


class Judging:
    """Some records judged: what may be sent, what is refused; all are counted in a report."""

    def __init__(self, report: ImportReport, now_ms: int) -> None:
        self._report = report
        self._now_ms = now_ms
        self._ready = ReadyMany.none()
        self._refused: list[tuple[int, bytes, str, str]] = []
        self.records = 0

    def take(self, records: Iterable[InputRecord | Rows]) -> None:
        """Judge some more."""
        for one in records:
            if isinstance(one, Rows):
                self.records += len(one.values)
                if not self._are_sent(one):
                    for record in one.records():
                        self._judge(record)
            else:
                self.records += 1
                self._judge(one)

    def batch(self, last: InputRecord | Rows, source: SourceFile) -> Batch:
        """All of them. `last`: the last of them."""
        if isinstance(last, Rows):
            line = last.number + len(last.values) - 1
        else:
            line = last.number + last.raw[:-1].count(b"\n")
        return Batch(self._ready, self._refused, self._report, last.end, line, self.records, source.done)

    def _are_sent(self, rows: Rows) -> bool:
        """Whether all of these may be sent without a closer look; else nothing has happened."""
        values = list(chain.from_iterable(rows.values))
        events = check_made(values, self._now_ms)
        if events is None:
            return False
        self._report.taken += len(rows.values)
        self._report.accept(events)
        self._ready.extend(ready_many(values, events))
        return True

    def _judge(self, record: InputRecord) -> None:
        try:
            found = judge(record, self._now_ms, self._report)
        except Refused as problem:
            self._report.refuse(record.number, problem)
            self._refused.append((record.number, record.raw, problem.reason, problem.detail))
        else:
            for checked in found:
                self._ready.append(ReadyEvent(checked.key, checked.value, item(checked.event)))


async def _apart(source: SourceFile, format_: Format, after: State, size: int) -> AsyncGenerator[Batch]:
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(its, source.name, format_, after, size), daemon=True)
    process.start()
    its.close()
    coming = asyncio.ensure_future(asyncio.to_thread(_received, mine))
    try:
        while (found := await asyncio.shield(coming)) is not None:
            coming = asyncio.ensure_future(asyncio.to_thread(_received, mine))
            if isinstance(found, Exception):
                raise found
            if isinstance(found, Batch):
                yield found
            else:
                format_.header, notes = found
                format_.notes += notes
        process.join()
        if process.exitcode:
            raise ImportProblem(
                f"{source.name}: the process that reads it was ended ({process.exitcode}); is there enough memory? "
                "Spreadsheets that are not .xlsx are held as a whole, CSV is not. Run the same command again to go on"
            )
    finally:
        process.kill()
        process.join()
        await asyncio.wait([coming])
        mine.close()


def _received(connection: Connection) -> Batch | tuple[bytes, list[str]] | Exception | None:
    """What the other process says next; None when it has ended."""
    try:
        ready, rest = connection.recv_bytes(), connection.recv_bytes()
    except (EOFError, OSError):
        return None
    said = pickle.loads(rest)  # noqa: S301 - of our own process
    return said._replace(ready=_decode(ready)) if isinstance(said, Batch) else said


def _work(connection: Connection, name: str, format_: Format, after: State, size: int) -> None:
    """What the other process does. Ctrl-C is for the first one, which ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)

    def say(what: object, ready: bytes = b"") -> None:
        connection.send_bytes(ready)
        connection.send_bytes(pickle.dumps(what))

    try:
        source, report = SourceFile(name), ImportReport()
        records = format_.records(source, after)
        say((format_.header, format_.notes))
        told = len(format_.notes)
        for batch in batches(records, size):
            judging = Judging(report, time.time_ns() // 1_000_000)
            judging.take(batch)
            found = judging.batch(batch[-1], source)
            say(found._replace(ready=ReadyMany.none()), _encode(found.ready))
        say((format_.header, format_.notes[told:]))
    except BrokenPipeError:
        return
    except ImportProblem as problem:
        say(problem)
