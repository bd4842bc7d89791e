"""Where a sender sees for itself what became of its events: `/v1/sources` for programs, `/sources` for people."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from producers.errors import ProducersError
from producers.gateway.auth import ANYBODY, Forbidden, Gatekeeper, Unauthorized, is_loopback, password
from producers.gateway.openapi import SOURCE_RESPONSES
from producers.gateway.sources.board import SourcesBoard
from producers.gateway.sources.page import POLICY, render
from producers.gateway.verdict import refuse

_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
"""Of this machine; under any other a page of somebody else's could read what only this machine may (DNS rebinding)."""
_LOGIN = 'Basic realm="Sales Pulse: your login, or your token as the password and any name", charset="UTF-8"'

Insider = Callable[[Mapping[str, Any]], bool]
"""Whether somebody with a login that lets him read everything asks, by the ASGI scope of the request."""


def create_router(board: SourcesBoard, gatekeeper: Gatekeeper, insider: Insider) -> APIRouter:
    """The routes."""
    router = APIRouter()

    async def answer(request: Request, source: str | None) -> Response:
        try:
            who = _reader(request, gatekeeper, insider)
            if source is not None and who not in {ANYBODY, source}:
                raise Forbidden(f"you may see {who} only")
        except ProducersError as error:
            return _refused(error)
        found: dict[str, Any]
        if (wanted := source or who) != ANYBODY:
            found = await board.of(wanted)
        else:
            found = {"sources": await board.all()}
        return JSONResponse(found, headers={"Cache-Control": "no-store"})

    @router.get("/v1/sources", summary="What became of a sender's events", responses=SOURCE_RESPONSES)
    async def one(request: Request, source: str | None = None) -> Response:
        """Of the last day. With a token: of its source. With a login, or here where no tokens are set: of all."""
        return await answer(request, source)

    # A path: sources are URIs, with slashes in them.
    @router.get("/v1/sources/{source:path}", include_in_schema=False)
    async def by_path(request: Request, source: str) -> Response:
        return await answer(request, source)

    @router.get("/sources", include_in_schema=False)
    async def page(request: Request) -> Response:
        try:
            who = _reader(request, gatekeeper, insider)
        except ProducersError as error:
            return _refused(error, login=True)
        reports = await board.all() if who == ANYBODY else [await board.of(who)]
        headers = {"Cache-Control": "no-store", "Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
        return HTMLResponse(render(reports, _language(request)), headers=headers)

    return router


def _reader(request: Request, gatekeeper: Gatekeeper, insider: Insider) -> str:
    """Whose events the request may see; ANYBODY: everybody's. Raises Unauthorized, Forbidden."""
    if insider(request.scope):
        return ANYBODY
    host = request.client.host if request.client else None
    # Without tokens or secrets no sender can show who it is: then being on this machine has to do, as for sending.
    if not gatekeeper.closed:
        if not is_loopback(host):
            raise Unauthorized("no sender is configured, so only this machine may look; set SALES_GATEWAY_TOKENS")
        if (request.url.hostname or "") not in _NAMES:
            raise Forbidden("open this by the name localhost or 127.0.0.1")
        return ANYBODY
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        source = gatekeeper.of_token(password(given))
        if source is None:
            raise Unauthorized("the token is not known here")
        return source
    source = gatekeeper.by_token(request.headers, host)
    # Who signs signs an empty body.
    return gatekeeper.by_signature(request.headers, b"") if source is None else source


def _language(request: Request) -> str:
    """As `?lang=` says, else as the browser of who looks is set."""
    given = request.query_params.get("lang") or request.headers.get("accept-language", "")
    return "ru" if given.lower().startswith("ru") else "en"


def _refused(error: ProducersError, *, login: bool = False) -> Response:
    answer = refuse(401 if isinstance(error, Unauthorized) else 403, str(error))
    if login and answer.status_code == 401:
        answer.headers["WWW-Authenticate"] = _LOGIN
    return answer
