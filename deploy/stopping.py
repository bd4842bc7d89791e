"""How a command that works for long learns that it is to end."""

import asyncio
import signal


def asked_to_stop() -> asyncio.Event:
    """Set by SIGTERM or Ctrl-C from here on; whoever works looks at it and ends where it can go on later."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
