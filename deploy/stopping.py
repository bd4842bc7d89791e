"""How a command that works for long learns that it is to end."""

import asyncio
import signal
import sys
from threading import Event
from types import FrameType


def asked_to_stop() -> asyncio.Event:
    """Set by SIGTERM or Ctrl-C from here on; whoever works looks at it and ends where it can go on later."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def set_when_asked(stop: Event) -> None:
    """Set `stop` at SIGTERM or Ctrl-C, for work without an event loop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def end_when_asked() -> None:
    """Let SIGTERM or Ctrl-C end the process wherever it is, for work that leaves nothing half done; without an error.

    The first process of a container has to ask for that: nothing else ends it but being killed.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit()
