"""What `sales-pulse import` does for the logs of an exchange: clients by their numbers, and logs that grow."""

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from deploy.import_report import account, show

if TYPE_CHECKING:
    from producers.connectors.asterisk.config import AsteriskNames
    from producers.connectors.asterisk.follow import Come, Growing
    from producers.identities import Resolver
    from producers.importer.formats import Format
    from producers.importer.series import ImportSeries
    from producers.importer.state import State


class _Named(Protocol):
    names: "AsteriskNames"


@asynccontextmanager
async def identities(format_: "Format") -> "AsyncIterator[Resolver | None]":
    """The installation's identities, where it has some and the format meets telephone numbers."""
    if getattr(format_, "names", None) is None:
        yield None
        return
    from producers.identities.topic import opened
    from producers.settings import KafkaSettings

    async with opened(KafkaSettings()) as resolver:
        cast("_Named", format_).names.resolver = resolver
        yield resolver
        if resolver is not None:
            known, new = met(format_, resolver)
            print(f"  {known} of {known + new} clients that were looked up were known")


def met(format_: "Format", resolver: "Resolver | None") -> tuple[int, int]:
    """How many clients that were looked up were known, and how many were not: calls of a log, rows of a table."""
    found = getattr(getattr(format_, "names", None), "met", resolver)
    return (0, 0) if found is None or resolver is None else (found.known, found.claimed)


def without_kafka(format_: "Format") -> None:
    """For a dry run, which asks nobody: numbers are told apart as they would be, by claims that end with it."""
    from producers.identities import IdentitySettings, InMemoryClaimsLog, Resolver

    settings = IdentitySettings()
    if getattr(format_, "names", None) is not None and settings.key is not None:
        resolver = Resolver(InMemoryClaimsLog(), settings.key, settings.identity_region)
        cast("_Named", format_).names.resolver = resolver


async def follow(path: Path, format_: "Format", folder: Path, kind: str, metrics: Path | None) -> None:
    """Send what a log tells as it grows, until a signal ends it; say then what became of its lines."""
    from deploy.import_report import totals
    from deploy.stopping import asked_to_stop
    from producers.connectors.asterisk.follow import Follow, FollowMemory
    from producers.importer.rejects import Rejects
    from producers.publisher import SalesPublisher

    stop = asked_to_stop()
    memory = FollowMemory(folder / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.follow.json")
    target = folder / f"{path.name}.follow.rejects"
    growing = cast("Growing", format_)
    series = opened_series(metrics, format_, kind)
    print(f"{path}: followed; stop it with Ctrl-C or SIGTERM, it goes on from there", flush=True)
    async with SalesPublisher() as publisher, identities(format_) as resolver:

        def looked() -> None:
            if series is not None:
                series.tell(totals(_state(job.come), met(format_, resolver)))
                series.looked()

        job = Follow(
            path,
            growing,
            publisher,
            Rejects(target, memory.load().rejects),
            memory,
            now_ms=lambda: time.time_ns() // 1_000_000,
            wanted=lambda: not stop.is_set(),
            say=lambda text: print(text, flush=True),
            identities=resolver,
            looked=looked,
        )
        if series is not None:
            series.begin(totals(_state(job.come), (0, 0)))
        await job.run()
        if series is not None:
            series.ended("follow")
    come = job.come
    print(f"{path}: {account(_state(come))}; {come.sent} events sent")
    show(job.report, growing.notes)
    if come.refused:
        print(f"  refused lines: {target}, their reasons: {target}.reasons")


def opened_series(path: Path | None, format_: "Format", kind: str | None) -> "ImportSeries | None":
    """What `--metrics` asks for."""
    from producers.importer.series import ImportSeries

    source = format_.origin.source if format_.origin else ""
    is_log = kind is not None and kind.startswith("asterisk-")
    name = str(kind) if is_log else "table" if format_.origin else "jsonl"
    return ImportSeries(path, source, name, time.time) if path is not None else None


def _state(come: "Come") -> "State":
    from producers.importer.state import ImportCounts, State

    return State(counts=ImportCounts(sent=come.sent), taken=come.taken, left_out=come.left_out, refused=come.refused)
