"""`sales-pulse forecast`: how often the interval of forecasts would have held."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta, tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.errors import MisuseError

if TYPE_CHECKING:
    from metrics.backtest import Outcome, Verdict
    from metrics.pipeline import OpenDeal, Version
    from metrics.settings import ExporterSettings
    from producers.settings import KafkaSettings

_PIPED = "won_amount"
"""What open deals promise."""

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
    pipeline: Annotated[
        bool,
        typer.Option(help="the won amount alone, without and with the open pipeline; reads the whole log once"),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Make the forecast of each working day of the past year again, of company and teams, and say how often it held.

    Each is made from the days before it alone, and held against what the rest of its month, quarter or year brought.
    Quarters and years may end with any month, or a year would have four ends and one to judge by; a year is judged
    for its last months, the only ones for which there is a forecast.
    An interval of 80 of 100 holds in about 80 % of them. What is shown knows the pace, and of won deals how many are
    open; `--pipeline`: the pace alone beside the pace and the stages, ages and amounts of the deals that were open.

    Example: sales-pulse forecast backtest --measure won_amount
    """
    from metrics.backtest import verdicts
    from metrics.catalogue.plan import PLAN_MEASURES

    for name in measure or ():
        if name not in PLAN_MEASURES:
            raise MisuseError(f"--measure {name}: plans have no such measure; use one of {', '.join(PLAN_MEASURES)}")
    if pipeline and set(measure or (_PIPED,)) != {_PIPED}:
        raise MisuseError(f"--pipeline is for the measure {_PIPED} alone: leave --measure out")
    found = verdicts(asyncio.run(_outcomes(exporter, (_PIPED,) if pipeline else measure or PLAN_MEASURES, pipeline)))
    if as_json:
        rows = [{"measure": one, "window": window, **said.as_json()} for (one, window), said in found.items()]
        print(json.dumps(rows, indent=2))
    elif found:
        _print(found)
    else:
        print("Nothing to judge yet: a forecast needs about half a year of days before it.")


async def _outcomes(exporter: str | None, measures: Any, pipeline: bool) -> "dict[str, list[Outcome]]":
    import httpx
    from aiokafka.errors import KafkaError

    from metrics.settings import ExporterSettings, LoginSettings
    from producers.settings import KafkaSettings

    settings, kafka = ExporterSettings(), KafkaSettings()
    address = exporter or f"http://{settings.exporter_listen}"
    try:
        async with httpx.AsyncClient(base_url=address, timeout=120, auth=LoginSettings().pair) as client:
            if pipeline:
                return await _piped(client, settings, await said_of_deals(kafka, settings))
            return {one: [o async for o in _of(client, settings, one)] for one in measures}
    except KafkaError as error:
        problem = f"Kafka at {kafka.kafka_servers} cannot be read: {error}"
    except httpx.HTTPStatusError as error:
        problem = error.response.json().get("detail", f"status {error.response.status_code}")
    except httpx.TransportError as error:
        problem = f"no exporter answers at {address} ({error}); start one, or state --exporter"
    typer.echo(f"sales-pulse forecast: {problem}", err=True)
    raise typer.Exit(1)


async def _of(client: Any, settings: "ExporterSettings", measure: str) -> Any:
    """The outcomes of company and teams; of won deals by how many were open as well, as what is shown is."""
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
        for one in outcomes(done, calendar.of(team), today, opened):
            yield one


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


async def _piped(
    client: Any, settings: "ExporterSettings", versions: "Sequence[Version]"
) -> "dict[str, list[Outcome]]":
    """The outcomes of company and teams, without and with the deals that were open."""
    from metrics.backtest import paired
    from metrics.catalogue.plan import ACTUALS
    from metrics.pipeline import opened

    calendar = settings.working_calendar()
    alone: list[Outcome] = []
    both: list[Outcome] = []
    held: dict[date, list[OpenDeal]] = {}
    won = ACTUALS[_PIPED]
    async for team, done, today in _histories(client, won.family.name, won.where):
        if not held:  # the company comes first: nobody's past is longer
            first = min(done, default=today)
            held = dict(opened(versions, [first + timedelta(days=n) for n in range((today - first).days)]))
        of_team = {day: [one for one in deals if team in {"", one.team}] for day, deals in held.items()}
        for one, other in paired(done, calendar.of(team), today, of_team):
            alone.append(one)
            both.append(other)
    return {_PIPED: alone, f"{_PIPED}, with the pipeline": both}


async def said_of_deals(kafka: "KafkaSettings", settings: "ExporterSettings") -> "list[Version]":
    """All that the log says of deals in the base currency; those in others count as what no pipeline tells."""
    from producers.events import wire
    from producers.events.intake import Refused, decode
    from streams.plain.kafka import kafka_log

    found: list[Version] = []
    async with kafka_log(kafka) as log:
        for partition, end in (await log.ends(kafka.events_topic)).items():
            async for records in log.read(kafka.events_topic, partition, 0, end):
                for record in records:
                    with suppress(Refused):
                        event = decode(record)
                        if isinstance(event, wire.DealChanged | wire.DealDeleted):
                            found.append(_version(event, settings.zone))
    return [one for one in found if one.currency in {"", settings.currency}]


def _version(event: Any, zone: "tzinfo") -> "Version":
    from metrics.pipeline import Version

    data, at = event.data, event.time.astimezone(zone).date()
    order = (event.sequence or "", event.time.timestamp(), event.id)
    if not hasattr(data, "status"):
        return Version(data.deal_id, order, at, "deleted")
    return Version(
        data.deal_id,
        order,
        at,
        data.status,
        data.team_id or "",
        data.pipeline,
        data.stage,
        float(data.amount),
        data.created_at.astimezone(zone).date(),
        data.closed_at.astimezone(zone).date() if data.closed_at is not None else None,
        data.currency,
    )


async def _histories(
    client: Any, family: str, where: Mapping[str, Sequence[str]]
) -> "AsyncIterator[tuple[str, dict[date, float], date]]":
    """Of the company ("") and each team what each day has counted, and today."""
    from metrics.windows import DAYS_HELD

    for level in ("company", "team"):
        asked = {"family": family, "level": level, "step": "day"}
        latest = (await client.get("/api/v1/history", params=asked)).raise_for_status().json()["points"][-1]["to"]
        today = date.fromisoformat(latest)
        asked["from"] = (today - timedelta(days=DAYS_HELD)).isoformat()
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
