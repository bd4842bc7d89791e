"""`sales-pulse import`: history from files, once or twice with the same result."""

import asyncio
import hashlib
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deploy.errors import MisuseError

if TYPE_CHECKING:
    from deploy.progress import Progress
    from producers.importer.formats import Format
    from producers.importer.run import Import, Report
    from producers.importer.source import Source

Kind = Literal["jsonl", "csv", "asterisk-queue-log", "asterisk-cdr"]


def command(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE…", help="Files, also .gz; - is standard input.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="YAML: which columns make which events.")] = None,
    kind: Annotated[Kind | None, typer.Option("--format", help="Default jsonl, or what the mapping says.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report what would be refused and why.")] = False,
    rejects: Annotated[Path, typer.Option(help="Folder for refused lines and their reasons.")] = Path(".local/import"),
    allow_refused: Annotated[bool, typer.Option("--allow-refused", help="Exit 0 although lines were refused.")] = False,
    template: Annotated[bool, typer.Option("--template", help="Print a commented mapping and stop.")] = False,
) -> None:
    """Import events from JSON Lines, or from CSV with a mapping. Stopped in the middle, it goes on from there.

    Example: sales-pulse import deals.csv.gz --mapping deals.yaml --dry-run
    """
    from producers.importer.source import Source

    if template:
        print(_template(kind), end="")
        return
    if not files:
        raise MisuseError("which file? Give one or more, or - for standard input")
    make = _formats(kind, mapping)
    sources = [Source(name) for name in files]
    if dry_run:
        refused = sum([_dry_run(source, make()) for source in sources])
    else:
        salt = hashlib.sha256(mapping.read_bytes()).hexdigest() if mapping else kind or ""
        refused = asyncio.run(_import(sources, make, rejects, salt))
    if refused and not allow_refused:
        raise typer.Exit(1)


def _template(kind: Kind | None) -> str:
    if kind in ("asterisk-queue-log", "asterisk-cdr"):
        from producers.connectors.asterisk import config

        return config.TEMPLATE
    from producers.importer.template import TEMPLATE

    return TEMPLATE


def _formats(kind: Kind | None, mapping: Path | None) -> "Callable[[], Format]":
    """Return what makes the format for each file."""
    from producers.importer.formats import JsonLines

    if kind in ("asterisk-queue-log", "asterisk-cdr"):
        if mapping is None:
            raise MisuseError(
                f"--format {kind} needs --mapping; begin with sales-pulse import --template --format {kind}"
            )
        from producers.connectors.asterisk.cdr import Cdr
        from producers.connectors.asterisk.config import load_config
        from producers.connectors.asterisk.queue_log import QueueLog

        config = load_config(mapping)
        return lambda: QueueLog(config) if kind == "asterisk-queue-log" else Cdr(config)
    if mapping is None:
        if kind == "csv":
            raise MisuseError("CSV needs --mapping; begin with sales-pulse import --template")
        return JsonLines
    from producers.importer.mapping import load_mapping
    from producers.importer.rows import RowMapper
    from producers.importer.tables import CsvTable, JsonTable

    mapper = RowMapper(load_mapping(mapping))
    table = CsvTable if (kind or mapper.file.format) == "csv" else JsonTable
    return lambda: table(mapper)


def _dry_run(source: "Source", format_: "Format") -> int:
    from deploy.progress import Progress
    from producers.importer.run import dry_run

    with Progress("checked", source.size) as progress:
        report = dry_run(
            source, format_, time.time_ns() // 1_000_000, lambda count: progress.advance(count, source.done)
        )
    print(f"{source.name}: {report.types.total()} events would be sent, {report.reasons.total()} lines refused")
    _show(report)
    return report.reasons.total()


async def _import(sources: "list[Source]", make: "Callable[[], Format]", folder: Path, salt: str) -> int:
    from deploy.progress import Progress
    from producers.importer.rejects import Rejects
    from producers.importer.run import Import
    from producers.importer.state import StateFile
    from producers.publisher import SalesPublisher

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    refused = 0
    async with SalesPublisher() as publisher:
        for source in sources:
            name = "stdin" if source.path is None else source.path.name
            identity = source.identity
            key = hashlib.sha256(f"{identity}{salt}".encode()).hexdigest() if identity else None
            states = StateFile(folder, key)
            begin = states.load()
            target = folder / f"{name}.rejects"
            with Progress("imported", source.size) as progress:
                job = Import(
                    source,
                    make(),
                    publisher,
                    Rejects(target, begin.rejects),
                    states,
                    now_ms=lambda: time.time_ns() // 1_000_000,
                    wanted=lambda: not stop.is_set(),
                    advance=partial(_advance, progress, source),
                )
                finished = await job.run()
            refused += _tell(source, job, target, finished=finished)
            if not finished:
                raise typer.Exit(1)
    return refused


def _advance(progress: "Progress", source: "Source", count: int) -> None:
    progress.advance(count, source.done)


def _tell(source: "Source", job: "Import", target: Path, *, finished: bool) -> int:
    state = job.state
    print(f"{source.name}: {state.sent} events sent, {state.refused} lines refused")
    if state.refused:
        _show(job.report)
        print(f"  refused lines: {target}, their reasons: {target}.reasons")
    if not finished:
        again = "run the same command again to go on" if source.path else "send the rest again from there"
        print(f"  stopped after line {state.line}; {again}")
    return state.refused


def _show(report: "Report") -> None:
    for type_, count in sorted(report.types.items()):
        print(f"  {type_}: {count}")
    if report.first and report.last:
        print(f"  from {report.first.isoformat()} to {report.last.isoformat()}")
    for reason, count in report.reasons.most_common():
        print(f"  refused as {reason}: {count}")
        for number, detail in report.examples[reason]:
            print(f"    line {number}: {detail}")
