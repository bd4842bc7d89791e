"""Finding ports on loopback: the usual one where it is free, else another."""

import random
import socket

_RANGE = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections, so that nobody takes one between look and use."""


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(port: int, host: str = "127.0.0.1", timeout: float = 0.5) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return True
    except OSError:
        return False


def free_port(preferred: int | None = None, taken: frozenset[int] | set[int] = frozenset()) -> int:
    """Return `preferred` where it is free and not in `taken`, else a free port. Raises OSError when none is left."""
    if preferred is not None and preferred not in taken and is_free(preferred):
        return preferred
    for port in random.sample(_RANGE, k=500):
        if port not in taken and is_free(port):
            return port
    raise OSError("no free port on 127.0.0.1 between 20000 and 32000")
