"""What one gateway holds and takes: bytes of requests under way, and events a second of each source."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from producers.errors import ProducersError


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
    def hold(self) -> Iterator["Held"]:
        """Room for one request, given back at the end."""
        held = Held(self)
        try:
            yield held
        finally:
            self.used -= held.size


class Held:
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


class Rates:
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
