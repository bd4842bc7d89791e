"""`sales-pulse ledger`: keeps the index that "why this number" is answered from."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import socket

    from metrics.access.access import Access
    from streams.ledger.settings import LedgerSettings


def command(
    listen: Annotated[str | None, typer.Option(help="host:port (SALES_LEDGER_LISTEN).")] = None,
    url: Annotated[str | None, typer.Option(help="URL of the index file, sqlite:///FILE (SALES_LEDGER_URL).")] = None,
) -> None:
    """Keep an index of the entities behind every number, read from the log, and answer the exporter from it.

    It continuously compares what its index adds up to with what is shown, and reports differences.

    It may be killed at any moment and resumes where it was; a lost or damaged file is rebuilt.

    Example: sales-pulse ledger --url sqlite:////var/lib/sales-pulse/ledger.sqlite
    """
    from deploy.connections import run
    from deploy.serving import bind
    from metrics.access.access import Access
    from metrics.settings import WebSettings
    from streams.ledger.settings import LedgerSettings

    given: dict[str, Any] = {"ledger_listen": listen, "ledger_url": url}
    access = Access(WebSettings())
    settings = LedgerSettings(**{name: value for name, value in given.items() if value is not None})
    run(_serve(settings, access, bind(settings.ledger_listen, "SALES_LEDGER_LISTEN")))


async def _serve(settings: "LedgerSettings", access: "Access", sockets: "list[socket.socket]") -> None:
    from deploy.serving import serve
    from metrics.access.asgi import Paths
    from streams.audit.standing.standing import StandingAudit
    from streams.audit.standing.view import RedisStore, View
    from streams.ledger.follow import LedgerFollower
    from streams.ledger.server import create_app
    from streams.plain.rules import PlainRules

    rules = PlainRules.of(settings)
    postgres = settings.ledger_postgres
    follower = LedgerFollower(settings, rules, settings.ledger_file, is_copied=postgres is not None)
    tables = None
    if postgres is not None:
        from streams.sql.tables import SqlTables

        password = settings.ledger_postgres_password
        told = None if password is None else password.get_secret_value()
        tables = SqlTables(follower, rules, postgres.get_secret_value(), told)
    store = RedisStore(settings.redis_url.get_secret_value())
    view = View(store, settings.app_id, settings.timezone, rules)
    audit = StandingAudit(follower, view, rules, share=settings.audit_share)
    try:
        # What it was about to write is read again: it ends within two seconds.
        await serve(create_app(follower, audit, tables), sockets, access, Paths(), grace=1, leave=0.8)
    finally:
        store.close()
