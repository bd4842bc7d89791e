"""So many long streams at once: each holds a place at what it is read from, for as long as its reader likes.

Who comes when all places are taken gets that of a reader who has taken nothing for a while, whose stream is broken off;
where all read on, he is told to come again.
"""

import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from metrics.errors import AwayError

_PATIENCE_SECONDS = 10.0
Piece = TypeVar("Piece")


@dataclass(eq=False)
class _Place(Generic[Piece]):
    """pieces: what is read. idle_since: when its reader was given what he has not taken; None while it is read."""

    pieces: AsyncGenerator[Piece, None]
    idle_since: float | None = None
    is_lost: bool = False


class AtOnce(Generic[Piece]):
    """At most so many streams of one kind."""

    def __init__(self, most: int, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._what, self._clock = most, what, clock
        self._places: list[_Place[Piece]] = []

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
        place = _Place(pieces)
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
