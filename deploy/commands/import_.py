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
    from producers.importer.state import State

Kind = Literal["jsonl", "csv", "asterisk-queue-log", "asterisk-cdr"]


def command(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE…", help="Files, also in .gz or .zip, or .xlsx; - is standard input."),
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="YAML: which columns make which events.")] = None,
    kind: Annotated[Kind | None, typer.Option("--format", help="Default jsonl, or what the mapping says.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report what would be refused and why.")] = False,
    rejects: Annotated[Path, typer.Option(help="Folder for refused lines and their reasons.")] = Path(".local/import"),
    allow_refused: Annotated[bool, typer.Option("--allow-refused", help="Exit 0 although lines were refused.")] = False,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Exit 0 although no line makes an event.")] = False,
    template: Annotated[bool, typer.Option("--template", help="Print a commented mapping and stop.")] = False,
) -> None:
    """Import events from JSON Lines, or from a table with a mapping. Stopped in the middle, it goes on from there.

    Each line is accounted for: taken, left out and why, or refused and why (and kept, to be imported again).

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
        ends = [_dry_run(source, make()) for source in sources]
    else:
        salt = hashlib.sha256(mapping.read_bytes()).hexdigest() if mapping else kind or ""
        ends = asyncio.run(_import(sources, make, rejects, salt))
    refused = any(end.refused for end in ends) and not allow_refused
    empty = any(end.read and not end.taken for end in ends) and not allow_empty
    if refused or empty:
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
    from producers.importer.tables import Table

    file = load_mapping(mapping)
    if kind is not None:
        file = file.model_copy(update={"format": kind})
    mapper = RowMapper(file)
    return lambda: Table(mapper)


def _dry_run(source: "Source", format_: "Format") -> "State":
    from deploy.progress import Progress
    from producers.importer.run import dry_run
    from producers.importer.state import State

    with Progress("checked", source.size) as progress:
        report = dry_run(
            source, format_, time.time_ns() // 1_000_000, lambda count: progress.advance(count, source.done)
        )
    end = State(
        sent=report.types.total(),
        taken=report.taken,
        left_out=report.left_out.total(),
        refused=report.reasons.total(),
    )
    print(f"{source.name}: {_account(end)}; {end.sent} events would be sent")
    _show(report, format_.notes)
    return end


def _account(end: "State") -> str:
    return f"{end.read} lines read: {end.taken} taken, {end.left_out} left out, {end.refused} refused"


async def _import(sources: "list[Source]", make: "Callable[[], Format]", folder: Path, salt: str) -> "list[State]":
    from deploy.progress import Progress
    from producers.importer.rejects import Rejects
    from producers.importer.run import Import
    from producers.importer.state import StateFile
    from producers.publisher import SalesPublisher

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ends = []
    async with SalesPublisher() as publisher:
        for source in sources:
            name = "stdin" if source.path is None else source.path.name
            identity = source.identity
            key = hashlib.sha256(f"{identity}{salt}".encode()).hexdigest() if identity else None
            states = StateFile(folder, key)
            begin = states.load()
            target = folder / f"{name}.rejects"
            format_ = make()
            with Progress("imported", source.size) as progress:
                job = Import(
                    source,
                    format_,
                    publisher,
                    Rejects(target, begin.rejects),
                    states,
                    now_ms=lambda: time.time_ns() // 1_000_000,
                    wanted=lambda: not stop.is_set(),
                    advance=partial(_advance, progress, source),
                )
                finished = await job.run()
            _tell(source, job, format_.notes, target, finished=finished)
            ends.append(job.state)
            if not finished:
                raise typer.Exit(1)
    return ends


def _advance(progress: "Progress", source: "Source", count: int) -> None:
    progress.advance(count, source.done)


def _tell(source: "Source", job: "Import", notes: list[str], target: Path, *, finished: bool) -> None:
    state = job.state
    print(f"{source.name}: {_account(state)}; {state.sent} events sent")
    _show(job.report, notes)
    if state.refused:
        print(f"  refused lines: {target}, their reasons: {target}.reasons")
    if not finished:
        again = "run the same command again to go on" if source.path else "send the rest again from there"
        print(f"  stopped after line {state.line}; {again}")


def _show(report: "Report", notes: list[str]) -> None:
    for note in notes:
        print(f"  {note}")
    for type_, count in sorted(report.types.items()):
        print(f"  {type_}: {count}")
    if report.first and report.last:
        print(f"  from {report.first.isoformat()} to {report.last.isoformat()}")
    for why, count in report.left_out.most_common():
        print(f"  left out: {count}, {why}")
    for reason, count in report.reasons.most_common():
        print(f"  refused as {reason}: {count}")
        for number, detail in report.examples[reason]:
            print(f"    line {number}: {detail}")
