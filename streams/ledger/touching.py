"""Which of a client's events touched its leads first, read no further than that takes: for many leads in one go."""

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush

from producers.events import wire
from streams.ledger.held import Name
from streams.plain.exact import moment
from streams.plain.leads import TOUCHED_WITHIN, PlainTouch, touches

One = tuple[int, Name, bytes]
"""Number, name and state of an entity."""
Stream = Iterator[tuple[One, wire.Event]]
"""Calls or meetings in the order of their ends."""

_NEVER = 1 << 62
_First = tuple[tuple[int, int, str], int, int, One]
"""A touch without whose it is, where it ends, a number that tells equal ones apart, and what it is of."""


def firsts(created: Iterable[int], since: Callable[[int], Stream], longest: int) -> Iterator[One]:
    """What touched leads first that were created at these moments (us), of one kind.

    since: those that end at a moment or later. longest: how far any other moment of theirs lies from the end, at most.
    """
    reading = _EventReading(since, longest)
    for at in sorted(set(created)):
        if (found := reading.first(at)) is not None:
            yield found


class _EventReading:
    """A line of events that is read on as moments are gone through in their order."""

    def __init__(self, since: Callable[[int], Stream], longest: int) -> None:
        self._since, self._longest = since, longest
        self._stream: Stream = iter(())
        self._reached = -_NEVER
        self._later: list[_First] = []
        self._going_on: list[tuple[str, int, int, One]] = []

    def first(self, at: int) -> One | None:
        """What touches a lead of a moment first."""
        if at - self._longest > self._reached:
            # Whatever was read is over by then.
            self._stream, self._later, self._going_on = self._since(at - self._longest), [], []
        while True:
            found = self._best(at)
            last = at + TOUCHED_WITHIN if found is None else found[0][0]
            if self._reached - self._longest > min(last, at + TOUCHED_WITHIN) or not self._more():
                break
        found = self._best(at)
        return found[1] if found is not None and found[0][0] <= at + TOUCHED_WITHIN else None

    def _best(self, at: int) -> tuple[tuple[int, int, str], One] | None:
        """The least of those read, as a lead of this moment has them."""
        while self._later and self._later[0][0][0] < at:
            touch, end, number, one = heappop(self._later)
            if end > at:
                heappush(self._going_on, (touch[2], end, number, one))
        while self._going_on and self._going_on[0][1] <= at:
            heappop(self._going_on)
        found = [((at, 0, entity), one) for entity, _, _, one in self._going_on[:1]]
        found += [(touch, one) for touch, _, _, one in self._later[:1]]
        return min(found, default=None)

    def _more(self) -> bool:
        """Read the next one; says whether there is one."""
        if (read := next(self._stream, None)) is None:
            self._reached = _NEVER
            return False
        one, event = read
        self._reached = moment(event.time)
        # Only who took a client's call touches leads that came while it went on.
        end = self._reached if isinstance(event, wire.CallEnded) and event.data.direction == "inbound" else -_NEVER
        for touch in touches(_NEVER, [event]):
            heappush(self._later, (_order(touch), end, one[0], one))
        return True


def _order(touch: PlainTouch) -> tuple[int, int, str]:
    return touch[:3]
