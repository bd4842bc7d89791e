"""`sales-pulse up`: everything on this machine, from an empty folder to a filled wall, until Ctrl-C."""

import time
from pathlib import Path
from typing import Annotated

import typer

from deploy.errors import MisuseError
from metrics.windows import DAYS_HELD

FOLDER = Path(".local")
"""Data, logs and addresses of the stack, in the folder where the command is run."""


def command(
    managers: Annotated[int, typer.Option(min=1, max=5000, help="People on the simulated floor.")] = 40,
    events_per_second: Annotated[float, typer.Option(min=0, max=100_000, help="Rate of simulated events.")] = 20,
    backlog_days: Annotated[int, typer.Option(min=0, max=DAYS_HELD, help="Past days to simulate.")] = 60,
    only: Annotated[list[str] | None, typer.Option(help="Only these parts, comma separated.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="All but these parts, comma separated.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the data of earlier runs first.")] = False,
) -> None:
    """Run the local stack until Ctrl-C; data stays in .local and is picked up again.

    Parts: kafka, redis, worker, ledger, exporter, gateway, simulator, prometheus, alertmanager, grafana.

    Example: sales-pulse up --managers 15 --without prometheus,alertmanager
    """
    from deploy.stack.folder import clear, held
    from deploy.stack.local import Floor, LocalStack
    from deploy.stack.session import Session

    parts = choose(only, without)
    with held(FOLDER):
        if fresh:
            clear(FOLDER)
        stack = LocalStack(FOLDER, parts, Floor(managers, events_per_second, backlog_days))
        Session(stack, began=time.monotonic()).run()


def choose(only: list[str] | None, without: list[str] | None) -> list[str]:
    """Return the parts to start. Raises MisuseError for an unknown part, for both lists, and for nothing left."""
    from deploy.stack.local import PARTS

    if only and without:
        raise MisuseError("--only and --without exclude each other")
    named = [name.strip() for text in (only or without or []) for name in text.split(",") if name.strip()]
    for name in named:
        if name not in PARTS:
            raise MisuseError(f"{name!r} is not a part of the stack; the parts are: {', '.join(PARTS)}")
    parts = [part for part in PARTS if (part in named if only else part not in named)]
    if not parts:
        raise MisuseError("nothing is left to start")
    return parts
