"""`sales-pulse import`: history from files, once or twice with the same result."""

import asyncio
import gc
import hashlib
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from deploy.errors import MisuseError

if TYPE_CHECKING:
    from deploy.progress import CommandProgress
    from producers.importer.formats import EventOrigin, Format
    from producers.importer.known import Known
    from producers.importer.series import ImportSeries
    from producers.importer.source import SourceFile
    from producers.importer.state import State
    from producers.publisher import SalesPublisher
    from producers.settings import KafkaSettings


class Withdraw(NamedTuple):
    """Of whose events it is looked for what vanished from the files, and whether it is taken back."""

    origin: "EventOrigin | None"
    done: bool


Kind = Literal["jsonl", "csv", "asterisk-queue-log", "asterisk-cdr"]
_LARGE = 4 << 20
"""Bytes of a file from which on a process of its own reads it: to start one takes half a second."""
_ASTERISK = ("asterisk-queue-log", "asterisk-cdr")


def command(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE…", help="Files, also in .gz or .zip, or .xlsx; - is standard input."),
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="YAML: which columns make which events.")] = None,
    kind: Annotated[Kind | None, typer.Option("--format", help="Default: jsonl, or what the mapping says.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report what would be refused and why.")] = False,
    rejects: Annotated[Path, typer.Option(help="Folder for refused lines and their reasons.")] = Path(".local/import"),
    allow_refused: Annotated[bool, typer.Option("--allow-refused", help="Exit 0 even if lines were refused.")] = False,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Exit 0 even if no line makes an event.")] = False,
    withdraw_missing: Annotated[
        bool, typer.Option("--withdraw-missing", help="Show what earlier imports sent and the files no longer have.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --withdraw-missing: retract it.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Asterisk's logs: keep reading as the file grows.")] = False,
    metrics: Annotated[
        Path | None, typer.Option(help="File (.prom) for the textfile collector of Prometheus's node exporter.")
    ] = None,
    template: Annotated[bool, typer.Option("--template", help="Print a commented mapping and stop.")] = False,
) -> None:
    """Import events from JSON Lines, or from a table with a mapping. A stopped import resumes where it was.

    A table with the columns client_id and phone or email is a client list: from then on callers are these clients.

    Each line is accounted for: taken, left out and why, or refused and why (and kept, to be imported again). Importing
    again sends nothing that the log already has, and corrects what the file says differently.

    Example: sales-pulse import deals.csv.gz --mapping deals.yaml --dry-run
    """
    from deploy.client_lists import import_lists
    from producers.importer.source import SourceFile

    if template:
        print(_template(kind), end="")
        return
    if not files:
        raise MisuseError("which file? Give one or more, or - for standard input")
    if follow and (kind not in _ASTERISK or len(files) != 1 or files[0] == "-" or dry_run):
        raise MisuseError(f"--follow takes one file, with --format {' or '.join(_ASTERISK)}, and no --dry-run")
    if metrics and dry_run:
        raise MisuseError("--metrics reports what was sent; a --dry-run sends nothing")
    usable = import_lists(files, rejects, metrics, dry_run=dry_run) if mapping is None and kind is None else None
    if usable is not None:
        raise typer.Exit(0 if usable or allow_refused else 1)
    make = _formats(kind, mapping)
    if follow:
        from deploy.following import follow as followed

        asyncio.run(followed(Path(files[0]).resolve(), make(), rejects, str(kind), metrics))
        return
    withdraw = _withdrawal(make, withdraw_missing, yes)
    sources = [SourceFile(name) for name in files]
    if kind in _ASTERISK:
        from producers.connectors.asterisk.order import oldest_first

        sources = oldest_first(sources)
    if dry_run:
        from deploy.following import without_kafka

        without_kafka(make())
        ends = [_dry_run(source, make()) for source in sources]
    else:
        salt = hashlib.sha256(mapping.read_bytes()).hexdigest() if mapping else kind or ""
        ends = asyncio.run(_import(sources, make, rejects, salt, withdraw, (kind, metrics)))
    refused = any(end.refused for end in ends) and not allow_refused
    empty = any(end.read and not end.taken for end in ends) and not allow_empty
    if refused or empty:
        raise typer.Exit(1)


def _withdrawal(make: "Callable[[], Format]", wanted: bool, yes: bool) -> Withdraw:
    origin = make().origin
    if wanted and origin is None:
        raise MisuseError("--withdraw-missing needs --mapping: for plain events nothing says which are missing")
    if yes and not wanted:
        raise MisuseError("--yes goes with --withdraw-missing")
    return Withdraw(origin if wanted else None, yes)


def _template(kind: Kind | None) -> str:
    if kind in _ASTERISK:
        from producers.connectors.asterisk import config

        return config.TEMPLATE
    from producers.importer.template import TEMPLATE

    return TEMPLATE


def _formats(kind: Kind | None, mapping: Path | None) -> "Callable[[], Format]":
    """Return what makes the format for each file."""
    from producers.importer.formats import JsonLines

    if kind in _ASTERISK:
        if mapping is None:
            raise MisuseError(
                f"--format {kind} needs --mapping; begin with sales-pulse import --template --format {kind}"
            )
        from producers.connectors.asterisk.cdr import Cdr
        from producers.connectors.asterisk.config import load_config
        from producers.connectors.asterisk.queue_log import QueueLog

        config = load_config(mapping)
        format_ = QueueLog(config) if kind == "asterisk-queue-log" else Cdr(config)
        return lambda: format_  # one for all files: a call may lie in two of them
    if mapping is None:
        if kind == "csv":
            raise MisuseError("CSV needs --mapping; start with sales-pulse import --template")
        return JsonLines
    from producers.identities import IdentitySettings, hashed_name
    from producers.importer.mapping import load_mapping
    from producers.importer.rows import RowMapper
    from producers.importer.tables import MappedTable

    file = load_mapping(mapping)
    if kind is not None:
        file = file.model_copy(update={"format": kind})
    mapper = RowMapper(file)
    key = IdentitySettings().key if mapper.needs_key else None
    mapper.hashed = None if key is None else partial(hashed_name, key=key)
    return lambda: MappedTable(mapper)


