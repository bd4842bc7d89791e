"""So many costly answers at once, and so many long streams: whoever asks for many leaves the others their turn.

An answer waits for its turn with a bounded number of others, not for longer than whoever asks, and is not gone on with
when he has left. A stream holds a place at what it is read from for as long as its reader likes: who comes when all
places are taken gets that of a reader who has taken nothing for a while, whose stream is broken off; where all read on,
he is told to come again.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from metrics.errors import AwayError

_PATIENCE_SECONDS = 10.0
_STEPS = 32
"""After so many of them it is looked whether whoever asked is still there."""
Piece = TypeVar("Piece")


class NobodyWaitsError(AwayError):
    """Whoever asked has left: nobody hears this."""


@dataclass(frozen=True)
class AskedTurn:
    """One answer that is worked out. has_left: whether whoever asked for it has left."""

    has_left: Callable[[], Awaitable[bool]]

    async def through(self, steps: Iterable[Piece | None]) -> Piece | None:
        """The last thing that comes; others get their turn until then. Raises NobodyWaitsError."""
        found = None
        for number, step in enumerate(steps, 1):
            found = step
            await asyncio.sleep(0)
            if number % _STEPS == 0:
                await self.look()
        return found

    async def look(self) -> None:
        """Raise NobodyWaitsError when whoever asked has left."""
        if await self.has_left():
            raise NobodyWaitsError("whoever asked has left")


class Turns:
    """At most `at_once` answers, for which `most` wait, each at most `patience` seconds."""

    def __init__(self, at_once: int, most: int = 64, patience: float = 10.0) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most, self._patience = most, patience
        self._waiting = 0

    @asynccontextmanager
    async def one(self, has_left: Callable[[], Awaitable[bool]]) -> AsyncIterator[AskedTurn]:
        """Wait for a turn. Raises AwayError where too many wait, or for too long."""
        if self._waiting >= self._most:
            raise AwayError(f"{self._waiting} questions of this kind wait already: ask again in a moment")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError as error:
            raise AwayError("too many questions of this kind are asked at once: ask again in a moment") from error
        finally:
            self._waiting -= 1
        turn = AskedTurn(has_left)
        try:
            await turn.look()
            yield turn
        finally:
            self._free.release()


@dataclass(eq=False)
class _StreamPlace(Generic[Piece]):
    """pieces: what is read. idle_since: when its reader was given what he has not taken; None while it is read."""

    pieces: AsyncGenerator[Piece, None]
    idle_since: float | None = None
    is_lost: bool = False


class AtOnce(Generic[Piece]):
    """At most so many streams of one kind."""

    def __init__(self, most: int, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._what, self._clock = most, what, clock
        self._places: list[_StreamPlace[Piece]] = []

    async def begin(self, pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
        """The same pieces, counted from now on; close it to leave early. Raises AwayError, and what pieces raise."""
        if len(self._places) >= self._most:
            await self._take_over(pieces)
        counted = self._counted(pieces)
        # Begun here, so that it counts before another may ask; who leaves before he hears it ends it all the same.
        try:
            first = await anext(counted)
        except StopAsyncIteration:
            return counted
        return self._rest(first, counted)

    async def _take_over(self, pieces: AsyncGenerator[Piece, None]) -> None:
        since = [one.idle_since for one in self._places if one.idle_since is not None]
        if not since or self._clock() - min(since) < _PATIENCE_SECONDS:
            await pieces.aclose()
            raise AwayError(f"{self._most} {self._what} are read already: ask again when one of them has ended")
        place = next(one for one in self._places if one.idle_since == min(since))
        place.is_lost = True
        self._places.remove(place)
        await place.pieces.aclose()

    async def _counted(self, pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
        place = _StreamPlace(pieces)
        self._places.append(place)
        try:
            async for piece in pieces:
                place.idle_since = self._clock()
                yield piece
                place.idle_since = None
                if place.is_lost:
                    raise AwayError("it was not read for a while, and others waited")
        finally:
            if not place.is_lost:
                self._places.remove(place)
            await pieces.aclose()

    async def _rest(self, first: Piece, counted: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
        try:
            yield first
            async for piece in counted:
                yield piece
        finally:
            await counted.aclose()
