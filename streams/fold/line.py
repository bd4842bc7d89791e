"""The calls and meetings of one client by business time, made when something comes late and forgotten at will.

In time order nothing of it is needed: what a call must know of the ones before it is kept with the client (`Trail`).
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Any

from streams.fold.localtime import DAY
from streams.fold.state import Call, Meeting

NO_ROLE, MISSED, CONTACT = 0, 1, 2
"""What a call is to the client: nothing, an attempt that nobody answered, or contact."""
TOUCHED_WITHIN = 30 * DAY
BY_CALL, BY_MEETING, BY_CHAT = 0, 1, 2
"""Kinds of touches, in the order that decides between those of one moment."""

Place = tuple[int, str]
"""End of a call and its id: the order of calls."""
Reach = tuple[int, int]
"""Since when something touches leads, and until when: what is under way at a lead's creation touches it then."""


class Line:
    """Calls that have a role, in order; and what touches leads: (since, kind, id, until), in order.

    longest: no touch lasts longer than that.
    """

    __slots__ = ("calls", "longest", "touches")

    def __init__(
        self, calls: Iterable[tuple[str, Call, int, Reach | None]], meetings: Iterable[tuple[str, Meeting]]
    ) -> None:
        self.calls: list[tuple[int, str, bool]] = []
        self.touches: list[tuple[int, int, str, int]] = []
        self.longest = 0
        for name, call, role, reach in calls:
            self.calls.append((call.time, name, role == CONTACT))
            if reach is not None:
                self._hold(reach)
                self.touches.append((reach[0], BY_CALL, name, reach[1]))
        self.touches += [(meeting.time, BY_MEETING, name, meeting.time) for name, meeting in meetings]
        self.calls.sort()
        self.touches.sort()

    def _hold(self, reach: Reach) -> None:
        self.longest = max(self.longest, reach[1] - reach[0])

    def add(self, name: str, call: Call, role: int, reach: Reach | None) -> None:
        """Take a call that has a role."""
        insort(self.calls, (call.time, name, role == CONTACT))
        if reach is not None:
            self._hold(reach)
            insort(self.touches, (reach[0], BY_CALL, name, reach[1]))

    def remove(self, name: str, call: Call, role: int, reach: Reach | None) -> None:
        """Take a call out, if it is there: one that was forgotten is not."""
        _take_out(self.calls, (call.time, name, role == CONTACT))
        if reach is not None:
            _take_out(self.touches, (reach[0], BY_CALL, name, reach[1]))

    def around(self, place: Place) -> list[tuple[int, str, bool]]:
        """The calls between the contacts before and after a place, the latter included; without what is at it."""
        calls = self.calls
        low = high = bisect_left(calls, place)
        while low and not calls[low - 1][2]:
            low -= 1
        if high < len(calls) and calls[high][:2] == place:
            high += 1
        while high < len(calls) and not calls[high][2]:
            high += 1
        return calls[low : high + 1]

    def last(self) -> int:
        """The latest moment that anything in it speaks of."""
        calls = self.calls[-1][0] if self.calls else 0
        return max(calls, *(max(since, until) for since, _, _, until in self.touches), 0)

    def tail(self) -> list[tuple[int, str, bool]]:
        """The calls since the last contact."""
        low = len(self.calls)
        while low and not self.calls[low - 1][2]:
            low -= 1
        return self.calls[low:]

    def first(self, created: int) -> tuple[int, int, str] | None:
        """The first touch of a lead created then: (moment, kind, id)."""
        touches = self.touches
        at = bisect_left(touches, (created,))
        found: tuple[int, int, str] | None = None
        if at < len(touches) and touches[at][0] <= created + TOUCHED_WITHIN:
            found = touches[at][:3]
        for since, kind, name, until in reversed(touches[:at]):
            if since < created - self.longest:
                break
            if until > created:
                found = min(found or (created, kind, name), (created, kind, name))
        return found


def touch_at(reach: Reach, created: int) -> int | None:
    """When something touches a lead created then; None when it does not."""
    since, until = reach
    if since < created:
        return created if until > created else None
    return since if since <= created + TOUCHED_WITHIN else None


def _take_out(held: list[Any], one: Any) -> None:
    at = bisect_left(held, one)
    if at < len(held) and held[at] == one:
        del held[at]
