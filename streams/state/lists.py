"""What is listed of one partition: who waits for an answer, and what nobody answered, both until no clock shows it."""

from heapq import heappop, heappush
from typing import Final

from metrics.view import LEAD, TALK, Unanswered, Waiting
from streams.fold.calls import CHANNEL as CALLS
from streams.fold.calls import LISTED
from streams.fold.rules import Rules
from streams.state.clients import Clients

_NEVER: Final = 1 << 62
_Place = tuple[bytes, str]
"""A client's root page, and the entity."""


class Lists:
    """The lists as of a partition's time; `news` gives those that changed."""

    def __init__(self, clients: Clients, rules: Rules) -> None:
        self._clients = clients
        self._rules = rules
        self._next_leave = 0
        self._next_close = 0
        self._rows: dict[_Place, tuple[int, Unanswered]] = {}
        self._closing: list[tuple[int, _Place]] = []
        self._is_news = False

    def news(self, time: int) -> tuple[list[Waiting] | None, list[Unanswered] | None]:
        """Both lists; None for what did not change since the last call."""
        clients = self._clients
        waiting = unanswered = None
        if clients.waits_changed or time >= self._next_leave:
            clients.waits_changed = False
            waiting = self.waiting(time)
        if clients.unanswered_changed or time >= self._next_close or self._is_news:
            unanswered = self.unanswered(time)
            self._is_news = False
        return waiting, unanswered

    def waiting(self, time: int) -> list[Waiting]:
        """Who waits, in no order; without calls that must have left by any clock."""
        waits, left_before = self._clients.waiting, time - LISTED
        calls = [(wait.start, key) for key, wait in waits.items() if wait.channel == CALLS]
        for start, key in calls:
            if start <= left_before:
                del waits[key]
        self._next_leave = min((start for start, _ in calls if start > left_before), default=_NEVER) + LISTED
        return list(waits.values())

    def unanswered(self, time: int) -> list[Unanswered]:
        """What is open, in no order; without what nobody shows any more, whatever the clock.

        Calls under way are listed of clients with a lead that is: nobody else's change what is shown.
        """
        clients, rows, closing = self._clients, self._rows, self._closing
        if clients.unanswered_changed:
            changed, clients.unanswered_changed, self._is_news = clients.unanswered_changed, set(), True
            for place in changed:
                self._enter(place, time)
        while closing and closing[0][0] <= time:
            until, place = heappop(closing)
            if place in rows and rows[place][0] == until:
                self._enter(place, time)
        self._next_close = closing[0][0] if closing else _NEVER
        listed = [row for _, row in rows.values()]
        if not any(row.kind == TALK for row in listed):
            return listed
        leads = {row.client for row in listed if row.kind == LEAD}
        return [row for row in listed if row.kind != TALK or row.client in leads]

    def _enter(self, place: _Place, time: int) -> None:
        """List what is at a place, as long as any clock shows it."""
        wait, row = self._clients.unanswered.get(place), self._rows.get(place)
        if wait is not None:
            until = self._rules.listed_until(wait.channel, wait.start, wait.team, time)
            if until > time:
                if row is None or row[0] != until:
                    heappush(self._closing, (until, place))
                (root, name), (channel, manager, team, start) = place, wait
                self._rows[place] = until, Unanswered(channel, root[1:].decode(), name[1:], manager, team, start)
                return
            del self._clients.unanswered[place]
        if row is not None:
            del self._rows[place]
