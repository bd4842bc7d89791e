"""`sales-pulse dead-letters`: see what was refused and why; send it again after a fix."""

import asyncio
import json
from collections import Counter
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="See what was refused and why; send it again after a fix.\n\nExample: sales-pulse dead-letters list",
)

_Reasons = Annotated[
    list[str] | None, typer.Option("--reason", help="only this reason, such as wrong_partition; may be repeated")
]


@app.command("list")
def list_(
    reason: _Reasons = None,
    limit: Annotated[int, typer.Option(min=1, help="show at most so many, the latest")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object per line, with the value")] = False,
) -> None:
    """Show dead letters, and how many there are of each reason.

    Example: sales-pulse dead-letters list --reason invalid_data --json
    """
    asyncio.run(_list(frozenset(reason or ()), limit, as_json))


async def _list(reasons: frozenset[str], limit: int, as_json: bool) -> None:
    from collections import deque

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from producers.settings import KafkaSettings
    from streams.dead_letters import DeadLetter, read

    counts: Counter[str] = Counter()
    latest: deque[DeadLetter] = deque(maxlen=limit)
    async for letter in read(KafkaSettings(), reasons):
        counts[letter.reason] += 1
        latest.append(letter)
    shown = sorted(latest, key=lambda letter: (letter.timestamp, letter.partition, letter.offset))
    if as_json:
        for letter in shown:
            print(json.dumps(letter.as_json(), ensure_ascii=False))
        return
    if not shown:
        print("no dead letters")
        return
    table = Table("time", "reason", "from", "key", "detail", box=None)
    for letter in shown:
        row = letter.as_json()
        table.add_row(*(Text(str(row[name] or "")) for name in ("time", "reason", "source", "key", "detail")))
    console = Console()
    console.print(table)
    console.print(", ".join(f"{reason} {n:,}" for reason, n in counts.most_common()), highlight=False)


@app.command()
def replay(
    reason: _Reasons = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be sent")] = False,
) -> None:
    """Send dead letters again, each to the partition that its key belongs to. Nothing counts twice.

    What is still wrong comes back as a new dead letter.

    Example: sales-pulse dead-letters replay --reason wrong_partition --dry-run
    """
    asyncio.run(_replay(frozenset(reason or ()), dry_run))


async def _replay(reasons: frozenset[str], dry_run: bool) -> None:
    from producers.settings import KafkaSettings
    from streams.dead_letters import read, replayer

    settings = KafkaSettings()
    # Read to the end first: what is sent now may come back as a dead letter, and must not be sent again and again.
    letters = [letter async for letter in read(settings, reasons)]
    if dry_run:
        counts = Counter(letter.reason for letter in letters)
        print(f"would send {len(letters):,}: " + ", ".join(f"{reason} {n:,}" for reason, n in counts.most_common()))
        return
    async with replayer(settings) as sender:
        for letter in letters:
            await sender.replay(letter)
    print(f"sent {len(letters):,}")
