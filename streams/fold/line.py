"""The calls and meetings of one client by business time, made when something comes late and forgotten at will.

In time order nothing of it is needed: what a call must know of the ones before it is kept with the client (`Trail`).
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from typing import Any, Final

from streams.fold.localtime import DAY, LocalTime
from streams.fold.state import Call, Meeting

NO_ROLE: Final = 0
MISSED: Final = 1
CONTACT: Final = 2
"""What a call is to the client: nothing, an attempt that nobody answered, or contact."""
TOUCHED_WITHIN: Final = 30 * DAY
BY_CALL: Final = 0
BY_MEETING: Final = 1
BY_CHAT: Final = 2
"""Kinds of touches, in the order that decides between those of one moment."""

Place = tuple[int, str]
"""End of a call and its id: the order of calls."""
Reach = tuple[int, int]
"""Since when something touches leads, and until when: what is under way at a lead's creation touches it then."""


class Line:
    """Calls that have a role, in order; and what touches leads: (since, kind, id, until), in order.

    longest: no touch lasts longer than that.
    """

    __slots__ = ("contacts", "longest", "missed", "touches")

    def __init__(
        self, calls: Iterable[tuple[str, Call, int, Reach | None]], meetings: Iterable[tuple[str, Meeting]]
    ) -> None:
        self.contacts: list[Place] = []
        self.missed: list[Place] = []
        self.touches: list[tuple[int, int, str, int]] = []
        self.longest = 0
        for name, call, role, reach in calls:
            self._of(role).append((call.time, name))
            if reach is not None:
                self._hold(reach)
                self.touches.append((reach[0], BY_CALL, name, reach[1]))
        self.touches += [(meeting.time, BY_MEETING, name, meeting.time) for name, meeting in meetings]
        self.contacts.sort()
        self.missed.sort()
        self.touches.sort()

    def _of(self, role: int) -> list[Place]:
        return self.contacts if role == CONTACT else self.missed

    def _hold(self, reach: Reach) -> None:
        self.longest = max(self.longest, reach[1] - reach[0])

    def add(self, name: str, call: Call, role: int, reach: Reach | None) -> None:
        """Take a call that has a role."""
        insort(self._of(role), (call.time, name))
        if reach is not None:
            self._hold(reach)
            insort(self.touches, (reach[0], BY_CALL, name, reach[1]))

    def remove(self, name: str, call: Call, role: int, reach: Reach | None) -> None:
        """Take a call out, if it is there: one that was forgotten is not."""
        _take_out(self._of(role), (call.time, name))
        if reach is not None:
            _take_out(self.touches, (reach[0], BY_CALL, name, reach[1]))

    def move(self, name: str, old: int | None, new: int) -> None:
        """Take a meeting (old: that was at another time before)."""
        if old is not None:
            _take_out(self.touches, (old, BY_MEETING, name, old))
        insort(self.touches, (new, BY_MEETING, name, new))

    def around(self, place: Place) -> tuple[Place | None, Place | None]:
        """The contacts before and after a place; what is at it is neither."""
        at = bisect_left(self.contacts, place)
        before = self.contacts[at - 1] if at else None
        at += self.contacts[at : at + 1] == [place]
        return before, self.contacts[at] if at < len(self.contacts) else None

    def contacts_between(self, since: Place | None, before: Place | None) -> list[Place]:
        """The contacts between two others; None: between the first, or the last, and what is beyond."""
        low = 0 if since is None else bisect_right(self.contacts, since)
        return self.contacts[low : None if before is None else bisect_left(self.contacts, before)]

    def end(self) -> int:
        """The end of the last call that has a role; 0 without any."""
        return max((calls[-1][0] for calls in (self.contacts, self.missed) if calls), default=0)

    def firsts(
        self, between: tuple[Place | None, Place | None], days: tuple[int, int], local: LocalTime
    ) -> Iterator[Place]:
        """Of each of some local days (first, last) the first missed call between two contacts.

        Looks at one call a day, but where clocks going back let a day return.
        """
        missed, (since, before), (first, last) = self.missed, between, days
        seen: set[int] = set()
        start = (local.start(first), "")
        at = bisect_left(missed, start if since is None else max(since, start))
        while at < len(missed) and (before is None or missed[at] < before):
            moment = missed[at][0]
            day = local.day(moment)
            if day > last + 1:
                return
            if first <= day <= last and day not in seen:
                seen.add(day)
                yield missed[at]
            at += 1
            if moment >= local.stays(day):
                at = bisect_left(missed, (local.start(day + 1),), at)

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
