"""What all answers of the ledger have in common: how fresh they are, and what is said where there is none."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from metrics.errors import AwayError
from streams.ledger.follow import UNREADABLE, LedgerFollower

FRESH_SECONDS = 2.0
"""How long an answer waits for records that are on their way; whoever asks waits for longer."""


def refuse_in_words(app: FastAPI, follower: LedgerFollower) -> None:
    """Answer 400 to a question that cannot be answered (ValueError), 503 where the log or the index is away."""

    @app.exception_handler(ValueError)
    async def wrong(_: Request, error: ValueError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 400)

    @app.exception_handler(AwayError)
    async def away(_: Request, error: AwayError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 503)

    async def unreadable(_: Request, error: Exception) -> JSONResponse:
        follower.broken(error)
        return JSONResponse({"detail": f"the ledger cannot be read now: {error}"}, 503)

    for kind in UNREADABLE:
        app.add_exception_handler(kind, unreadable)
