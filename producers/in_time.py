"""Waiting for an answer for so long, by a loop that may be busy: what it had no time to hear was not kept from it."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")
_STEPS = 8


async def in_time(work: Awaitable[T], timeout: float) -> T:  # noqa: ASYNC109 - aiokafka calls it so
    """As `asyncio.wait_for`, but a loop that comes back late has waited only as long as it meant to.

    A process without a processor for seconds finds the answer and the end of its patience at the same moment, and
    would say of a broker that answered at once that it is silent. Raises TimeoutError.
    """
    task = asyncio.ensure_future(work)
    try:
        for _ in range(_STEPS):
            done, _ = await asyncio.wait([task], timeout=timeout / _STEPS)
            if done:
                return task.result()
        raise TimeoutError
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