def _dry_run(source: "SourceFile", format_: "Format") -> "State":
    from deploy.import_report import account, show
    from deploy.progress import CommandProgress
    from producers.importer.run import dry_run
    from producers.importer.state import ImportCounts, State

    with CommandProgress("checked", source.size) as progress:
        report = dry_run(
            source, format_, time.time_ns() // 1_000_000, lambda count: progress.advance(count, source.done)
        )
    end = State(
        counts=ImportCounts(sent=report.types.total()),
        taken=report.taken,
        left_out=report.left_out.total(),
        refused=report.reasons.total(),
    )
    print(f"{source.name}: {account(end)}; {end.counts.sent} events")
    show(report, format_.notes)
    return end


async def _import(
    sources: "list[SourceFile]",
    make: "Callable[[], Format]",
    folder: Path,
    salt: str,
    withdraw: Withdraw,
    told: tuple[Kind | None, Path | None],
) -> "list[State]":
    from deploy.following import identities, met, opened_series
    from deploy.import_report import tell, totals
    from deploy.progress import CommandProgress
    from deploy.stopping import asked_to_stop
    from producers.importer.judged import GC_THRESHOLDS
    from producers.importer.known import Known
    from producers.importer.log import catch_up
    from producers.importer.run import Import
    from producers.importer.state import StateFile
    from producers.publisher import SalesPublisher
    from producers.settings import KafkaSettings

    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    stop = asked_to_stop()
    settings = KafkaSettings()
    where = hashlib.sha256(f"{settings.kafka_servers} {settings.events_topic}".encode()).hexdigest()[:12]
    ends = []
    series = opened_series(told[1], make(), told[0])
    async with SalesPublisher(settings) as publisher, identities(make()) as resolver:
        with Known(folder / f"known-{where}.sqlite") as known:
            with CommandProgress("read of the log", None) as progress:
                await catch_up(known, settings, lambda count: _read(progress, count, stop))
            for source in sources:
                name = "stdin" if source.path is None else source.path.name
                identity = source.identity
                key = hashlib.sha256(f"{identity}{salt}".encode()).hexdigest() if identity else None
                target = folder / f"{name}.rejects"
                format_ = make()
                counted = partial(_count, series, partial(met, format_, resolver))
                with CommandProgress("imported", source.size) as progress:
                    job = Import(
                        source,
                        format_,
                        publisher,
                        target,
                        StateFile(folder, key),
                        known,
                        now_ms=lambda: time.time_ns() // 1_000_000,
                        wanted=lambda: not stop.is_set(),
                        advance=progress.advance,
                        identities=resolver,
                        apart=_is_apart(source, format_),
                        kept=counted,
                    )
                    if series is not None:
                        series.begin(totals(job.state, met(format_, resolver)))
                    finished = await job.run()
                if series is not None and finished:
                    series.ended()
                tell(source, job, format_.notes, target, finished=finished)
                ends.append(job.state)
                if not finished:
                    raise typer.Exit(1)
            if withdraw.origin is not None:
                await _withdraw(settings, known, publisher, withdraw.origin, ends, really=withdraw.done)
    return ends


def _count(series: "ImportSeries | None", met: "Callable[[], tuple[int, int]]", kept: "State") -> None:
    """Have in the file what is kept, and no more: an import that ends by an error goes on from there."""
    from deploy.import_report import totals

    if series is not None:
        series.tell(totals(kept, met()))
        series.write()


async def _withdraw(
    settings: "KafkaSettings",
    known: "Known",
    publisher: "SalesPublisher",
    origin: "EventOrigin",
    ends: "list[State]",
    *,
    really: bool,
) -> None:
    from deploy.import_report import tell_missing
    from producers.importer.log import lying
    from producers.importer.run import BATCH
    from producers.importer.withdrawing import Missing, kinds, withdrawals

    if any(end.refused or not end.taken for end in ends):
        print("nothing is withdrawn: lines were refused, or none was taken, so that what vanished cannot be told")
        raise typer.Exit(1)
    missing = Missing()
    places = known.missing(origin.source, kinds(origin.types), [end.run for end in ends])
    sent, pairs = 0, []
    async for pair in withdrawals(lying(settings, places), origin, missing):
        pairs.append(pair)
        if len(pairs) >= BATCH:
            sent += await publisher.publish_many_raw(pairs) if really else 0
            pairs.clear()
    if pairs and really:
        sent += await publisher.publish_many_raw(pairs)
    tell_missing(missing, sent, really=really)


def _read(progress: "CommandProgress", count: int, stop: asyncio.Event) -> None:
    progress.advance(count, progress.count + count)
    if stop.is_set():
        print("stopped while it read what the log has; run the same command again to go on")
        raise typer.Exit(1)


def _is_apart(source: "SourceFile", format_: "Format") -> bool:
    """Whether another processor may read a file: it is large, and what is in it is known without asking anybody."""
    is_alone = getattr(format_, "names", None) is None
    return is_alone and (source.size or 0) >= _LARGE and (os.cpu_count() or 1) > 1
