"""`sales-pulse bitrix24`: history and repair from a portal, beside the gateway that takes its hooks."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.errors import MisuseError

if TYPE_CHECKING:
    from producers.connectors.bitrix24.connecting.checking import Finding
    from producers.connectors.bitrix24.connecting.connector import Connector

app = typer.Typer(
    no_args_is_help=True,
    help="Load a Bitrix24 portal's history, or repair what its webhook missed.\n\nExample: sales-pulse bitrix24 check",
)
_TABLES = (
    "contacts",
    "companies",
    "leads",
    "deals",
    "invoices",
    "payments",
    "activities",
    "calls",
    "ratings",
    "processes",
)


@app.command()
def backfill(
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only what counts in numbers from that day on.")
    ] = None,
    only: Annotated[str, typer.Option(help=f"A list of {', '.join(_TABLES)}.")] = "",
    allow_left_out: Annotated[
        bool, typer.Option("--allow-left-out", help="Exit 0 even if the webhook may not read everything.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start from the beginning, not where the last run stopped.")
    ] = (False),
) -> None:
    """Publish a portal's whole history. A stopped run resumes where it was; running it twice does no harm.

    Example: sales-pulse bitrix24 backfill --since 2024-01-01
    """
    names = [name.strip() for name in only.split(",") if name.strip()]
    if wrong := [name for name in names if name not in _TABLES]:
        raise MisuseError(f"--only knows {', '.join(_TABLES)}, not {', '.join(wrong)}")

    async def run(connector: "Connector", wanted: Callable[[], bool]) -> None:
        from deploy.progress import CommandProgress
        from producers.connectors.bitrix24.sync.backfill import Backfill

        job = Backfill(connector.parts, connector.synchronizer, connector.reconciler, wanted=wanted)
        with CommandProgress("fetched", None) as progress:
            finished = await job.run(progress, begin=since.astimezone() if since else None, only=names, restart=restart)
        print(f"{progress.count:,} events published, {connector.portal.requests:,} requests")
        if job.left_out:
            print(f"left out, for the webhook may not read it: {', '.join(job.left_out)}")
        if not finished:
            print("stopped; run the same command again to go on")
            raise typer.Exit(1)
        if job.left_out and not allow_left_out:
            print("give the webhook these rights and run it again, or say --allow-left-out")
            raise typer.Exit(1)

    asyncio.run(_with_connector(run))


@app.command()
def reconcile(
    quick: Annotated[
        bool, typer.Option("--quick", help="Like the gateway: without reading all known deals again.")
    ] = False,
    believe: Annotated[
        bool, typer.Option("--believe-deletions", help="Treat missing entities as deleted, even if most are missing.")
    ] = False,
) -> None:
    """Repair now what the webhook missed: changes, silent moves, deletions, payments.

    Example: sales-pulse bitrix24 reconcile
    """

    async def run(connector: "Connector", _: Callable[[], bool]) -> None:
        await connector.reconciler.run(whole=not quick, believe=believe)
        await connector.reconciler.chats(whole=not quick)
        print(f"{connector.published:,} events published, {connector.portal.requests:,} requests")

    asyncio.run(_with_connector(run))


@app.command()
def check(
    hook: Annotated[
        int, typer.Option("--hook", help="Seconds to wait for a hook; change something in the portal meanwhile.")
    ] = 0,
) -> None:
    """Show what the webhook may read and why, whose it is, and which funnels exist; exit 1 if something is missing.

    Example: sales-pulse bitrix24 check --hook 60
    """

    async def run(connector: "Connector", _: Callable[[], bool]) -> None:
        from metrics.settings import BusinessSettings
        from producers.connectors.bitrix24.connecting import checking

        fine = True
        async for finding in checking.check(connector.parts, BusinessSettings().timezone):
            fine &= _tell(finding)
        if hook:
            print(f"Change something in the portal now (a deal's amount): waiting {hook} s for its hook")
            fine &= _tell(await checking.hook(connector.store, hook))
        if not fine:
            raise typer.Exit(1)

    asyncio.run(_with_connector(run))


def _tell(finding: "Finding") -> bool:
    mark = {True: "ok", False: "MISSING", None: "note"}[finding.fine]
    print(f"{mark:<8} {finding.what:<14} {finding.said}")
    return finding.fine is not False


@app.command()
def mend(
    portal: Annotated[
        list[str] | None, typer.Option(help="A former name of the portal, as in bitrix24://NAME; may be repeated.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Retract it; otherwise it is only shown.")] = False,
) -> None:
    """Retract what was published under another address or member_id of this portal, and so counts twice.

    First run backfill to its end: whatever the spool does not know then is considered published twice. Calls, meetings
    and ratings cannot be retracted.

    Example: sales-pulse bitrix24 mend --portal old-name.bitrix24.ru
    """

    async def run(connector: "Connector", _: Callable[[], bool]) -> None:
        from deploy.import_report import tell_missing
        from deploy.progress import CommandProgress
        from producers.connectors.bitrix24.sync.strays import mending
        from producers.importer.withdrawing import Missing

        missing = Missing()
        with CommandProgress("read of the log", None) as progress:
            sent = await mending(
                connector.parts,
                connector.settings,
                portal or [],
                missing,
                really=yes,
                advance=lambda count: progress.advance(count, progress.count + count),
            )
        tell_missing(missing, sent, really=yes, where="that the spool does not know")

    asyncio.run(_with_connector(run))


@app.command()
def mapping() -> None:
    """Print a commented mapping of stages, fields and people to start from.

    Example: sales-pulse bitrix24 mapping > bitrix24.yaml
    """
    from producers.connectors.bitrix24.meaning.template import TEMPLATE

    print(TEMPLATE, end="")


async def _with_connector(run: Callable[["Connector", Callable[[], bool]], Coroutine[Any, Any, None]]) -> None:
    from deploy.stopping import asked_to_stop
    from producers.connectors.bitrix24.connecting.connector import Connector
    from producers.connectors.bitrix24.connecting.naming import published
    from producers.connectors.bitrix24.portal.patience import LONG
    from producers.connectors.bitrix24.settings import Bitrix24Settings
    from producers.identities.topic import opened
    from producers.publisher import SalesPublisher

    settings = Bitrix24Settings()
    if not settings.wanted:
        raise MisuseError(
            "no portal is set up; set SALES_BITRIX24_WEBHOOK_URL, SALES_BITRIX24_APPLICATION_TOKEN "
            "and SALES_BITRIX24_CLIENT_KEY"
        )
    stop = asked_to_stop()
    async with (
        SalesPublisher(settings) as publisher,
        opened(settings) as identities,
        Connector(settings, publisher, identities=identities, published=partial(published, settings)) as connector,
    ):
        connector.portal.patience.waits, connector.portal.patience.wanted = LONG, lambda: not stop.is_set()
        await run(connector, lambda: not stop.is_set())
