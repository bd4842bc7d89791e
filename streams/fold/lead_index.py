"""The leads of one client by creation, made when a touch must find those that it reaches and forgotten at will.

A touch of a client with thousands of leads looks at those that it changes, and at few others.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Final, NamedTuple

from streams.fold.line import TOUCHED_WITHIN
from streams.fold.state import Lead, Touch

KEPT: Final = 8
"""From so many leads on it is kept for the next touch."""

Order = tuple[int, int, str]
"""`Touch.order`."""


class _Held(NamedTuple):
    created: int
    touch: Order | None
    chat: Order | None


class Leads:
    """Known leads that are not deleted: (creation, id), all, those without a touch, those without a message."""

    __slots__ = ("_by_touch", "_held", "all", "unheard", "untouched")

    def __init__(self, leads: Iterable[tuple[str, Lead]]) -> None:
        self._held: dict[str, _Held] = {}
        self._by_touch: dict[tuple[int, str], set[str]] = {}
        self.all: list[tuple[int, str]] = []
        self.untouched: list[tuple[int, str]] = []
        self.unheard: list[tuple[int, str]] = []
        for lead_id, lead in leads:
            self.put(lead_id, lead)

    def __len__(self) -> int:
        return len(self.all)

    def put(self, lead_id: str, lead: Lead | None) -> None:
        """Take a lead as it is now; None: it is no longer there."""
        old = self._held.get(lead_id)
        new = None if lead is None else _Held(lead.created, _order(lead.touch), _order(lead.chat))
        if old == new:
            return
        if old is not None:
            place = old.created, lead_id
            _take_out(self.all, place)
            if old.touch is None:
                _take_out(self.untouched, place)
            else:
                touched = self._by_touch[old.touch[1:]]
                touched.discard(lead_id)
                if not touched:
                    del self._by_touch[old.touch[1:]]
            if old.chat is None:
                _take_out(self.unheard, place)
            del self._held[lead_id]
        if new is not None:
            place = new.created, lead_id
            insort(self.all, place)
            if new.touch is None:
                insort(self.untouched, place)
            else:
                self._by_touch.setdefault(new.touch[1:], set()).add(lead_id)
            if new.chat is None:
                insort(self.unheard, place)
            self._held[lead_id] = new

    def touched_by(self, kind: int, name: str) -> list[str]:
        """Leads whose first touch something is."""
        return sorted(self._by_touch.get((kind, name), ()))

    def created(self, lead_id: str) -> int:
        """When a lead was created."""
        return self._held[lead_id].created

    def touch_of(self, lead_id: str) -> Order | None:
        """The first touch of a lead."""
        return self._held[lead_id].touch

    def chat_of(self, lead_id: str) -> Order | None:
        """The first message that touches a lead."""
        return self._held[lead_id].chat


def reached(places: list[tuple[int, str]], since: int, until: int) -> list[str]:
    """Which of some leads something touches that began at `since` and was under way until `until`."""
    low, high = since - TOUCHED_WITHIN, max(since + 1, until)
    return [lead_id for _, lead_id in places[bisect_left(places, (low,)) : bisect_left(places, (high,))]]


def last(places: list[tuple[int, str]]) -> int:
    """Until when something may touch one of some leads; 0 without any."""
    return places[-1][0] + TOUCHED_WITHIN if places else 0


def _order(touch: Touch | None) -> Order | None:
    return None if touch is None else touch.order


def _take_out(places: list[tuple[int, str]], place: tuple[int, str]) -> None:
    at = bisect_left(places, place)
    if places[at : at + 1] == [place]:
        del places[at]
