"""`sales-pulse gateway`: the HTTP way in, with the Bitrix24 webhook where it is set up."""

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from metrics.access.access import Access
    from producers.connectors.bitrix24.settings import Bitrix24Settings
    from producers.gateway.settings import GatewaySettings
    from streams.view.senders import RedisNotes


def command(
    listen: Annotated[str | None, typer.Option(help="host:port (SALES_GATEWAY_LISTEN).")] = None,
) -> None:
    """Accept CloudEvents over HTTP and answer 202 once Kafka has them.

    Example: sales-pulse gateway --listen 127.0.0.1:8080
    """
    from deploy.connections import run
    from deploy.serving import bind
    from metrics.access.access import Access
    from metrics.settings import WebSettings
    from producers.connectors.bitrix24.settings import Bitrix24Settings
    from producers.gateway.settings import GatewaySettings

    flags: dict[str, Any] = {"gateway_listen": listen} if listen else {}
    settings = GatewaySettings(**flags)
    access = Access(WebSettings())
    sockets = bind(settings.gateway_listen, "SALES_GATEWAY_LISTEN")
    run(_serve(settings, Bitrix24Settings(), access, sockets))


async def _serve(
    settings: "GatewaySettings", bitrix24: "Bitrix24Settings", access: "Access", sockets: "list[socket.socket]"
) -> None:
    from deploy.serving import serve
    from metrics.access.asgi import Paths, reader_of
    from metrics.certificates import Certificates
    from producers.gateway.app import CONTRACT, SENDERS, SOURCES, create_app
    from producers.gateway.auth import Gatekeeper
    from producers.gateway.gateway import Gateway
    from producers.identities.topic import opened
    from producers.log_ends import LogEnds
    from producers.publisher import SalesPublisher

    def insider(scope: "Mapping[str, Any]") -> bool:
        return bool(reader_of(scope).name)  # who has a name has logged in; on this machine anybody may be nobody

    kafka = LogEnds(settings, settings.events_topic, "sales-pulse-gateway")
    Gatekeeper(settings)  # a secret that cannot work is told before Kafka is asked
    async with AsyncExitStack() as stack:
        stack.push_async_callback(kafka.close)
        publisher = await stack.enter_async_context(SalesPublisher(settings, timeout_seconds=settings.gateway_timeout))
        shared = _shared()
        if shared is not None:
            stack.push_async_callback(shared.close)
        identities = await stack.enter_async_context(opened(settings))
        if bitrix24.wanted:
            from producers.connectors.bitrix24.connecting.connector import Connector
            from producers.connectors.bitrix24.connecting.naming import published

            connector = await stack.enter_async_context(
                Connector(bitrix24, publisher, identities=identities, published=partial(published, bitrix24))
            )
            app = create_app(
                publisher,
                settings,
                kafka=kafka,
                shared=shared,
                identities=identities,
                routers=[connector.router],
                background=connector.background,
                states={"portal": connector.state},
                insider=insider,
            )
            app.state.gateway.series.registry.register(connector.metrics.registry)
        else:
            app = create_app(publisher, settings, kafka=kafka, shared=shared, identities=identities, insider=insider)
        gateway: Gateway = app.state.gateway
        gateway.series.registry.register(Certificates(access.certificates, settings.certificates))
        knows = gateway.gatekeeper.knows
        paths = Paths(limited=CONTRACT, own=SENDERS, either=SOURCES, own_methods=("POST", "OPTIONS"), knows=knows)
        # What was taken is sent before this ends, as long as a supervisor waits.
        await serve(app, sockets, access, paths, grace=8, leave=6)


def _shared() -> "RedisNotes | None":
    """Where senders' notes are shared with workers and other gateways: where SALES_REDIS_URL says so."""
    from metrics.settings import BusinessSettings
    from streams.view.senders import RedisNotes

    settings = BusinessSettings()
    if "redis_url" not in settings.model_fields_set:
        return None
    return RedisNotes(settings.redis_url.get_secret_value(), settings.app_id)
