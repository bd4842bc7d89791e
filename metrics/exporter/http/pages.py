"""What the wall's pages ask for besides its numbers: sparklines, runs of days side by side, the course of a plan."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from fastapi import FastAPI, Query, Request
from fastapi.responses import FileResponse, Response

from metrics.access.asgi import reader_of
from metrics.access.reader import Reader
from metrics.catalogue import KPIS
from metrics.errors import AskedError, AwayError
from metrics.exporter.http import allowed, asked
from metrics.exporter.http.spaced import Spaced
from metrics.exporter.kpi import burnup, history, runs
from metrics.exporter.kpi.kpis import Values
from metrics.kpi import Kpi, Level
from metrics.turns import Turns

if TYPE_CHECKING:
    from metrics.exporter.http.server import Exporter

_ATTACHED = {"Content-Disposition": 'attachment; filename="comparison.csv"'}
_SPARK_STEPS = ("day", "month")
Since = Annotated[str | None, Query(alias="from")]
Until = Annotated[str | None, Query(alias="to")]
_JSON = "application/json"


def add_pages(app: FastAPI, exporter: "Exporter", folder: Path, turns: Turns) -> None:
    """Add the routes. folder: where the pages' files are. turns: of what is worked out of many days."""

    @app.get("/history", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(folder / "history.html", headers={"Cache-Control": "no-cache"})

    @app.get("/api/v1/catalogue", summary="KPIs that have a history: titles, units, labels, steps")
    async def catalogue(request: Request) -> Response:
        asked.once(request.query_params.multi_items(), ())
        found = [runs.about(kpi, burnup.MEASURES.get(kpi.id)) for kpi in KPIS if runs.has_history(kpi)]
        return Response(msgspec.json.encode({"kpis": found}), media_type=_JSON)

    told = runs.Runs(exporter.board)
    _sparks(app, exporter, told, turns)
    _compare(app, exporter, told, turns)
    _burnup(app, exporter, turns)


async def _ready(exporter: "Exporter", whose: runs.Whose, reader: Reader) -> date:
    """Today, once the board is loaded and knows whom it is asked about. Raises AwayError, AskedError, Refusal."""
    level, name, team = whose.level, whose.name, whose.team
    await exporter.follower.catch_up()
    if problem := exporter.problem():
        raise AwayError(problem)
    allowed.scope(reader, exporter.board, level, name)
    if team:
        allowed.scope(reader, exporter.board, Level.TEAM, team)
    if name and level is Level.COMPANY:
        raise AskedError(f"name={name!r} contradicts level=company; leave it out")
    if team and level is not Level.MANAGER:
        raise AskedError(f"team={team!r} contradicts level={level}; it chooses among people")
    if name:
        asked.named(exporter.board, level, name)
    if team:
        asked.known(exporter.board, None, team)
    return exporter.board.today(exporter.clock())


async def _stay() -> bool:
    """Those who asked for what many ask for have not all left."""
    return False


def _sparks(app: FastAPI, exporter: "Exporter", told: runs.Runs, turns: Turns) -> None:
    spaced = Spaced()

    @app.get("/api/v1/sparks", summary="The last thirty days or twelve months of several KPIs; plans by month")
    async def sparks(
        request: Request,
        kpis: str,
        level: Level = Level.COMPANY,
        id: str = "",  # noqa: A002 - the query's name
        step: str = "day",
    ) -> Response:
        asked.once(request.query_params.multi_items(), ("kpis", "level", "id", "step"))
        asked.scope(level, id)
        if step not in _SPARK_STEPS:
            raise AskedError(f"step={step!r} does not exist; use one of {', '.join(_SPARK_STEPS)}")
        wanted, reader = runs.wanted(kpis), reader_of(request.scope)
        whose = runs.Whose(level, id, teams=reader.teams)

        async def work() -> bytes:
            today = await _ready(exporter, whose, reader)
            found = await lines(tuple(kpi for kpi in wanted if not kpi.is_planned), whose, step, today)
            found |= await lines(tuple(kpi for kpi in wanted if kpi.is_planned), whose, _SPARK_STEPS[1], today)
            return msgspec.json.encode({"kpis": found})

        return Response(await spaced.get((kpis, whose, step), work), media_type=_JSON)

    async def lines(wanted: tuple[Kpi, ...], whose: runs.Whose, step: str, today: date) -> dict[str, Any]:
        if not wanted:
            return {}
        periods = runs.sparks(step, today)
        async with turns.one(_stay) as turn:
            found = [await turn.through(told.making(wanted, whose, run, exporter.clock())) or {} for run in periods]
        about = {"step": step, "from": periods[0].first.isoformat(), "to": today.isoformat()}
        return {kpi.id: {**about, "points": [_point(kpi, whose, values[kpi.id]) for values in found]} for kpi in wanted}


def _point(kpi: Kpi, whose: runs.Whose, values: Values) -> list[dict[str, Any]]:
    width = len(whose.level.labels)
    return [{"labels": dict(zip(kpi.by, key[width:], strict=True)), "value": value} for key, value in values.items()]


def _compare(app: FastAPI, exporter: "Exporter", told: runs.Runs, turns: Turns) -> None:
    @app.get("/api/v1/compare", summary="Any run of days beside the one before and a year ago, side by side")
    async def compare(
        request: Request, kpis: str, level: Level = Level.COMPANY, name: str = "", team: str = "",
        since: Since = None, until: Until = None,
        form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
    ) -> Response:  # fmt: skip
        asked.once(request.query_params.multi_items(), ("kpis", "level", "name", "team", "from", "to", "format"))
        wanted, first, last = runs.wanted(kpis), history.day("from", since), history.day("to", until)
        reader = reader_of(request.scope)
        whose = runs.Whose(level, name, team, reader.teams)
        today = await _ready(exporter, whose, reader)
        run = runs.run_of(first, last, today)
        others = (runs.before(run, today), runs.year_ago(run))
        oldest = runs.oldest(today)
        async with turns.one(request.is_disconnected) as turn:
            found = [
                await turn.through(told.making(wanted, whose, one, exporter.clock())) if one.first >= oldest else None
                for one in (run, *others)
            ]
        if problem := exporter.problem():
            raise AwayError(problem)
        rows = runs.compared(exporter.board, wanted, whose, found)
        if form == "csv":
            return Response(runs.table(wanted, rows), media_type="text/csv; charset=utf-8", headers=_ATTACHED)
        held = [None if values is None else one.as_json() for one, values in zip(others, found[1:], strict=True)]
        about = {
            **run.as_json(),
            "complete": run.last < today,
            "before": held[0],
            "year": held[1],
            "today": today.isoformat(),
        }
        begins = exporter.board.first_day()
        about |= {
            "oldest": oldest.isoformat(),
            "begins": None if begins is None else date.fromordinal(begins).isoformat(),
        }
        content = {**about, "level": level, "name": name, "team": team, "rows": rows}
        return Response(msgspec.json.encode(content), media_type=_JSON)


def _burnup(app: FastAPI, exporter: "Exporter", turns: Turns) -> None:
    @app.get("/api/v1/burnup", summary="A plan day by day: done, planned, and between what it will end")
    async def course(
        request: Request, kpi: str, level: Level = Level.COMPANY, name: str = "", window: str = "month",
        day: str | None = None,
    ) -> Response:  # fmt: skip
        asked.once(request.query_params.multi_items(), ("kpi", "level", "name", "window", "day"))
        measure, wanted = burnup.measure_of(kpi, window), history.day("day", day)
        if (level is Level.COMPANY) is bool(name):
            raise AskedError(
                f"name={name!r} does not go with level={level}; a plan is of one team, manager or the company"
            )
        reader = reader_of(request.scope)
        whose = runs.Whose(level, name, teams=reader.teams)
        today = await _ready(exporter, whose, reader)
        first = burnup.start_of(window, wanted, today)
        now = exporter.clock()
        outlook = exporter.forecasts.running(now)
        async with turns.one(request.is_disconnected) as turn:
            found = await turn.through(burnup.making(exporter.board, measure, window, whose, first, now, outlook))
        return Response(msgspec.json.encode(found), media_type=_JSON)
