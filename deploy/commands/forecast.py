"""`sales-pulse forecast`: how often the interval of forecasts would have held."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.errors import MisuseError

if TYPE_CHECKING:
    from metrics.backtest import BacktestResult, Outcome
    from metrics.forecast import Brought
    from metrics.pipeline import Pipeline
    from metrics.settings import ExporterSettings

_NONE = "none"

app = typer.Typer(
    no_args_is_help=True,
    help="Measure how often the forecast intervals would have held.\n\nExample: sales-pulse forecast backtest",
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
    ledger: Annotated[
        str | None, typer.Option(help="address of the ledger; default: SALES_LEDGER_ADDRESS; `none`: as without it")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Repeat the forecasts of each working day of the past year, for company and teams, and report how often they held.

    Each forecast uses only the days before it, and is compared with what the rest of its month, quarter or year
    brought. Quarters and years may end with any month, since a year would otherwise have only four quarter ends and one
    year end; a year is judged for its last months, the only ones with a forecast. An 80 % interval should hold for
    about 80 %. Forecasts of won deals use stages and ages of open deals from the ledger, or their number if no ledger
    answers; the last column says how many used stages.

    Example: sales-pulse forecast backtest --measure won_amount
    """
    from metrics.backtest import verdicts
    from metrics.catalogue.plan import PLAN_MEASURES

    for name in measure or ():
        if name not in PLAN_MEASURES:
            raise MisuseError(f"--measure {name}: plans have no such measure; use one of {', '.join(PLAN_MEASURES)}")
    found = verdicts(asyncio.run(_outcomes(exporter, ledger, measure or PLAN_MEASURES)))
    if as_json:
        rows = [{"measure": one, "window": window, **said.as_json()} for (one, window), said in found.items()]
        print(json.dumps(rows, indent=2))
    elif found:
        _print(found)
    else:
        print("Nothing to judge yet: a forecast needs about half a year of days before it.")


async def _outcomes(exporter: str | None, ledger: str | None, measures: Any) -> "dict[str, list[Outcome]]":
    import httpx

    from metrics.forecast import BY_DEALS
    from metrics.settings import ExporterSettings, LoginSettings

    settings, login = ExporterSettings(), LoginSettings().pair
    address = exporter or f"http://{settings.exporter_listen}"
    asked = ledger or settings.ledger_address
    try:
        async with (
            httpx.AsyncClient(base_url=address, timeout=120, auth=login) as client,
            httpx.AsyncClient(base_url=asked, timeout=120, auth=login, trust_env=False) as other,
        ):
            pipeline = None
            if ledger != _NONE and BY_DEALS & set(measures):
                pipeline = await _open_deals(other, await _today(client))
            return {one: [o async for o in _of(client, settings, one, pipeline)] for one in measures}
    except httpx.HTTPStatusError as error:
        problem = error.response.json().get("detail", f"status {error.response.status_code}")
    except httpx.TransportError as error:
        problem = f"no exporter answers at {address} ({error}); start one, or state --exporter"
    typer.echo(f"sales-pulse forecast: {problem}", err=True)
    raise typer.Exit(1)


async def _of(client: Any, settings: "ExporterSettings", measure: str, pipeline: "Pipeline | None") -> Any:
    """The outcomes of company and teams; of won deals by those that were open as well, as what is shown is."""
    from metrics.backtest import outcomes
    from metrics.catalogue.plan import ACTUALS
    from metrics.forecast import BY_DEALS, open_before

    calendar, actual = settings.working_calendar(), ACTUALS[measure]
    added, held = (await _added(client), await _open_now(client)) if measure in BY_DEALS else ({}, {})
    async for team, done, today in _histories(client, actual.family.name, actual.where):
        opened = None
        if measure in BY_DEALS:
            first = min(done, default=today)
            days = [first + timedelta(days=n) for n in range((today - first).days + 1)]
            more = [added.get(team, {}).get(day, 0.0) for day in days]
            opened = dict(zip(days, open_before(held.get(team, 0.0), more), strict=True))
        stages = None
        if opened is not None and pipeline is not None:
            stages = partial(_brought, pipeline, team, measure)
        for one in outcomes(done, calendar.of(team), today, opened, stages):
            yield one


