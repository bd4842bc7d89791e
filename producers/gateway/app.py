"""The gateway's HTTP face: one way in for events, and the contract for people and machines to read."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib.resources import files
from types import MappingProxyType

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import Receive, Scope, Send

from producers.gateway.clients import IdentityResolver
from producers.gateway.gateway import Gateway
from producers.gateway.handshake import answer as answer_handshake
from producers.gateway.openapi import HANDSHAKE_RESPONSES, OPERATION, RESPONSES, SCHEMA_RESPONSES, describe
from producers.gateway.readiness import Kafka, Readiness
from producers.gateway.settings import GatewaySettings
from producers.gateway.sources.board import SourcesBoard
from producers.gateway.sources.router import Insider, create_router
from producers.raw_publisher import RawPublisher
from producers.senders import Shared

EVENTS = "/v1/events"
SENDERS = (EVENTS, "/v1/bitrix24")
"""Paths that ask for a sender's token themselves."""
SOURCES = ("/v1/sources", "/v1/sources/", "/sources")
"""Paths that ask for it, too, where nobody has said who looks."""
CONTRACT = ("/v1/schemas", "/v1/schemas/", "/asyncapi.json", "/openapi.json", "/docs", "/docs/")
"""Paths that show how to send, and no number."""
_NO_STATES: Mapping[str, Callable[[], str]] = MappingProxyType({})
_LAST_NOTES_SECONDS = 1.0
"""For what senders may see of themselves, when a gateway ends."""


class _App(FastAPI):
    """FastAPI, but events go past its machinery, which costs a request more than all else here."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == EVENTS and scope["method"] == "POST":
            answer = await self.state.gateway.answer(Request(scope, receive))
            await answer(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    publisher: RawPublisher,
    settings: GatewaySettings,
    *,
    kafka: Kafka | None = None,
    now: Callable[[], float] = time.time,
    shared: Shared | None = None,
    identities: IdentityResolver | None = None,
    routers: Sequence[APIRouter] = (),
    background: Sequence[Callable[[], Awaitable[None]]] = (),
    states: Mapping[str, Callable[[], str]] = _NO_STATES,
    insider: Insider = lambda _: False,
) -> FastAPI:
    """The application.

    `kafka` is asked for readiness, where given; `shared` is where gateways and workers leave notes on senders;
    `identities` know clients by numbers and addresses;
    `routers` and `background` are connectors'; `states` say how it goes with them, in a word each, for /readyz;
    `insider` says of a request that whoever sent it may see what became of all senders' events.
    """
    readiness = Readiness(kafka, settings.events_topic)
    gateway = Gateway(publisher, settings, now, readiness, identities)
    board = SourcesBoard(gateway.noting, now, shared)
    lifespan = _beside(board, (board.run, *background, *((readiness.run,) if kafka else ())))
    app = _App(title="Sales Pulse gateway", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.gateway = gateway
    _events(app, gateway, settings)
    app.include_router(create_router(board, gateway.gatekeeper, insider))
    _contract(app)
    _service(app, gateway, readiness, states)
    describe(app)
    for router in routers:
        app.include_router(router)
    return app


def _beside(
    board: SourcesBoard, background: Sequence[Callable[[], Awaitable[None]]]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What runs as long as the application does."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.ensure_future(run()) for run in background]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # The board's task shares now and then; what came since would go with this process.
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_NOTES_SECONDS):
                await board.share()

    return lifespan


def _events(app: FastAPI, gateway: Gateway, settings: GatewaySettings) -> None:
    # For the OpenAPI document: `_App` answers before a route is looked for.
    @app.post(EVENTS, status_code=202, responses=RESPONSES, openapi_extra=OPERATION)
    async def publish(request: Request) -> Response:
        """Take one CloudEvent or a batch; 202 once Kafka has them all.

        Binary mode is read too: attributes in `ce-` headers, and as the body the event's `data` in application/json.
        """
        return await gateway.answer(request)

    @app.options(EVENTS, status_code=200, responses=HANDSHAKE_RESPONSES, summary="Handshake of CloudEvents' web hooks")
    async def handshake(request: Request) -> Response:
        """Whether and how often a sender may deliver here, by `WebHook-Request-Origin` and `WebHook-Request-Rate`."""
        return answer_handshake(request, gateway.gatekeeper, settings.gateway_events_per_second)


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


def _service(app: FastAPI, gateway: Gateway, readiness: Readiness, states: Mapping[str, Callable[[], str]]) -> None:
    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(gateway.series.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/healthz", summary="Alive")
    async def alive() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", summary="Ready to take events", responses={503: {"description": "Kafka does not take events."}})
    async def ready() -> JSONResponse:
        problem = readiness.problem
        # A connector in trouble takes no readiness away: its hooks have to get through all the more.
        told = {"status": problem or "ok"} | {name: state() for name, state in states.items()}
        return JSONResponse(told, 503 if problem else 200)
