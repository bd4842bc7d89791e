"""The gateway's HTTP face: one way in for events, and the contract for people and machines to read."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib.resources import files
from typing import Any, Protocol

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest

from producers.errors import EventTooLarge, KafkaRejected, ProducersError, PublisherError
from producers.gateway import body
from producers.gateway.auth import ANYBODY, Forbidden, Gatekeeper, Unauthorized
from producers.gateway.settings import GatewaySettings

log = structlog.get_logger(__name__)
_RETRY_SECONDS = 2


class Publisher(Protocol):
    """What the gateway needs of the SDK."""

    async def publish_many_raw(self, records: Sequence[tuple[bytes, bytes]], *, reference: bool = False) -> int:
        """Send and wait for the brokers. Raises PublisherError."""


class TooManyRequests(ProducersError):  # noqa: N818 - named as HTTP names it
    """The source sends faster than it may (429)."""


class Busy(ProducersError):  # noqa: N818 - a state that passes
    """Kafka is away, or too much waits for it (503)."""


class ContentTooLarge(ProducersError):  # noqa: N818 - named as HTTP names it
    """The body is larger than taken (413)."""


_STATUS: dict[type[ProducersError], int] = {
    Unauthorized: 401,
    Forbidden: 403,
    ContentTooLarge: 413,
    body.UnsupportedMediaType: 415,
    TooManyRequests: 429,
    Busy: 503,
}
_PROBLEM = {"content": {"application/problem+json": {"schema": {"type": "object"}}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"description": "Kafka has all events of the request."},
    400: {"description": "Some event is bad; each is named with index, field and rule. None was sent.", **_PROBLEM},
    401: {"description": "No valid token or signature.", **_PROBLEM},
    403: {"description": "The token belongs to another source.", **_PROBLEM},
    413: {"description": "The body is too large.", **_PROBLEM},
    415: {"description": "The content type or encoding is not read.", **_PROBLEM},
    429: {"description": "The source sends too fast; see Retry-After.", **_PROBLEM},
    503: {"description": "Kafka is away or its queue is full; see Retry-After and send again.", **_PROBLEM},
}  # fmt: skip
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/cloudevents+json": {"schema": {"type": "object"}},
            "application/cloudevents-batch+json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}


class Gateway:
    """One request from body to acknowledgement."""

    def __init__(self, publisher: Publisher, settings: GatewaySettings, now: Callable[[], float]) -> None:
        self._publisher = publisher
        self._settings = settings
        self._now = now
        self._gatekeeper = Gatekeeper(settings)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._limit = RateLimitItemPerSecond(settings.gateway_events_per_second)
        self._in_flight = 0
        self.last_failure = ""
        self.registry = CollectorRegistry()
        self.events = Counter(
            "sales_gateway_events", "Events by what became of them.", ["outcome"], registry=self.registry
        )
        self.requests = Counter("sales_gateway_requests", "Requests by status.", ["status"], registry=self.registry)
        self.seconds = Histogram(
            "sales_gateway_request_seconds", "Time from request to answer.", registry=self.registry
        )

    async def take(self, request: Request) -> int:
        """Read, check and send a request's events; return how many. Raises ProducersError, BadEvents."""
        source = self._gatekeeper.by_token(request.headers, request.client.host if request.client else None)
        content = await self._content(request)
        records, problems = body.read(request.headers, content, int(self._now() * 1000))
        if problems and source is not None:
            self.events.labels("refused").inc(len(problems))
            raise BadEvents(problems)
        self._authorize(request, content, records, source)
        if problems:
            self.events.labels("refused").inc(len(problems))
            raise BadEvents(problems)
        for name in {record.source for record in records}:
            cost = sum(record.source == name for record in records)
            if not self._limiter.hit(self._limit, name, cost=cost):
                raise TooManyRequests(
                    f"{name} sends more than {self._settings.gateway_events_per_second} events a second"
                )
        await self._send(records, len(content))
        self.events.labels("accepted").inc(len(records))
        return len(records)

    def _authorize(self, request: Request, content: bytes, records: list[body.Record], source: str | None) -> None:
        names = {record.source for record in records}
        if source is None:
            if len(names) != 1:
                raise Unauthorized("a signed request carries events of exactly one source")
            self._gatekeeper.by_signature(request.headers, content, names.pop())
        elif source != ANYBODY and not names <= {source}:
            raise Forbidden(f"this token sends for {source} only")

    async def _content(self, request: Request) -> bytes:
        most = self._settings.gateway_body_bytes
        too_large = ContentTooLarge(f"the body is larger than {most} bytes; send smaller batches")
        if int(request.headers.get("content-length", 0)) > most:
            raise too_large
        chunks = bytearray()
        async for chunk in request.stream():
            chunks += chunk
            if len(chunks) > most:
                raise too_large
        return bytes(chunks)

    async def _send(self, records: list[body.Record], size: int) -> None:
        if self._in_flight and self._in_flight + size > self._settings.gateway_in_flight_bytes:
            raise Busy("too much waits for Kafka; send again later")
        self._in_flight += size
        try:
            async with asyncio.timeout(self._settings.gateway_timeout):
                for reference in (False, True):
                    pairs = [(record.key, record.value) for record in records if record.reference is reference]
                    if pairs:
                        await self._publisher.publish_many_raw(pairs, reference=reference)
            self.last_failure = ""
        except (EventTooLarge, KafkaRejected, PublisherError, TimeoutError) as error:
            self.last_failure = str(error) or "Kafka does not answer in time"
            log.warning("events were not taken by Kafka", error=self.last_failure, events=len(records))
            raise Busy("Kafka does not take events now; send again later") from error
        finally:
            self._in_flight -= size


