"""Ending for certain: tasks that lose a cancellation are cancelled again, and a process that hangs is ended hard.

Before Python 3.12 `asyncio.wait_for` drops a cancellation that arrives together with its result, and the clients of
Redis and Kafka wait by it for each request. So one `cancel` is a wish, not an end.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Iterable
from typing import Any

import structlog

log = structlog.get_logger(__name__)

_AGAIN_SECONDS = 0.1


async def end_tasks(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks until all have ended, whatever they raise on the way."""
    ended = set(tasks)
    while pending := [task for task in ended if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
    await asyncio.gather(*ended, return_exceptions=True)  # heard, or asyncio complains of what nobody heard


def end_within(seconds: float) -> None:
    """End this process with status 1 after so many seconds, whatever it hangs on by then; a clean end is sooner."""
    timer = threading.Timer(seconds, _end_hard, (seconds,))
    timer.daemon = True
    timer.start()


def _end_hard(seconds: float) -> None:
    try:
        log.warning("did not end by itself; ended hard", seconds=seconds)
        logging.shutdown()
    finally:
        os._exit(1)
