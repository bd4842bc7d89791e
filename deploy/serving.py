"""How our HTTP processes are served: uvicorn on one address, our own logging, an end that lets requests finish."""

import signal
from typing import Any


async def serve(app: Any, listen: str, *, grace: int) -> None:
    """Serve an ASGI application on `listen` (host:port) until SIGTERM or SIGINT; open requests get `grace` seconds."""
    import uvicorn

    from deploy.upgrades import Protocol

    host, _, port = listen.rpartition(":")
    config = uvicorn.Config(
        app,
        host=host.strip("[]"),
        port=int(port),
        http=Protocol,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=grace,
    )
    server = uvicorn.Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    await server.serve()
