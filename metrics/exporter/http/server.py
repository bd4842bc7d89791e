"""The exporter's HTTP face: /metrics for Prometheus, JSON and the wall for people, health for supervisors."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import structlog
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles

from metrics.access.asgi import reader_of
from metrics.access.reader import EVERYBODY, AccessRefusal, Reader
from metrics.ending import end_tasks
from metrics.errors import AwayError, MetricsError, WindowError
from metrics.exporter.board import Board
from metrics.exporter.feed.follow import ViewFollower
from metrics.exporter.feed.trust import FRESH_SECONDS, Trust
from metrics.exporter.http import allowed, api, asked
from metrics.exporter.http.entities import add_entities
from metrics.exporter.http.explaining import Explainer, add_explain
from metrics.exporter.http.named import names_in
from metrics.exporter.http.open_deals import OpenDeals, Teller
from metrics.exporter.http.pages import add_pages
from metrics.exporter.http.proof import Proof, Prover
from metrics.exporter.http.scrape import Scrapes, wanted
from metrics.exporter.http.spaced import Spaced
from metrics.exporter.http.telling import Telling
from metrics.exporter.kpi import history
from metrics.exporter.kpi.forecasts import Forecasts
from metrics.family import CALENDAR_WINDOWS, PERIODS
from metrics.kpi import Level
from metrics.settings import ExporterSettings
from metrics.settled import HEADER, header
from metrics.turns import Turns

log = structlog.get_logger(__name__)
_FORECAST_SECONDS = 60.0
_AT_ONCE, _MOST_WAITING = 2, 256
"""Answers about many days that are worked out at once, so that others wait for two steps at most; and that wait."""
_HISTORY = ("kpi", "family", "level", "name", "step", "from", "to", "format")
_ATTACHED = {"Content-Disposition": 'attachment; filename="history.csv"'}
_WALL = Path(str(files("metrics.exporter") / "wall"))


class Exporter:
    """Board and follower together, with the clock: what every endpoint asks."""

    def __init__(
        self, settings: ExporterSettings, board: Board, follower: ViewFollower, clock: Callable[[], float] = time.time
    ) -> None:
        self.settings = settings
        self.board = board
        self.follower = follower
        self.clock = clock
        self.history = history.History(board)
        self.trust = Trust(follower, clock, settings.view_max_age)
        self.open_deals = OpenDeals(clock, board.zone)
        self.forecasts = Forecasts(board, self.open_deals.of)
        self.proof = Proof(clock)
        self.scrapes = Scrapes(board, follower, clock, self.trust, self.problem, self.forecasts, self.proof)

    def problem(self) -> str:
        """Why the numbers cannot be vouched for; "" when they can. Tells the board whether it knows who waits."""
        self.board.knows_waits = self.trust.knows_waits()
        return self.trust.problem()

    async def forecasting(self) -> None:
        """Work forecasts out from time to time, as long as it runs."""
        while True:
            if self.follower.loaded and not self.problem():
                try:
                    for _ in self.forecasts.making(self.clock()):
                        await asyncio.sleep(0)
                    for _ in self.board.settling():
                        await asyncio.sleep(0)
                except Exception:
                    # Everything else is shown as before; those of a minute ago are, too.
                    log.exception("forecasts could not be worked out")
            await asyncio.sleep(_FORECAST_SECONDS if any(self.forecasts.outlook) else 1)

    def state(self) -> dict[str, Any]:
        """How far what a wall shows is that of now."""
        age, problem, cause = self.trust.age(), self.problem(), self.trust.cause()
        fresh = not problem and not cause and age is not None and age <= FRESH_SECONDS
        return {"fresh": fresh, "problem": problem, "cause": cause, "age": age, "proved": self.proof.state()}

    def live(
        self, level: Level, identifier: str, window: str, now: float | None = None, reader: Reader = EVERYBODY
    ) -> bytes:
        """What one wall shows, as JSON; no numbers while they cannot be vouched for. Raises AskedError, Refusal."""
        state = self.state()
        allowed.scope(reader, self.board, level, identifier)
        if self.follower.loaded and level is not Level.COMPANY:
            asked.known(self.board, *((identifier, None) if level is Level.MANAGER else (None, identifier)))
        moment = self.clock() if now is None else now
        unknown, outlook = self.trust.unknown_waits(), self.forecasts.running(moment)
        found = api.live(self.board, moment, level, identifier, window, unknown, outlook, reader.teams)
        if state["problem"]:
            found |= {"kpis": [], "waiting": [], "unanswered": {}, "plan": [], "leaders": [], "teams": []}
        return msgspec.json.encode(found | state)


At = Annotated[str | None, Query(description="RFC 3339 moment; without it, now")]
Settled = Annotated[
    bool,
    Query(
        description="as of one record of each partition and one moment, which the header "
        f"`{HEADER}` names; 503 while workers write without a pause"
    ),
]
Wanted = Annotated[
    Sequence[str],
    Query(
        description="Only these windows; `now` for what has none, or of that `live` (what is so now, and the exporter "
        "itself) or `course` (plans, how today and the month have gone, names); may be repeated; without it, all"
    ),
]


def create_app(
    exporter: Exporter, explainer: Explainer | None = None, prover: Prover | None = None, teller: Teller | None = None
) -> FastAPI:
    """The application; the follower runs as long as it does."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(exporter.follower.run()), asyncio.create_task(exporter.forecasting())]
        if prover is not None:
            tasks.append(asyncio.create_task(exporter.proof.following(prover)))
        if teller is not None:
            tasks.append(asyncio.create_task(exporter.open_deals.following(teller)))
        yield
        await end_tasks(tasks)

    app = FastAPI(title="Sales Pulse", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.ending = False

    @app.exception_handler(MetricsError)
    async def refuse(request: Request, error: MetricsError) -> JSONResponse:
        if isinstance(error, AccessRefusal):
            teams = sorted(reader_of(request.scope).teams or ())
            return JSONResponse({"detail": str(error), "teams": teams}, error.status)
        return JSONResponse({"detail": str(error)}, 503 if isinstance(error, AwayError) else 400)

    @app.exception_handler(RequestValidationError)
    async def misread(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": asked.misread(error.errors())}, 400)

    _prometheus(app, exporter)
    _json(app, exporter)
    turns = Turns(_AT_ONCE, most=_MOST_WAITING)
    _history(app, exporter, turns)
    add_explain(app, exporter, explainer)
    add_entities(app, exporter, explainer)
    add_pages(app, exporter, _WALL, turns)
    _wall(app, exporter)
    return app


def _prometheus(app: FastAPI, exporter: Exporter) -> None:
    @app.get("/metrics", summary="Prometheus and OpenMetrics text")
    async def metrics(request: Request, at: At = None, window: Wanted = (), settled: Settled = False) -> Response:
        then, windows = asked.moment(at), wanted(window)
        accept, encodings = request.headers.get("accept", ""), request.headers.get("accept-encoding", "")
        if then is not None:
            return await exporter.scrapes.answer_at(then, accept, encodings, windows, settled=settled)
        return await exporter.scrapes.answer(accept, encodings, windows, settled=settled)

    @app.get("/healthz", summary="Alive")
    async def alive() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", summary="View loaded and fresh", responses={503: {"description": "It is not; says why."}})
    async def ready() -> JSONResponse:
        problem = exporter.trust.unready()
        content = {"status": problem or "ok", "view_age_seconds": exporter.trust.age()}
        return JSONResponse(content, 503 if problem else 200)


def _json(app: FastAPI, exporter: Exporter) -> None:
    @app.get("/api/v1/kpis", summary="The KPIs as JSON")
    async def kpis(
        request: Request, level: Level = Level.COMPANY, window: str = "day", period: str = "current", at: At = None,
        settled: Settled = False,
    ) -> JSONResponse:  # fmt: skip
        asked.once(request.query_params.multi_items(), ("level", "window", "period", "at", "settled"))
        if window not in api.WINDOWS:
            raise WindowError(f"window={window!r} does not exist; use one of {', '.join(api.WINDOWS)}")
        if period not in PERIODS:
            raise WindowError(f"period={period!r} does not exist; use current or previous")
        reader, then = reader_of(request.scope), asked.moment(at)
        allowed.scope(reader, exporter.board, level, "")
        if then is not None and window not in CALENDAR_WINDOWS:
            raise WindowError("at= gives calendar windows only: day, week, month, quarter or year")
        fences = None
        if settled:
            fences = await exporter.follower.settle()
        else:
            await exporter.follower.catch_up(hours=then is not None)
        # From here on nothing may give way: the board would move on.
        now = exporter.clock()
        if problem := exporter.problem() or (exporter.trust.unsettled(fences) if settled else ""):
            return JSONResponse({"detail": problem}, 503)
        numbers = api.LiveNumbers(exporter.board, now, then, window, reader.teams)
        found = api.kpis(numbers, level, window, period)
        shown_at = exporter.board.local(now if then is None else then).isoformat()
        content = {"level": level, "window": window, "period": period, "at": shown_at, "kpis": found}
        return JSONResponse(content, headers=None if fences is None else header(fences, now))


def _history(app: FastAPI, exporter: Exporter, turns: Turns) -> None:
    @app.get("/api/v1/history", summary="How one number developed, by local day, week, month, quarter or year")
    async def developed(
        request: Request, kpi: str | None = None, family: str | None = None, level: Level = Level.COMPANY,
        name: str | None = None, step: str = "day",
        since: Annotated[str | None, Query(alias="from")] = None,
        until: Annotated[str | None, Query(alias="to")] = None,
        form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
    ) -> Response:  # fmt: skip
        asked.once(request.query_params.multi_items(), _HISTORY)
        reader = reader_of(request.scope)
        question = history.question(kpi, family, level, name or "", step, reader.teams)
        first, last = history.day("from", since), history.day("to", until)
        await exporter.follower.catch_up()
        board, told = exporter.board, exporter.history
        if problem := exporter.problem():
            raise AwayError(problem)
        allowed.scope(reader, board, level, name or "")
        if name is not None:
            asked.named(board, level, name)
        periods = history.span(question, first, last, board.today(exporter.clock()))
        async with turns.one(request.is_disconnected) as turn:
            await turn.through(told.making(question, periods, exporter.clock()))
        # From here on nothing may give way: the board would move on.
        if problem := exporter.problem():
            raise AwayError(problem)
        points = told.points(question, periods, exporter.clock())
        if form == "csv":
            text = history.table(question, points, board.reference.name_of)
            return Response(text, media_type="text/csv; charset=utf-8", headers=_ATTACHED)
        about = {"kpi": question.kpi} if question.kpi else {"family": question.series}
        about |= {"unit": question.unit, "level": level, "name": question.name, "step": step}
        content: dict[str, Any] = {**about, "zone": board.settings.timezone, "points": points}
        if names := names_in(board.reference, (value["labels"] for point in points for value in point["values"])):
            content["names"] = names
        return Response(msgspec.json.encode(content), media_type="application/json")


def _wall(app: FastAPI, exporter: Exporter) -> None:
    spaced = Spaced()

    @app.get("/api/v1/live", summary="What one wall shows")
    async def live(
        request: Request,
        level: Level = Level.COMPANY,
        id: str = "",  # noqa: A002 - the query's name
        window: str = "day",
        settled: Settled = False,
    ) -> Response:
        asked.once(request.query_params.multi_items(), ("level", "id", "window", "settled"))
        if window not in CALENDAR_WINDOWS:
            raise WindowError(f"window={window!r} is not on the wall; use one of {', '.join(CALENDAR_WINDOWS)}")

        asked.scope(level, id)
        reader = reader_of(request.scope)
        if settled:
            fences = await exporter.follower.settle()
            # From here on nothing may give way: the board would move on.
            if problem := exporter.problem() or exporter.trust.unsettled(fences):
                raise AwayError(problem)
            now = exporter.clock()
            content = exporter.live(level, id, window, now, reader)
            return Response(content, media_type="application/json", headers=header(fences or {}, now))

        async def work() -> bytes:
            await exporter.follower.catch_up()
            return exporter.live(level, id, window, reader=reader)

        return Response(await spaced.get((level, id, window, reader.teams), work), media_type="application/json")

    telling = Telling(exporter.follower, exporter.state)

    @app.get("/api/v1/stream", summary="Server-sent events: says when numbers changed")
    async def stream(request: Request) -> StreamingResponse:
        asked.once(request.query_params.multi_items(), ())
        return StreamingResponse(
            await telling.begin(app.state), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    @app.get("/", include_in_schema=False)
    async def wall() -> FileResponse:
        return FileResponse(_WALL / "index.html", headers={"Cache-Control": "no-cache"})

    app.mount("/wall", StaticFiles(directory=_WALL), name="wall")
