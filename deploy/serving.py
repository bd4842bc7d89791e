"""How our HTTP processes are served: uvicorn on one address, our own logging, an end that lets requests finish."""

import signal
import socket
from collections.abc import Sequence
from types import FrameType
from typing import Any

from deploy.errors import MisuseError, StartError

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


async def serve(app: Any, sockets: Sequence[socket.socket], *, grace: int, leave: float) -> None:
    """Serve an application until SIGTERM or SIGINT; open requests get `grace` seconds.

    Answers without an end watch `app.state.ending`. A process that has not ended `leave` seconds after the grace is
    ended hard, whatever it hangs on.
    """
    import uvicorn

    from deploy.upgrades import Protocol
    from metrics.ending import end_within

    config = uvicorn.Config(
        app, http=Protocol, log_config=None, access_log=False, timeout_graceful_shutdown=grace, backlog=_BACKLOG
    )

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if not self.should_exit:
                app.state.ending = True
                end_within(grace + leave)
            super().handle_exit(sig, frame)

    server = Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    await server.serve(list(sockets))
