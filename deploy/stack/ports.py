"""Finding ports on loopback: the usual one where it is free, else another; each is given to one stack only."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

_RANGE = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections, so that nobody takes one between look and use."""
_HELD: dict[int, int] = {}
"""Port → descriptor of its lock, for as long as this process lives; children do not inherit it."""


def is_free(port: int) -> bool:
    """Whether a server could listen on loopback there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(*preferred: int | None) -> int:
    """Return the first of `preferred` that is free, else a free port. Raises OSError when none is left.

    A port is given away once only, among all processes that ask here: two stacks that start together would
    otherwise both find a port free, and one of them end up on the other's Kafka.
    """
    candidates = random.sample(_RANGE, k=500)
    for port in [*preferred, *candidates]:
        if port is not None and is_free(port) and _hold(port):
            return port
    raise OSError("no free port on 127.0.0.1 between 20000 and 32000")


def _hold(port: int) -> bool:
    """Lock the port's file until this process ends; says whether we got it."""
    if port in _HELD:
        return False
    folder = Path(tempfile.gettempdir()) / "sales-pulse-ports"
    folder.mkdir(exist_ok=True)
    if folder.stat().st_uid == os.getuid():
        folder.chmod(0o1777)
    try:
        lock = os.open(folder / str(port), os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    _HELD[port] = lock
    return True
