"""The gateway's HTTP face: one way in for events, and the contract for people and machines to read."""

import asyncio
import time
from collections import Counter as Tally
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib.resources import files
from typing import Protocol

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.requests import ClientDisconnect

from producers.errors import EventTooLarge, KafkaRejected, ProducersError, PublisherError
from producers.gateway import body
from producers.gateway.auth import ANYBODY, Forbidden, Gatekeeper, Unauthorized
from producers.gateway.limits import Busy, ContentTooLarge, Held, Rates, Room, TooManyRequests
from producers.gateway.openapi import OPERATION, RESPONSES, SCHEMA_RESPONSES, describe
from producers.gateway.settings import GatewaySettings

log = structlog.get_logger(__name__)
_RETRY_SECONDS = 2


class Publisher(Protocol):
    """What the gateway needs of the SDK."""

    async def publish_many_raw(self, records: Sequence[tuple[bytes, bytes]], *, reference: bool = False) -> int:
        """Send and wait for the brokers. Raises PublisherError."""


class RequestTimeout(ProducersError):  # noqa: N818 - named as HTTP names it
    """The body does not arrive (408)."""


_STATUS: dict[type[ProducersError], int] = {
    Unauthorized: 401,
    Forbidden: 403,
    RequestTimeout: 408,
    ContentTooLarge: 413,
    body.UnsupportedMediaType: 415,
    TooManyRequests: 429,
    Busy: 503,
}


class Gateway:
    """One request from body to acknowledgement."""

    def __init__(self, publisher: Publisher, settings: GatewaySettings, now: Callable[[], float]) -> None:
        self._publisher = publisher
        self._settings = settings
        self._now = now
        self._gatekeeper = Gatekeeper(settings)
        self._rates = Rates(settings.gateway_events_per_second, time.monotonic)
        self._room = Room(settings.gateway_in_flight_bytes)
        self.last_failure = ""
        self.registry = CollectorRegistry()
        self.events = Counter(
            "sales_gateway_events", "Events by what became of them.", ["outcome"], registry=self.registry
        )
        self.requests = Counter("sales_gateway_requests", "Requests by status.", ["status"], registry=self.registry)
        self.taken = self.requests.labels("202")
        self.seconds = Histogram(
            "sales_gateway_request_seconds", "Time from request to answer.", registry=self.registry
        )

    async def take(self, request: Request) -> int:
        """Read, check and send a request's events; return how many. Raises ProducersError, BadEvents."""
        source = self._gatekeeper.by_token(request.headers, request.client.host if request.client else None)
        with self._room.hold() as held:
            content = await self._content(request, held)
            if source is None:
                source = self._gatekeeper.by_signature(request.headers, content)
            records = self._checked(request, content)
            for name, count in Tally(record.source for record in records).items():
                if source not in {ANYBODY, name}:
                    raise Forbidden(f"you send for {source} only")
                self._rates.take(name, count)
            await self._send(records)
        self.events.labels("accepted").inc(len(records))
        return len(records)

    def _checked(self, request: Request, content: bytes) -> list[body.Record]:
        records, problems = body.read(request.headers, content, int(self._now() * 1000))
        if problems:
            self.events.labels("refused").inc(len(problems))
            raise BadEvents(problems)
        return records

    async def _content(self, request: Request, held: Held) -> bytes:
        most = self._settings.gateway_body_bytes
        too_large = ContentTooLarge(f"the body is larger than {most} bytes; send smaller batches")
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > most:
            raise too_large
        content = bytearray()
        try:
            async with asyncio.timeout(self._settings.gateway_timeout):
                async for chunk in request.stream():
                    held.take(len(chunk))
                    content += chunk
                    if len(content) > most:
                        raise too_large
        except TimeoutError as error:
            raise RequestTimeout("the body did not arrive in time; send it at once") from error
        return bytes(content)

    async def _send(self, records: list[body.Record]) -> None:
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

    @app.post("/v1/events", status_code=202, responses=RESPONSES, openapi_extra=OPERATION)
    async def publish(request: Request) -> Response:
        """Take one CloudEvent or a batch; 202 once Kafka has them all.

        Binary mode is read too: attributes in `ce-` headers, and as the body the event's `data` in application/json.
        """
        began = time.perf_counter()
        accepted = await gateway.take(request)
        gateway.taken.inc()
        gateway.seconds.observe(time.perf_counter() - began)
        return Response(b'{"accepted":%d}' % accepted, 202, media_type="application/json")

    _contract(app)
    _service(app, gateway)
    describe(app)
    for router in routers:
        app.include_router(router)
    return app


def _handle_problems(app: FastAPI, gateway: Gateway) -> None:
    def problem(status: int, title: str, **more: object) -> JSONResponse:
        gateway.requests.labels(str(status)).inc()
        log.info("request refused", status=status, why=title)
        headers = {"Retry-After": str(_RETRY_SECONDS)} if status in {408, 429, 503} else {}
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        content = {"type": "about:blank", "status": status, "title": title, **more}
        return JSONResponse(content, status, headers, media_type="application/problem+json")

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        # Nobody reads this answer.
        return Response(status_code=400)

    @app.exception_handler(BadEvents)
    async def bad_events(_: Request, error: BadEvents) -> JSONResponse:
        errors = [asdict(found) for found in error.problems[:100]]
        count, reasons = len(error.problems), ", ".join(sorted({found.reason for found in error.problems}))
        return problem(400, f"{count} bad events ({reasons}); none was sent", errors=errors)

    @app.exception_handler(ProducersError)
    async def refused(_: Request, error: ProducersError) -> JSONResponse:
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
        return problem(status, str(error))


def _contract(app: FastAPI) -> None:
    schemas = files("producers.events") / "schemas"

    documents = {item.name: item.read_bytes() for item in schemas.iterdir() if item.name.endswith(".json")}

    @app.get("/v1/schemas", summary="Names of all event schemas")
    async def index() -> list[str]:
        return sorted(documents)

    @app.get("/v1/schemas/{name}", summary="JSON Schema of one event type", responses=SCHEMA_RESPONSES)
    async def schema(name: str) -> Response:
        found = documents.get(name if name.endswith(".json") else f"{name}.json")
        if found is None:
            title = "no such schema; /v1/schemas lists them"
            content = {"type": "about:blank", "status": 404, "title": title}
            return JSONResponse(content, 404, media_type="application/problem+json")
        return Response(found, media_type="application/schema+json")

    @app.get("/asyncapi.json", summary="The contract as AsyncAPI 3")
    async def asyncapi() -> Response:
        return Response(documents["asyncapi.json"], media_type="application/json")


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
