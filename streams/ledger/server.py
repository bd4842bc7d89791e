"""Where the exporter asks: the entities behind one number, as JSON."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from metrics.errors import AwayError
from streams.explain import Explanation
from streams.ledger.follow import Follower
from streams.plain.rows import Query

_FRESH_SECONDS = 1.0
"""How long an answer waits for records that are on their way."""
_MOST = 100_000
_KNOWN = ("family", "manager", "team", "window", "period", "at", "limit")


def create_app(follower: Follower) -> FastAPI:
    """The application; the follower runs as long as it does."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(follower.run())
        task.add_done_callback(_ended)
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        follower.close()

    app = FastAPI(title="Sales Pulse ledger", version="1", lifespan=lifespan)
    app.state.ending = False

    @app.get("/healthz", summary="Alive")
    async def alive() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", summary="Whether it can explain")
    async def ready() -> JSONResponse:
        problem = follower.unready()
        return JSONResponse({"status": problem or "ok", "behind": follower.behind}, 503 if problem else 200)

    @app.get("/api/v1/explain", summary="The entities behind one number")
    async def explain(request: Request) -> JSONResponse:
        given = dict(request.query_params)
        await follower.fresh(_FRESH_SECONDS)
        if problem := follower.unready():
            return JSONResponse({"detail": problem}, 503)
        try:
            answer = await asyncio.to_thread(_explain, follower, given)
        except ValueError as error:
            return JSONResponse({"detail": str(error)}, 400)
        except AwayError as error:
            return JSONResponse({"detail": str(error)}, 503)
        except (sqlite3.Error, msgspec.DecodeError) as error:
            follower.broken(error)
            return JSONResponse({"detail": f"the ledger cannot be read now: {error}"}, 503)
        return JSONResponse(answer.as_json())

    return app


def _explain(follower: Follower, given: Mapping[str, str]) -> Explanation:
    index = follower.index
    if index is None:
        raise AwayError(follower.problem)
    labels = {name: value for name, value in given.items() if name not in _KNOWN}
    query = Query(
        given.get("family", ""), labels, given.get("manager"), given.get("team"),
        given.get("window", ""), given.get("period", "current"),
    )  # fmt: skip
    limit = int(given.get("limit", "1000"))
    if not 1 <= limit <= _MOST:
        raise ValueError(f"limit={limit} is not between 1 and {_MOST}")
    at = datetime.fromisoformat(given["at"]) if "at" in given else None
    if at is not None and at.tzinfo is None:
        raise ValueError(f"at={given['at']!r} has no zone; write it like 2026-11-23T09:00:00Z")
    return index.explain(query, at, limit)


def _ended(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        import os  # noqa: PLC0415
        import traceback  # noqa: PLC0415

        traceback.print_exception(error)
        os._exit(1)
