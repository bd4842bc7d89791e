"""What `sales-pulse import clients.csv` does: a list of clients feeds the identities."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.errors import MisuseError

if TYPE_CHECKING:
    from deploy.progress import CommandProgress
    from producers.identities import IdentitySettings, Resolver
    from producers.importer.client_list import ListReport
    from producers.importer.source import SourceFile
    from producers.importer.tables import MappedTable

_NAMED = 5


def import_lists(names: list[str], folder: Path, metrics: Path | None, *, dry_run: bool) -> bool | None:
    """Claim what client lists say; whether each row was usable. None when the files are none."""
    from producers.importer.source import SourceFile

    sources = [SourceFile(name) for name in names]
    lists = [(source, table) for source in sources if (table := _as_list(source)) is not None]
    if not lists:
        return None
    if metrics is not None:
        raise MisuseError("--metrics reports events, and a client list makes none")
    if len(lists) < len(sources):
        raise MisuseError("some files are client lists and some are not; import them one after the other")
    return asyncio.run(_claim(lists, folder, dry_run=dry_run))


def _as_list(source: "SourceFile") -> "MappedTable | None":
    """What reads a file without a mapping whose header is that of a client list; None for other files."""
    from producers.importer.client_list import client_list
    from producers.importer.mapping import MappingFile

    if source.path is None:
        return None  # read once: a stream of events has no header to be looked for
    with source.opened() as stream:
        if stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b""):
            return None
    plain = {"source": "clients", "events": [{"type": {"constant": ""}, "time": {"constant": ""}, "data": {}}]}
    return client_list(source, MappingFile.model_validate(plain))


async def _claim(lists: "list[tuple[SourceFile, MappedTable]]", folder: Path, *, dry_run: bool) -> bool:
    from deploy.progress import CommandProgress
    from producers.identities import IdentitySettings
    from producers.importer.client_list import ListImport
    from producers.importer.clients import NO_KEY
    from producers.importer.errors import ImportProblem
    from producers.importer.rejects import Rejects

    settings = IdentitySettings()
    if settings.key is None:
        raise ImportProblem(NO_KEY)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    usable = True
    async with _asked(settings, dry_run=dry_run) as resolver:
        for source, table in lists:
            target = folder / f"{Path(source.name).name}.rejects"
            job = ListImport(table, resolver, None if dry_run else Rejects(target))
            with CommandProgress("clients read", source.size) as progress:
                await job.run(source, partial(_advance, progress, source))
            _tell(source, job.report, table.notes, None if dry_run else target)
            usable = usable and not job.report.refused
    return usable


def _advance(progress: "CommandProgress", source: "SourceFile", count: int) -> None:
    progress.advance(count, source.done)


@asynccontextmanager
async def _asked(settings: "IdentitySettings", *, dry_run: bool) -> "AsyncIterator[Resolver]":
    """The identities; in a dry run, which asks nobody, those that end with it."""
    from producers.identities import InMemoryClaimsLog, Resolver
    from producers.identities.topic import opened
    from producers.settings import KafkaSettings

    if dry_run:
        yield Resolver(InMemoryClaimsLog(), settings.key or b"", settings.identity_region)
        return
    async with opened(KafkaSettings(), settings) as resolver:
        if resolver is not None:
            yield resolver


def _tell(source: "SourceFile", report: "ListReport", notes: list[str], target: Path | None) -> None:
    refused, left_out = len(report.refused), report.left_out.total()
    print(
        f"{source.name}: a client list; {report.taken + refused + left_out} lines read: {report.taken} taken, "
        f"{left_out} left out, {refused} refused"
    )
    for note in notes:
        print(f"  {note}")
    if report.renamed:
        print(f"  {report.renamed} had called or written before: they stay the clients that they were")
    for why, count in report.left_out.most_common():
        print(f"  left out: {count}, {why}")
    for number, problem in report.refused[:_NAMED]:
        print(f"    line {number}: {problem.detail}")
    if refused and target is not None:
        print(f"  refused lines: {target}, their reasons: {target}.reasons")
