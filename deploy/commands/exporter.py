"""`sales-pulse exporter`: the numbers for Prometheus, and the wall for people."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from metrics.settings import ExporterSettings


def command(
    listen: Annotated[str | None, typer.Option(help="host:port (SALES_EXPORTER_LISTEN).")] = None,
) -> None:
    """Serve /metrics, the JSON API and the live wall.

    Example: sales-pulse exporter --listen 127.0.0.1:9808
    """
    import uvloop

    from metrics.settings import ExporterSettings

    settings = ExporterSettings(exporter_listen=listen) if listen else ExporterSettings()
    uvloop.run(_serve(settings))


async def _serve(settings: "ExporterSettings") -> None:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    from deploy.serving import serve
    from metrics.exporter.board import Board
    from metrics.exporter.follow import Follower
    from metrics.exporter.server import Exporter, create_app
    from producers.settings import KafkaSettings
    from streams.explain import Explainer
    from streams.plain.rules import Rules

    # The follower tries again by itself, and says so: a client that does it silently makes scrapes hang.
    url, never = settings.redis_url.get_secret_value(), Retry(NoBackoff(), 0)
    client = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, retry=never)
    board = Board(settings)
    exporter = Exporter(settings, board, Follower(board, client, settings.app_id))
    explainer = Explainer(KafkaSettings(), Rules.of(settings))
    try:
        await serve(create_app(exporter, explainer), settings.exporter_listen, grace=2)
    finally:
        await client.aclose()
