"""`sales-pulse exporter`: the numbers for Prometheus, and the wall for people."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import socket

    from metrics.access.access import Access
    from metrics.settings import ExporterSettings


def command(
    listen: Annotated[str | None, typer.Option(help="host:port (SALES_EXPORTER_LISTEN).")] = None,
) -> None:
    """Serve /metrics, the JSON API and the live wall.

    Example: sales-pulse exporter --listen 127.0.0.1:9808
    """
    from deploy.connections import run
    from deploy.serving import bind
    from metrics.access.access import Access
    from metrics.settings import ExporterSettings, WebSettings

    settings = ExporterSettings(exporter_listen=listen) if listen else ExporterSettings()
    access = Access(WebSettings())
    run(_serve(settings, access, bind(settings.exporter_listen, "SALES_EXPORTER_LISTEN")))


async def _serve(settings: "ExporterSettings", access: "Access", sockets: "list[socket.socket]") -> None:
    from deploy.serving import serve
    from metrics.certificates import Certificates, of_redis
    from metrics.exporter.board import Board
    from metrics.exporter.feed.follow import ViewFollower
    from metrics.exporter.http.allowed import PATHS
    from metrics.exporter.http.ledger import LedgerProxy
    from metrics.exporter.http.server import Exporter, create_app
    from metrics.redis_client import connect
    from metrics.settings import LoginSettings

    client = connect(settings.redis_url.get_secret_value())
    board = Board(settings)
    exporter = Exporter(settings, board, ViewFollower(board, client, settings.app_id))
    url = settings.redis_url.get_secret_value()
    exporter.scrapes.registry.register(Certificates(access.certificates, lambda: of_redis(url)))
    ledger = LedgerProxy(settings.ledger_address, LoginSettings().pair)
    try:
        # All it holds can be read again: it ends within two seconds, also while walls are connected or Redis hangs.
        await serve(create_app(exporter, ledger, ledger, ledger), sockets, access, PATHS, grace=1, leave=0.8)
    finally:
        await ledger.close()
        await client.aclose()
