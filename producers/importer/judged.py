"""A file read and judged, batch by batch: here, or by a process of its own, which is a batch ahead of who sends.

What is judged needs nothing but the file, so that a second processor can do it.
"""

import asyncio
import gc
import multiprocessing
import pickle
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from itertools import islice
from multiprocessing.connection import Connection
from typing import NamedTuple

import msgspec

from producers.errors import Refused
from producers.importer.entities import Item, item
from producers.importer.errors import ImportProblem
from producers.importer.formats import Format, Record
from producers.importer.report import Report, judge
from producers.importer.source import Source
from producers.importer.state import State

GC_THRESHOLDS = 200_000, 20, 50
"""Measured: rows leave many containers behind that live for a batch, and looking for cycles in them took a quarter."""
_SLICE = 500
"""Records after which others run: the batch before is on its way to Kafka."""


class Ready(NamedTuple):
    """An event that may be sent: its Kafka key, its bytes, and what it is compared by."""

    key: bytes
    value: bytes
    item: Item


class Batch(NamedTuple):
    """Some records: events that may be sent, what was refused (line, bytes, reason, detail), and the place behind them.

    report: of all records until now. records: how many. done: bytes of the file that are behind.
    """

    ready: list[Ready]
    refused: list[tuple[int, bytes, str, str]]
    report: Report
    end: int
    line: int
    records: int
    done: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Ready]).decode


@asynccontextmanager
async def judged(
    source: Source, format_: Format, after: State, size: int, now_ms: Callable[[], int], *, apart: bool
) -> AsyncIterator[AsyncIterator[Batch]]:
    """The batches of a file behind those that are done. Raises ImportProblem."""
    found = _apart(source, format_, after, size) if apart else _here(source, format_, after, size, now_ms)
    async with aclosing(found):
        yield found


async def _here(
    source: Source, format_: Format, after: State, size: int, now_ms: Callable[[], int]
) -> AsyncGenerator[Batch]:
    records, report = format_.records(source, after), Report()
    while True:
        batch: list[Record] = []
        while len(batch) < size and (some := list(islice(records, min(_SLICE, size - len(batch))))):
            batch += some
            await asyncio.sleep(0)
        if not batch:
            return
        yield _judged(batch, report, source, now_ms())


def _judged(records: list[Record], report: Report, source: Source, now_ms: int) -> Batch:
    ready: list[Ready] = []
    refused = []
    for record in records:
        try:
            found = judge(record, now_ms, report)
        except Refused as problem:
            report.refuse(record.number, problem)
            refused.append((record.number, record.raw, problem.reason, problem.detail))
        else:
            ready += [Ready(checked.key, checked.value, item(checked.event)) for checked in found]
    last = records[-1]
    line = last.number + last.raw[:-1].count(b"\n")
    return Batch(ready, refused, report, last.end, line, len(records), source.done)


async def _apart(source: Source, format_: Format, after: State, size: int) -> AsyncGenerator[Batch]:
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
                f"{source.name}: the process that reads it was ended ({process.exitcode}); is there memory enough? "
                "Run the same command again to go on"
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
        source, report = Source(name), Report()
        records = format_.records(source, after)
        say((format_.header, format_.notes))
        while batch := list(islice(records, size)):
            found = _judged(batch, report, source, time.time_ns() // 1_000_000)
            say(found._replace(ready=[]), _encode(found.ready))
    except BrokenPipeError:
        return
    except ImportProblem as problem:
        say(problem)
