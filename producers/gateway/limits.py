"""What one gateway holds and takes: bytes of requests under way, and events a second of each source."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from producers.errors import ProducersError

MOST_EVENTS = 10_000
"""In one batch."""


class Busy(ProducersError):  # noqa: N818 - a state that passes
    """Kafka is away, or too much waits for it (503)."""


class TooManyRequests(ProducersError):  # noqa: N818 - named as HTTP names it
    """The source sends faster than it may (429)."""


class ContentTooLarge(ProducersError):  # noqa: N818 - named as HTTP names it
    """The request has more bytes or events than are ever taken at once (413)."""


class Room:
    """Bytes of requests that may be under way at once, from their first byte to Kafka's answer."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    @contextmanager
    def hold(self) -> Iterator["HeldBytes"]:
        """Room for one request, given back at the end."""
        held = HeldBytes(self)
        try:
            yield held
        finally:
            held.give_back()


class HeldBytes:
    """What one request holds."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.size = 0

    def take(self, size: int) -> None:
        """Take more. Raises Busy when there is none; a request that never fits is let through alone."""
        others = self._room.used - self.size
        if others and self._room.used + size > self._room.limit:
            raise Busy("too much waits for Kafka; send again later")
        self._room.used += size
        self.size += size

    def give_back(self) -> None:
        """Hold nothing any more."""
        self._room.used -= self.size
        self.size = 0


class Strangers:
    """Requests whose sender is known only when their body is read: signed ones, or those that say so.

    They share a quarter of the room. Whoever is honest has sent his body at once; so the newest are let in, and those
    that have taken longest are not waited for. Who has a token never meets them.
    """

    most = 128

    def __init__(self, limit: int) -> None:
        self._limit = limit // 4
        self._waiting: dict[HeldBytes, asyncio.Timeout] = {}

    @contextmanager
    def wait(self, held: "HeldBytes", limit: asyncio.Timeout) -> Iterator[Callable[[], None]]:
        """While a body is read; what is given is to be called after each piece."""
        self._waiting[held] = limit
        try:
            self._hurry()
            yield self._hurry
        finally:
            self._waiting.pop(held, None)

    def _hurry(self) -> None:
        held = sum(one.size for one in self._waiting)
        while len(self._waiting) > 1 and (held > self._limit or len(self._waiting) > self.most):
            oldest = next(iter(self._waiting))
            held -= oldest.size
            oldest.give_back()
            # It answers 408.
            self._waiting.pop(oldest).reschedule(asyncio.get_running_loop().time())


class RateLimits:
    """Events of each source in the running second. Sources have proved who they are, so they are few."""

    def __init__(self, limit: int, now: Callable[[], float]) -> None:
        self._limit = limit
        self._now = now
        self._second = 0
        self._counts: dict[str, int] = {}

    def take(self, source: str, events: int) -> None:
        """Count events. Raises TooManyRequests, or ContentTooLarge for what no second would take."""
        if events > self._limit:
            raise ContentTooLarge(f"{source} may send {self._limit} events a second; send smaller batches")
        second = int(self._now())
        if second != self._second:
            self._second = second
            self._counts.clear()
        count = self._counts.get(source, 0) + events
        if count > self._limit:
            raise TooManyRequests(f"{source} sends more than {self._limit} events a second")
        self._counts[source] = count
