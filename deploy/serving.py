"""How our HTTP processes are served: uvicorn on one address, our own logging, an end that lets requests finish."""

import asyncio
import os
import signal
import socket
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from deploy.errors import MisuseError, StartError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from metrics.access.access import Access
    from metrics.access.asgi import Paths

_BACKLOG = 2048
_LAST_PORT = 65_535


def bind(listen: str, setting: str) -> list[socket.socket]:
    """Listen on host:port, before anything else is begun. Raises StartError or MisuseError, which name the setting."""
    host, _, port = listen.rpartition(":")
    if int(port) > _LAST_PORT:
        raise MisuseError(f"{setting}={listen}: a port is at most {_LAST_PORT}")
    bound: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            one = socket.socket(family, kind, protocol)
            bound.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(address)
            # Two that are only bound may share an address; the second one that listens is refused.
            one.listen(_BACKLOG)
    except OSError as error:
        for one in bound:
            one.close()
        raise StartError(
            f"{listen} cannot be listened on ({error.strerror}): does another process have it? Set {setting}"
        ) from error
    return bound


async def serve(
    app: "FastAPI", sockets: Sequence[socket.socket], access: "Access", paths: "Paths", *, grace: int, leave: float
) -> None:
    """Serve an application to who may reach it, until SIGTERM or SIGINT; open requests get `grace` seconds.

    Answers without an end watch `app.state.ending`. A process that has not ended `leave` seconds after the grace is
    ended hard, whatever it hangs on.
    """
    import uvicorn
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    from deploy.api_pages import add
    from deploy.connections import Protocol, most_connections
    from metrics.access.asgi import Guard
    from metrics.ending import end_tasks, end_within

    add(app)
    # Who may read is decided by who connects; whom a proxy on this machine speaks for matters behind that.
    whole: Any = app
    behind: Any = ProxyHeadersMiddleware(whole, os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1"))
    config = uvicorn.Config(
        Guard(behind, access, paths), http=Protocol, log_config=None, access_log=False, proxy_headers=False,
        server_header=False, timeout_graceful_shutdown=grace, backlog=_BACKLOG,
    )  # fmt: skip
    config.load()
    config.ssl = access.tls
    Protocol.most = most_connections()

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if not self.should_exit:
                app.state.ending = True
                end_within(grace + leave)
            super().handle_exit(sig, frame)

    server = Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    following = asyncio.create_task(access.follow())
    try:
        await server.serve(list(sockets))
    finally:
        await end_tasks([following])
