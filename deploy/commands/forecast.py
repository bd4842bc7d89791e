"""`sales-pulse forecast`: how often the interval of forecasts would have held."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.errors import MisuseError

if TYPE_CHECKING:
    from metrics.backtest import Outcome, Verdict
    from metrics.settings import ExporterSettings

app = typer.Typer(
    no_args_is_help=True,
    help="See how often the forecasts' interval would have held.\n\nExample: sales-pulse forecast backtest",
)


@app.callback()
def forecast() -> None:
    """Keep `backtest` a command of its own."""


@app.command()
def backtest(
    exporter: Annotated[
        str | None, typer.Option(help="address of the exporter; default: where SALES_EXPORTER_LISTEN says")
    ] = None,
    measure: Annotated[list[str] | None, typer.Option(help="only this measure of plans; may be repeated")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Make the forecast of each working day of the past year again, of company and teams, and say how often it held.

    Each is made from the days before it alone, and held against what the rest of its month, quarter or year brought.
    An interval of 80 of 100 holds in about 80 % of them.

    Example: sales-pulse forecast backtest --measure won_amount
    """
    from metrics.backtest import verdicts
    from metrics.catalogue.plan import PLAN_MEASURES

    for name in measure or ():
        if name not in PLAN_MEASURES:
            raise MisuseError(f"--measure {name}: plans have no such measure; use one of {', '.join(PLAN_MEASURES)}")
    found = verdicts(asyncio.run(_outcomes(exporter, measure or PLAN_MEASURES)))
    if as_json:
        rows = [{"measure": one, "window": window, **said.as_json()} for (one, window), said in found.items()]
        print(json.dumps(rows, indent=2))
    elif found:
        _print(found)
    else:
        print("Nothing to judge yet: a forecast needs about half a year of days before it.")


async def _outcomes(exporter: str | None, measures: Any) -> "dict[str, list[Outcome]]":
    import httpx

    from metrics.settings import ExporterSettings, LoginSettings

    settings = ExporterSettings()
    address = exporter or f"http://{settings.exporter_listen}"
    try:
        async with httpx.AsyncClient(base_url=address, timeout=120, auth=LoginSettings().pair) as client:
            return {one: [o async for o in _of(client, settings, one)] for one in measures}
    except httpx.HTTPStatusError as error:
        problem = error.response.json().get("detail", f"status {error.response.status_code}")
    except httpx.TransportError as error:
        problem = f"no exporter answers at {address} ({error}); start one, or state --exporter"
    typer.echo(f"sales-pulse forecast: {problem}", err=True)
    raise typer.Exit(1)


async def _of(client: Any, settings: "ExporterSettings", measure: str) -> Any:
    """The outcomes of company and teams."""
    from metrics.backtest import outcomes
    from metrics.catalogue.kpis import ACTUALS
    from metrics.windows import DAYS_HELD

    actual = ACTUALS[measure]
    calendar = settings.working_calendar()
    for level in ("company", "team"):
        asked = {"family": actual.family.name, "level": level, "step": "day"}
        latest = (await client.get("/api/v1/history", params=asked)).raise_for_status().json()["points"][-1]["to"]
        today = date.fromisoformat(latest)
        asked["from"] = (today - timedelta(days=DAYS_HELD)).isoformat()
        points = (await client.get("/api/v1/history", params=asked)).raise_for_status().json()["points"]
        for team, done in _days(points, actual.where).items():
            for one in outcomes(done, calendar.of(team), today):
                yield one


def _days(points: list[dict[str, Any]], where: Mapping[str, Sequence[str]]) -> dict[str, dict[date, float]]:
    """Team, "" for the company → what each day has counted."""
    found: defaultdict[str, defaultdict[date, float]] = defaultdict(lambda: defaultdict(float))
    for point in points:
        for one in point["values"]:
            labels = one["labels"]
            if all(labels[name] in wanted for name, wanted in where.items()):
                found[labels.get("team", "")][date.fromisoformat(point["from"])] += one["value"]
    return dict(found)


def _print(found: "dict[tuple[str, str], Verdict]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("measure", "window", box=None)
    for name in ("forecasts", "held", "less came", "more came", "width"):
        table.add_column(name, justify="right")
    for (measure, window), said in found.items():
        shares = (f"{share:.1%}" for share in (said.held, said.below, said.above))
        table.add_row(measure, window, f"{said.forecasts:,}", *shares, f"{said.width:.0%}")
    Console().print(table)
