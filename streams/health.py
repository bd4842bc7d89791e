"""The worker's HTTP face: metrics for Prometheus, liveness by progress, readiness by restored partitions."""

from collections.abc import Callable
from typing import Any

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from streams.errors import WorkerError
from streams.sensors import WorkerSensors


class Health:
    """Serves /metrics, /healthz and /readyz until closed."""

    def __init__(self, listen: str, sensors: WorkerSensors, stall_timeout: float, is_ready: Callable[[], str]) -> None:
        host, _, port = listen.rpartition(":")
        self._host, self._port, self._listen = host.strip("[]"), int(port), listen
        self._sensors = sensors
        self._stall_timeout = stall_timeout
        self._is_ready = is_ready
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises WorkerError when the address is taken."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            raise WorkerError(
                f"{self._listen} cannot be listened on ({error.strerror}): does another worker run? "
                "Set SALES_WORKER_METRICS_LISTEN"
            ) from error

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._sensors.registry), headers={"Content-Type": content_type})

    async def _healthz(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp's signature
        if stalled := self._sensors.stalled(self._stall_timeout):
            return _answer(503, status="stalled", partitions=stalled)
        return _answer(200, status="ok")

    async def _readyz(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp's signature
        if reason := self._is_ready():
            return _answer(503, status="not ready", reason=reason)
        return _answer(200, status="ok", view="behind" if self._sensors.failed_view_since else "ok")


def _answer(code: int, **body: Any) -> web.Response:
    return web.json_response(body, status=code)
