"""`sales-pulse reference`: plans, managers, rates, names of pipelines and calendar from one YAML file."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.errors import DeployError, MisuseError

if TYPE_CHECKING:
    from producers.reference.diff import ReferenceChange

app = typer.Typer(
    no_args_is_help=True,
    help="Apply plans, managers, rates, names of pipelines and working hours from a YAML file.\n\n"
    "Example: sales-pulse reference apply reference.yaml --dry-run",
)


@app.command()
def template() -> None:
    """Print a commented file to start from.

    Example: sales-pulse reference template > reference.yaml
    """
    from producers.reference.template import TEMPLATE

    print(TEMPLATE, end="")


@app.command()
def apply(
    file: Annotated[str, typer.Argument(help="The YAML file; - is standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Check a whole file, show what it changes, and send only that. Applied twice, it changes nothing.

    Example: sales-pulse reference apply reference.yaml --dry-run
    """
    from producers.reference.file import read, records

    name = "stdin" if file == "-" else file
    try:
        text = (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeployError(f"{name}: is not in UTF-8 (byte {error.start}); save it as UTF-8") from error
    content = read(text, name, _calendar_problem)
    target = _calendar_target() if content.calendar is not None else None
    changes = asyncio.run(_changes(records(content)))
    for change in changes:
        for line in change.lines():
            print(line)
    hours = target is not None and _differs(target, content.calendar)
    if hours:
        print(f"~ calendar: {target} is rewritten")
    if not changes and not hours:
        print("nothing changes")
        return
    if dry_run:
        print(f"{len(changes)} records would be sent")
        return
    if not yes:
        if file == "-" or not sys.stdin.isatty():
            raise MisuseError("there is no terminal to ask at; add --yes, or --dry-run to only see the changes")
        typer.confirm(f"Send {len(changes)} records?", abort=True)
    if hours and target is not None and content.calendar is not None:
        _write(target, content.calendar)
        print(f"{target} is written; restart worker and exporter to use it")
    asyncio.run(_send(changes))
    print(f"{len(changes)} records sent")


async def _changes(wanted: "dict[str, tuple[str, dict[str, Any]]]") -> "list[ReferenceChange]":
    from producers.reference.diff import changes
    from producers.reference.topic import current
    from producers.settings import KafkaSettings

    return changes(wanted, await current(KafkaSettings()))


async def _send(changes: "list[ReferenceChange]") -> None:
    from producers.publisher import SalesPublisher

    now = datetime.now(UTC)
    async with SalesPublisher() as publisher:
        await publisher.publish_many_raw([(c.key.encode(), c.event(now)) for c in changes], reference=True)


def _calendar_problem(calendar: dict[str, Any]) -> str | None:
    from metrics.calendar import parse
    from metrics.errors import CalendarError

    try:
        parse(_dump(calendar), "calendar")
    except CalendarError as error:
        return str(error).removeprefix("calendar: ")
    return None


def _calendar_target() -> Path:
    from metrics.settings import BusinessSettings

    target = BusinessSettings().calendar
    if target is None:
        raise MisuseError("the file has a calendar: set SALES_CALENDAR to the file that it belongs in")
    return target


def _differs(target: Path, calendar: dict[str, Any] | None) -> bool:
    from metrics.calendar import parse

    return not target.exists() or parse(target.read_text("utf-8")) != parse(_dump(calendar or {}))


def _write(target: Path, calendar: dict[str, Any]) -> None:
    fresh = target.with_suffix(".new")
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh.write_text(_dump(calendar), "utf-8")
    fresh.replace(target)


def _dump(calendar: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(calendar, allow_unicode=True, sort_keys=False)
