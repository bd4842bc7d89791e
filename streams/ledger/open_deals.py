"""What forecasts ask: which deals were open on each day, and what they brought by their stages and ages."""

import asyncio
from collections.abc import Generator
from datetime import date
from itertools import islice
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from metrics.errors import AwayError
from metrics.forecast import KNOWN, LONGEST
from metrics.pipeline import MEASURES, Pipeline, Stay
from metrics.streamed import Streamed
from metrics.turns import Turns
from streams.ledger.answers import Index
from streams.ledger.deal_days import stays
from streams.ledger.follow import UNREADABLE, LedgerFollower
from streams.ledger.lines import NDJSON, lines
from streams.ledger.refusing import FRESH_SECONDS

_MOST_RUNS = 4
_PIECE = 2_000


def add_open_deals(app: FastAPI, follower: LedgerFollower, turns: Turns) -> None:
    """What the exporter asks every few minutes, and what the backtest reads once. turns: of what is looked up."""

    @app.get("/api/v1/brought", summary="What open deals brought within so many days, by their stages and ages")
    async def brought(request: Request) -> JSONResponse:
        given = dict(request.query_params)
        day, runs = _day(given.get("day", "")), _runs(given.get("runs", ""))
        await follower.fresh(FRESH_SECONDS)
        async with turns.one(request.is_disconnected):
            found = await asyncio.to_thread(_brought, follower.moments(), day, runs)
        return JSONResponse({"day": given["day"], "brought": found})

    @app.get("/api/v1/stays", summary="Over which days deals were open in a stage, one a line")
    async def stayed(request: Request) -> Response:
        day = _day(request.query_params.get("day", ""))
        await follower.fresh(FRESH_SECONDS)
        pieces = _stays(follower.moments(), day)
        return Streamed(lines(pieces, tuple), NDJSON, known=(AwayError, *UNREADABLE), broken=follower.broken)


def _brought(index: Index, day: int, runs: list[int]) -> list[dict[str, Any]]:
    with index.reading() as database:
        pipeline = Pipeline(stays(database, index.reference(database), day), day - KNOWN, day)
    return [
        {"team": team, "measure": measure, "run": run, **pipeline.brought(team, measure, run)._asdict()}
        for run in runs
        for team in pipeline.teams
        for measure in MEASURES
    ]


def _stays(index: Index, day: int) -> Generator[list[Stay], None, None]:
    with index.reading() as database:
        found = stays(database, index.reference(database), day)
        while piece := list(islice(found, _PIECE)):
            yield piece


def _day(text: str) -> int:
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError as error:
        raise ValueError(f"day={text!r} is not a date; write it like 2026-11-23") from error


def _runs(text: str) -> list[int]:
    found = text.split(",")
    if len(found) > _MOST_RUNS or not all(one.isascii() and one.isdecimal() and len(one) < 4 for one in found):
        raise ValueError(f"runs={text!r} are not up to {_MOST_RUNS} numbers of days, with commas between")
    if not all(1 <= int(one) <= LONGEST for one in found):
        raise ValueError(f"runs={text!r}: open deals say something of 1 to {LONGEST} days")
    return sorted({int(one) for one in found})
