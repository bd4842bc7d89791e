"""The gateway's `POST /v1/bitrix24`: believe, remember durably, answer at once; the portal never sends again."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from producers.connectors.bitrix24.entities.hooks import HookReader
from producers.connectors.bitrix24.errors import HookRefused
from producers.connectors.bitrix24.metrics import Metrics
from producers.connectors.bitrix24.spool.store import PortalChange, Spool

log = structlog.get_logger(__name__)
_MOST_BYTES = 64 * 1024
_FORM = {
    "requestBody": {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}},
    }
}
_PROBLEM = {"content": {"application/problem+json": {"schema": {"type": "object"}}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Remembered; or nothing that is of interest."},
    400: {"description": "No hook of Bitrix24.", **_PROBLEM},
    401: {"description": "The application token is wrong.", **_PROBLEM},
    403: {"description": "Another portal's hook.", **_PROBLEM},
    413: {"description": "Too large for a hook.", **_PROBLEM},
}


class Inbox:
    """Writes changes to the store, all that wait in one transaction: a thousand hooks cost few disk writes."""

    def __init__(self, store: Spool, wake: asyncio.Event, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._wake = wake
        self._now = now
        self._waiting: list[tuple[PortalChange, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def put(self, change: PortalChange) -> None:
        """Return when the change is on the disk."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((change, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await written

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._store.add, [change for change, _ in batch], self._now())
            except Exception as error:  # noqa: BLE001 - told to each who waits
                _settle(batch, error)
            else:
                _settle(batch, None)
                self._wake.set()


def _settle(batch: list[tuple[PortalChange, "asyncio.Future[None]"]], error: Exception | None) -> None:
    for _, written in batch:
        if written.done():
            continue
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)


def create_router(reader: HookReader, inbox: Inbox, metrics: Metrics) -> APIRouter:
    """The route of the portal's outgoing webhook."""
    router = APIRouter()

    @router.post("/v1/bitrix24", responses=_RESPONSES, openapi_extra=_FORM, summary="Bitrix24's outgoing webhook")
    async def hook(request: Request) -> JSONResponse:
        """Take one hook; what it says changed is fetched from the portal later."""
        try:
            name, change = reader.read(await _body(request))
        except HookRefused as refused:
            metrics.hooks.labels("refused").inc()
            log.warning("a hook was refused", why=str(refused))
            title = {"type": "about:blank", "status": refused.status, "title": str(refused)}
            return JSONResponse(title, refused.status, media_type="application/problem+json")
        if change is None:
            metrics.hooks.labels("ignored").inc()
            log.debug("a hook of no interest", hook=name[:60])
            return JSONResponse({"status": "ignored"})
        await inbox.put(change)
        metrics.hooks.labels("accepted").inc()
        return JSONResponse({"status": "ok"})

    return router


async def _body(request: Request) -> bytes:
    taken = bytearray()
    async for chunk in request.stream():
        taken += chunk
        if len(taken) > _MOST_BYTES:
            raise HookRefused(413, "the body is too large for a hook")
    return bytes(taken)