def _brought(pipeline: "Pipeline", team: str, measure: str, day: date, run: int) -> "Brought":
    return pipeline.brought(team, measure, run, day.toordinal())


async def _added(client: Any) -> dict[str, dict[date, float]]:
    """By how many deals more were open after each day than before it, of the company ("") and each team."""
    found: defaultdict[str, defaultdict[date, float]] = defaultdict(lambda: defaultdict(float))
    for family, sign in (("sales_deals_created", 1), ("sales_deals_closed", -1)):
        async for team, counted, _ in _histories(client, family, {}):
            for day, deals in counted.items():
                found[team][day] += sign * deals
    return {team: dict(days) for team, days in found.items()}


async def _open_now(client: Any) -> dict[str, float]:
    """How many deals are open now, of the company ("") and each team."""
    from prometheus_client.parser import text_string_to_metric_families

    from metrics.catalogue.now import OPEN_DEALS

    answer = (await client.get("/metrics")).raise_for_status()
    lines = [line for line in answer.text.splitlines() if line.startswith(f"{OPEN_DEALS.name}{{")]
    found: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families("\n".join((*lines, ""))):
        for sample in family.samples:
            for team in ("", sample.labels["team"]):
                found[team] += sample.value
    return found


async def _open_deals(client: Any, today: date) -> "Pipeline | None":
    """The deals that were open on each day, as the ledger has them; None where it does not answer, which is said."""
    import httpx
    import msgspec

    from metrics.pipeline import Pipeline, Stay
    from metrics.windows import DAYS_HELD

    try:
        async with client.stream("GET", "/api/v1/stays", params={"day": today.isoformat()}) as answer:
            if answer.is_success:
                found = [msgspec.json.decode(line, type=Stay) async for line in answer.aiter_lines()]
                return Pipeline(found, today.toordinal() - DAYS_HELD, today.toordinal())
            problem = f"it answers {answer.status_code}: {(await answer.aread()).decode(errors='replace')[:200]}"
    except (httpx.TransportError, msgspec.DecodeError) as error:
        problem = str(error)
    typer.echo(f"The ledger at {client.base_url} says nothing of open deals ({problem}): by their number.", err=True)
    return None


async def _today(client: Any) -> date:
    """The exporter's local day."""
    asked = {"family": "sales_deals_created", "level": "company", "step": "day"}
    points = (await client.get("/api/v1/history", params=asked)).raise_for_status().json()["points"]
    return date.fromisoformat(points[-1]["to"])


async def _histories(
    client: Any, family: str, where: Mapping[str, Sequence[str]]
) -> "AsyncIterator[tuple[str, dict[date, float], date]]":
    """Of the company ("") and each team what each day has counted, and today."""
    from metrics.windows import DAYS_HELD

    for level in ("company", "team"):
        today = await _today(client)
        since = (today - timedelta(days=DAYS_HELD)).isoformat()
        asked = {"family": family, "level": level, "step": "day", "from": since}
        points = (await client.get("/api/v1/history", params=asked)).raise_for_status().json()["points"]
        for team, done in _days(points, where).items():
            yield team, done, today


def _days(points: list[dict[str, Any]], where: Mapping[str, Sequence[str]]) -> dict[str, dict[date, float]]:
    """Team, "" for the company → what each day has counted."""
    found: defaultdict[str, defaultdict[date, float]] = defaultdict(lambda: defaultdict(float))
    for point in points:
        for one in point["values"]:
            labels = one["labels"]
            if all(labels[name] in wanted for name, wanted in where.items()):
                found[labels.get("team", "")][date.fromisoformat(point["from"])] += one["value"]
    return dict(found)


def _print(found: "dict[tuple[str, str], BacktestResult]") -> None:
    from rich.console import Console
    from rich.table import Table

    from metrics.forecast import Basis

    table = Table("measure", "window", box=None)
    for name in ("forecasts", "held", "less came", "more came", "width", "by stages"):
        table.add_column(name, justify="right")
    for (measure, window), said in found.items():
        shares = (f"{share:.1%}" for share in (said.held, said.below, said.above))
        by_stages = said.by.get(Basis.STAGES, 0) / said.forecasts
        table.add_row(measure, window, f"{said.forecasts:,}", *shares, f"{said.width:.0%}", f"{by_stages:.0%}")
    Console().print(table)
