"""Where the exporter asks: the entities behind one number, as JSON."""

import asyncio
import os
import sys
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from metrics import moments
from metrics.ending import end_tasks
from metrics.errors import AwayError, WindowError
from metrics.family import Source
from metrics.streamed import Streamed
from metrics.turns import AtOnce, Turns
from streams.audit.standing.standing import StandingAudit
from streams.errors import StreamsError
from streams.ledger.explain import ExplainedNumber, entity
from streams.ledger.follow import UNREADABLE, LedgerFollower
from streams.ledger.lines import NDJSON, lines
from streams.ledger.open_deals import add_open_deals
from streams.ledger.refusing import FRESH_SECONDS, refuse_in_words
from streams.plain.rows import PlainQuery

_AT_ONCE, _PATIENCE_SECONDS = 3, 4.0
"""Questions that are looked up at once, each by a thread, beside the one that writes; the exporter waits for five."""
_USUAL, _MOST = 1000, 100_000
_MOST_STREAMS = 16
"""At once: each holds a moment of the index, which grows beside it."""
_KNOWN = ("family", "manager", "team", "window", "period", "at", "limit", "fewer", "from", "to")


class LedgerCopy(Protocol):
    """Who keeps a copy of the index elsewhere, and can say how far it is; given from outside."""

    @property
    def status(self) -> Any:
        """Has `as_json`."""

    async def run(self) -> None:
        """Keep it up until cancelled."""


def create_app(
    follower: LedgerFollower, audit: StandingAudit | None = None, tables: LedgerCopy | None = None
) -> FastAPI:
    """The application; follower, audit and the copy in PostgreSQL run as long as it does."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one.run()) for one in (follower, audit, tables) if one is not None]
        for task in tasks:
            task.add_done_callback(_ended)
        yield
        await end_tasks(tasks)
        follower.close()

    app = FastAPI(title="Sales Pulse ledger", version="1", lifespan=lifespan)
    app.state.ending = False
    refuse_in_words(app, follower)

    @app.get("/healthz", summary="Alive")
    async def alive() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", summary="Whether it can explain")
    async def ready() -> JSONResponse:
        problem = follower.unready()
        return JSONResponse({"status": problem or "ok", "behind": follower.progress.left()}, 503 if problem else 200)

    @app.get("/api/v1/audit", summary="What the standing audit has proved, and what differs")
    async def audited() -> JSONResponse:
        if audit is None:
            return JSONResponse({"detail": "this ledger compares nothing"}, 503)
        told = audit.status.as_json() | {"behind": follower.progress.left()}
        return JSONResponse(told | ({} if tables is None else {"sql": tables.status.as_json()}))

    turns = Turns(_AT_ONCE, patience=_PATIENCE_SECONDS)
    _explaining(app, follower, turns)
    _entities(app, follower)
    add_open_deals(app, follower, turns)
    return app


def _explaining(app: FastAPI, follower: LedgerFollower, turns: Turns) -> None:
    @app.get("/api/v1/explain", summary="The entities behind one number")
    async def explain(request: Request) -> JSONResponse:
        given = dict(request.query_params)
        limits, at, days = (_limit(given, "limit"), _limit(given, "fewer")), _moment(given), _days(given)
        as_of = await follower.fresh(FRESH_SECONDS)
        async with turns.one(request.is_disconnected):
            answer = await asyncio.to_thread(_explain, follower, given, at, days, limits)
        moment = datetime.fromtimestamp(as_of.moment, UTC).isoformat()
        return JSONResponse(answer.as_json() | {"as_of": moment} | ({"note": as_of.note} if as_of.note else {}))


def _entities(app: FastAPI, follower: LedgerFollower) -> None:
    at_once = AtOnce[bytes](_MOST_STREAMS, "streams of entities")

    @app.get("/api/v1/entities", summary="All entities of a run of local days, one a line")
    async def entities(request: Request) -> Response:
        given = dict(request.query_params)
        query, days = _query(given), _days(given)
        if days is None or query.declared.source is not Source.CELLS:
            raise ValueError(f"{query.family} is streamed by days: state from= and to=, and a family that has them")
        await follower.fresh(FRESH_SECONDS)
        found = follower.moments().entities(query, days)
        pieces = await at_once.begin(lines(found, lambda one: entity(query, *one)))
        return Streamed(pieces, NDJSON, known=(AwayError, *UNREADABLE), broken=follower.broken)


def _explain(
    follower: LedgerFollower,
    given: Mapping[str, str],
    at: datetime | None,
    days: tuple[int, int] | None,
    limits: tuple[int | None, int | None],
) -> ExplainedNumber:
    limit, fewer = limits
    return follower.moments().explain(_query(given), at, limit or _USUAL, days, fewer)


def _query(given: Mapping[str, str]) -> PlainQuery:
    labels = {name: value for name, value in given.items() if name not in _KNOWN}
    return PlainQuery(
        given.get("family", ""), labels, given.get("manager"), given.get("team"),
        given.get("window", ""), given.get("period", "current"),
    )  # fmt: skip


def _days(given: Mapping[str, str]) -> tuple[int, int] | None:
    """Ordinals of the local days that are asked for instead of a window."""
    if "from" not in given and "to" not in given:
        return None
    found = []
    for name in ("from", "to"):
        try:
            found.append(date.fromisoformat(given.get(name, "")).toordinal())
        except ValueError as error:
            raise ValueError(f"{name}={given.get(name)!r} is not a date; write it like 2026-11-23") from error
    return found[0], found[1]


def _limit(given: Mapping[str, str], name: str) -> int | None:
    if (text := given.get(name)) is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST)) and 1 <= int(text) <= _MOST):
        raise ValueError(f"{name}={text!r} is not a whole number from 1 to {_MOST}")
    return int(text)


def _moment(given: Mapping[str, str]) -> datetime | None:
    if (text := given.get("at")) is None:
        return None
    try:
        return moments.read(text)
    except WindowError as error:
        raise ValueError(str(error)) from error


def _ended(task: "asyncio.Task[None]") -> None:
    """Without its follower it would answer nothing for ever: it ends, in one line where a person can act on it."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    if isinstance(error, StreamsError):
        sys.stderr.write(f"sales-pulse: {error}\n")
    else:
        traceback.print_exception(error)
    sys.stderr.flush()
    os._exit(1)