class BadEvents(Exception):  # noqa: N818 - what the answer lists
    """The request holds bad events."""

    def __init__(self, problems: list[body.Problem]) -> None:
        super().__init__(f"{len(problems)} bad events")
        self.problems = problems


def create_app(
    publisher: Publisher,
    settings: GatewaySettings,
    *,
    now: Callable[[], float] = time.time,
    routers: Sequence[APIRouter] = (),
    background: Sequence[Callable[[], Awaitable[None]]] = (),
) -> FastAPI:
    """The application. `routers` and `background` belong to connectors that live in the same process."""
    gateway = Gateway(publisher, settings, now)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.ensure_future(run()) for run in background]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    app = FastAPI(title="Sales Pulse gateway", version="1", lifespan=lifespan)
    app.state.gateway = gateway
    _handle_problems(app, gateway)

    @app.post("/v1/events", status_code=202, responses=RESPONSES, openapi_extra=_BODY)
    async def publish(request: Request) -> JSONResponse:
        """Take one CloudEvent (structured or binary mode) or a batch; 202 once Kafka has them all."""
        began = time.perf_counter()
        accepted = await gateway.take(request)
        gateway.requests.labels("202").inc()
        gateway.seconds.observe(time.perf_counter() - began)
        return JSONResponse({"accepted": accepted}, 202)

    _contract(app)
    _service(app, gateway)
    for router in routers:
        app.include_router(router)
    return app


def _handle_problems(app: FastAPI, gateway: Gateway) -> None:
    def problem(status: int, title: str, **more: object) -> JSONResponse:
        gateway.requests.labels(str(status)).inc()
        headers = {"Retry-After": str(_RETRY_SECONDS)} if status in {429, 503} else {}
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        content = {"type": "about:blank", "status": status, "title": title, **more}
        return JSONResponse(content, status, headers, media_type="application/problem+json")

    @app.exception_handler(BadEvents)
    async def bad_events(_: Request, error: BadEvents) -> JSONResponse:
        errors = [asdict(found) for found in error.problems[:100]]
        log.info("events refused", count=len(error.problems), reasons=sorted({e.reason for e in error.problems}))
        return problem(400, f"{len(error.problems)} bad events; none was sent", errors=errors)

    @app.exception_handler(ProducersError)
    async def refused(_: Request, error: ProducersError) -> JSONResponse:
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
        return problem(status, str(error))


def _contract(app: FastAPI) -> None:
    schemas = files("producers.events") / "schemas"

    @app.get("/v1/schemas", summary="Names of all event schemas")
    async def index() -> list[str]:
        return sorted(item.name for item in schemas.iterdir() if item.name.endswith(".json"))

    @app.get(
        "/v1/schemas/{name}",
        summary="JSON Schema of one event type",
        responses={404: {"description": "No such schema."}},
    )
    async def schema(name: str) -> Response:
        wanted = name if name.endswith(".json") else f"{name}.json"
        known = {item.name: item for item in schemas.iterdir()}
        if wanted not in known:
            return JSONResponse({"title": f"no schema {name}; see /v1/schemas"}, 404)
        return Response(known[wanted].read_bytes(), media_type="application/schema+json")

    @app.get("/asyncapi.json", summary="The contract as AsyncAPI 3")
    async def asyncapi() -> Response:
        return Response((schemas / "asyncapi.json").read_bytes(), media_type="application/json")


def _service(app: FastAPI, gateway: Gateway) -> None:
    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(gateway.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/healthz", summary="Alive")
    async def alive() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", summary="Ready to take events", responses={503: {"description": "Kafka does not take events."}})
    async def ready() -> JSONResponse:
        failure = gateway.last_failure
        return JSONResponse({"status": failure or "ok"}, 503 if failure else 200)
