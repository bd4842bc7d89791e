"""Server-sent events: every page that is open hears when numbers changed, and each second how old they are."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import msgspec
from starlette.datastructures import State

from metrics.errors import AwayError
from metrics.exporter.feed.follow import ViewFollower

MOST = 1000
"""Pages at once: each costs the loop a few wake-ups a second, for as long as it likes."""
_PUSH_SECONDS = 0.25
_TELL_SECONDS = 1.0


class Telling:
    """What is said is written once, however many hear it."""

    def __init__(self, follower: ViewFollower, said: Callable[[], Any]) -> None:
        self._follower = follower
        self._said = said
        self._age, self._told = "", -_TELL_SECONDS

    async def begin(self, state: State) -> AsyncIterator[str]:
        """For one more page, until the process ends. Raises AwayError when there are too many."""
        if self._follower.pace.watchers >= MOST:
            raise AwayError(f"{MOST:,} pages follow already: close some, or ask /api/v1/live now and then")
        events = self._events(state)
        # Begun here, so that it counts before another may ask; who leaves before he hears it ends it all the same.
        first = await anext(events, "")
        return self._rest(first, events)

    async def _rest(self, first: str, events: AsyncGenerator[str]) -> AsyncIterator[str]:
        async with aclosing(events):
            yield first
            async for said in events:
                yield said

    async def _events(self, state: State) -> AsyncGenerator[str]:
        seen, told = -1, -1.0
        self._follower.pace.watchers += 1
        try:
            while not state.ending:
                if self._follower.version != seen:
                    seen = self._follower.version
                    yield f"event: changed\ndata: {seen}\n\n"
                if time.monotonic() - self._told >= _TELL_SECONDS:
                    self._age = f"event: age\ndata: {msgspec.json.encode(self._said()).decode()}\n\n"
                    self._told = time.monotonic()
                if told != self._told:
                    told = self._told
                    yield self._age
                await asyncio.sleep(_PUSH_SECONDS)
        finally:
            self._follower.pace.watchers -= 1
