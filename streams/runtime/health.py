"""The worker's HTTP face: metrics for Prometheus, liveness by progress, readiness by restored partitions."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from metrics.access.access import LOGIN, Access
from metrics.access.asgi import HEALTH, safe_headers, told
from metrics.access.reader import AccessRefusal, beyond_teams
from metrics.ending import end_tasks
from streams.errors import WorkerError
from streams.runtime.status import Status

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
PATHS = ("/metrics", "/healthz", "/readyz")
MOST_CONNECTIONS = 200
"""At once: for one more the oldest goes. Whoever says nothing must not hold the descriptors that Kafka needs."""

_METHODS = frozenset({"GET", "HEAD"})


class _BoundedServer(web.Server):
    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        for oldest in self.connections[:-MOST_CONNECTIONS]:
            if oldest.transport is not None:
                oldest.transport.abort()


class Health:
    """Serves /metrics, /healthz and /readyz until closed."""

    def __init__(
        self,
        listen: str,
        access: Access,
        status: Status,
        registry: CollectorRegistry,
        stall_timeout: float,
        is_ready: Callable[[], str],
    ) -> None:
        host, _, port = listen.rpartition(":")
        self._host, self._port, self._listen = host.strip("[]"), int(port), listen
        self._access = access
        self._following: asyncio.Task[None] | None = None
        self._status = status
        self._registry = registry
        self._stall_timeout = stall_timeout
        self._is_ready = is_ready
        handlers: tuple[Handler, ...] = (self._metrics, self._healthz, self._readyz)
        self._pages = dict(zip(PATHS, handlers, strict=True))
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        """Listen. Raises WorkerError when the address is taken."""
        self._runner = web.ServerRunner(_BoundedServer(self._guarded, access_log=None), handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port, ssl_context=self._access.tls).start()
        except OSError as error:
            raise WorkerError(
                f"{self._listen} cannot be listened on ({error.strerror}): does another worker run? "
                "Set SALES_WORKER_METRICS_LISTEN"
            ) from error
        self._following = asyncio.create_task(self._access.follow())

    async def close(self) -> None:
        """Stop listening."""
        if self._following is not None:
            await end_tasks([self._following])
        if self._runner is not None:
            await self._runner.cleanup()

    async def _guarded(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer who may read; anybody else hears whether all is well, and no more."""
        answer: web.StreamResponse
        handler = self._pages.get(request.path, _nothing) if request.method in _METHODS else _no_way
        try:
            reader = await self._access.reader(*_asking(request))
            if reader.is_limited and request.path not in HEALTH:
                raise beyond_teams()
            answer = await handler(request)
            if reader.is_limited:
                answer = _plain(answer)
        except AccessRefusal as refusal:
            if request.path in HEALTH:
                answer = _plain(await handler(request))
            else:
                answer = _answer(refusal.status, detail=str(refusal))
                if refusal.status == 401:
                    answer.headers["WWW-Authenticate"] = LOGIN
        for name, value in safe_headers(self._access, request.path):
            answer.headers.setdefault(name.decode(), value.decode())
        return answer

    async def _metrics(self, request: web.BaseRequest) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _healthz(self, request: web.BaseRequest) -> web.Response:  # noqa: ARG002 - aiohttp's signature
        if stalled := self._status.stalled(self._stall_timeout):
            return _answer(503, status="stalled", partitions=stalled)
        return _answer(200, status="ok")

    async def _readyz(self, request: web.BaseRequest) -> web.Response:  # noqa: ARG002 - aiohttp's signature
        if reason := self._is_ready():
            return _answer(503, status="not ready", reason=reason)
        return _answer(200, status="ok", view="behind" if self._status.failed_view_since else "ok")


async def _nothing(request: web.BaseRequest) -> web.Response:
    return _answer(404, detail=f"there is no {request.path}; there is {', '.join(PATHS)}")


async def _no_way(request: web.BaseRequest) -> web.Response:
    return _answer(405, detail=f"{request.method} is nothing that can be done here; use GET")


def _asking(request: web.BaseRequest) -> tuple[str | None, list[tuple[bytes, bytes]]]:
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return peer[0] if peer else None, [(name.lower(), value) for name, value in request.raw_headers]


def _plain(answer: web.StreamResponse) -> web.Response:
    return web.Response(status=answer.status, body=told(answer.status), content_type="application/json")


def _answer(code: int, **body: Any) -> web.Response:
    return web.json_response(body, status=code)
