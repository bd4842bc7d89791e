"""`sales-pulse dead-letters`: see what was refused and why; send it again after a fix, or dismiss it."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.letters.index import Filter

app = typer.Typer(
    no_args_is_help=True,
    help="Show what was refused and why; resend it after a fix, or dismiss it.\n\n"
    "Example: sales-pulse dead-letters list",
)

_Reasons = Annotated[
    list[str] | None, typer.Option("--reason", help="only this reason, such as invalid_data; may be repeated")
]
_Senders = Annotated[
    list[str] | None, typer.Option("--source", help='only this CloudEvents source ("" for none); may be repeated')
]
_Since = Annotated[
    str | None,
    typer.Option("--since", help="only what came since then: 2h or 3d ago, 2026-11-28, 2026-11-28T09:00+03:00"),
]
_Until = Annotated[str | None, typer.Option("--until", help="only what came before then; like --since")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="only say what would be done")]


@app.command("list")
def list_(
    reason: _Reasons = None,
    source: _Senders = None,
    since: _Since = None,
    until: _Until = None,
    limit: Annotated[int, typer.Option(min=1, help="show at most this many, the latest")] = 100,
    closed: Annotated[bool, typer.Option("--all", help="also those that were replayed or dismissed")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object per line, with the value")] = False,
) -> None:
    """Show open dead letters, the latest last, and count them by reason and source.

    Example: sales-pulse dead-letters list --source crm://a --since 2h
    """
    asyncio.run(_list(_filter(reason, source, since, until, closed_too=closed), limit, as_json))


async def _list(wanted: "Filter", limit: int, as_json: bool) -> None:
    from deploy.letter_table import summary, table, terminal_width
    from producers.settings import KafkaSettings
    from streams.letters.topic import everything

    async with everything(KafkaSettings()) as index:
        shown, counts = index.latest(wanted, limit), index.counts(wanted)
    if as_json:
        for letter in shown:
            print(json.dumps(letter.as_json(), ensure_ascii=False))
        return
    print("\n".join((*table(shown, terminal_width()), *summary(counts))))


@app.command()
def replay(
    reason: _Reasons = None,
    source: _Senders = None,
    since: _Since = None,
    until: _Until = None,
    dry_run: _DryRun = False,
) -> None:
    """Resend what the contract accepts now, in the order of the log that it came from. Nothing is sent twice.

    Each record is validated as if it were sent now. What is still wrong is not sent, stays open, and is named with the
    reason: have its sender send a correct one, then `dismiss` it. A record and the mark that closes its letter are
    written in one transaction, so an interrupted replay can simply be run again.

    Calls, payments and snapshots count by their own times and versions, so the numbers are as if they had been right
    at once. Chats count in the order of the log: a replayed message comes after what has arrived since. An answer that
    was counted before does not answer it, so it waits for the next one. An earlier version of something that has a
    later one changes nothing: a lead keeps the first temperature that was counted.

    Example: sales-pulse dead-letters replay --source crm://a --dry-run
    """
    asyncio.run(_replay(_filter(reason, source, since, until), dry_run))


async def _replay(wanted: "Filter", dry_run: bool) -> None:
    from deploy.letter_table import Sorter
    from producers.settings import KafkaSettings
    from streams.letters.closing import closer, judge
    from streams.letters.topic import everything

    settings = KafkaSettings()
    if dry_run:
        async with everything(settings) as index:
            sorter = Sorter(await judge(settings), each=True)
            for _ in sorter.sort(index.in_log_order(wanted)):
                pass
    else:
        async with closer(settings) as closing, everything(settings) as index:
            sorter = Sorter(await judge(settings), each=False)
            await closing.replay(sorter.sort(index.in_log_order(wanted)))
    print("\n".join(sorter.lines("would send" if dry_run else "sent")))


@app.command()
def dismiss(
    reason: _Reasons = None,
    source: _Senders = None,
    since: _Since = None,
    until: _Until = None,
    dry_run: _DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
) -> None:
    """Close what nobody will fix. It stays in Kafka and in `list --all`, but no alert mentions it any more.

    Example: sales-pulse dead-letters dismiss --reason not_json --until 2026-11-01 --yes
    """
    asyncio.run(_dismiss(_filter(reason, source, since, until), dry_run, yes))


async def _dismiss(wanted: "Filter", dry_run: bool, yes: bool) -> None:
    from deploy.errors import MisuseError
    from deploy.letter_table import summary
    from producers.settings import KafkaSettings
    from streams.letters.closing import closer
    from streams.letters.topic import everything

    settings = KafkaSettings()
    if dry_run:
        async with everything(settings) as index:
            print("\n".join(summary(index.counts(wanted))))
        return
    # What is shown is what is closed: nothing that comes in while somebody makes up their mind.
    async with closer(settings) as closing, everything(settings) as index:
        counts = index.counts(wanted)
        print("\n".join(summary(counts)))
        if not counts:
            return
        if not yes:
            if not sys.stdin.isatty():
                raise MisuseError("dismiss asks for confirmation, and there is no terminal to ask at: add --yes")
            await asyncio.to_thread(typer.confirm, "Close them for good?", abort=True)
        print(f"dismissed {await closing.dismiss(index.in_log_order(wanted)):,}")


def _filter(
    reasons: list[str] | None,
    sources: list[str] | None,
    since: str | None,
    until: str | None,
    *,
    closed_too: bool = False,
) -> "Filter":
    """The options as a filter. Raises MisuseError."""
    from deploy.errors import MisuseError
    from producers.events import REASONS
    from streams.letters.index import Filter

    for reason in reasons or ():
        if reason not in REASONS:
            raise MisuseError(f"--reason {reason} is none of {', '.join(REASONS)}")
    return Filter(
        frozenset(reasons or ()),
        frozenset(sources or ()),
        _moment("--since", since),
        _moment("--until", until),
        closed_too=closed_too,
    )


def _moment(option: str, text: str | None) -> int | None:
    """A moment as people write it, in Unix ms. Raises MisuseError."""
    import re
    from datetime import UTC, datetime, timedelta

    from deploy.errors import MisuseError
    from metrics.settings import BusinessSettings

    if text is None:
        return None
    try:
        if ago := re.fullmatch(r"(\d{1,6})([smhdw])", text):
            unit = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}[ago[2]]
            moment = datetime.now(UTC) - timedelta(seconds=int(ago[1]) * unit)
        else:
            moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=BusinessSettings().zone)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise MisuseError(
            f"{option} {text}: write how long ago (30m, 2h, 3d), a day (2026-11-28) or a moment (2026-11-28T09:00Z)"
        ) from error
