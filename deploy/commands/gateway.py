"""`sales-pulse gateway`: the HTTP way in, with the Bitrix24 webhook where it is set up."""

import asyncio
import signal
from typing import Annotated

import typer


def command(
    listen: Annotated[str | None, typer.Option(help="host:port (SALES_GATEWAY_LISTEN).")] = None,
) -> None:
    """Take CloudEvents over HTTP and answer 202 once Kafka has them.

    Example: sales-pulse gateway --listen 127.0.0.1:8080
    """
    from producers.gateway.settings import GatewaySettings

    settings = GatewaySettings(gateway_listen=listen) if listen else GatewaySettings()
    asyncio.run(_serve(settings))


async def _serve(settings: "GatewaySettings") -> None:  # type: ignore[name-defined]  # noqa: F821
    import uvicorn

    from producers.gateway.app import create_app
    from producers.publisher import SalesPublisher

    host, _, port = settings.gateway_listen.rpartition(":")
    async with SalesPublisher(settings, timeout_seconds=settings.gateway_timeout) as publisher:
        config = uvicorn.Config(
            create_app(publisher, settings),
            host=host.strip("[]"),
            port=int(port),
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=8,
        )
        server = uvicorn.Server(config)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.handle_exit)
        await server.serve()
