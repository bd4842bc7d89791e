"""What is listed of one partition: who waits for an answer, and what nobody answered, both until no clock shows it."""

from typing import Final

from metrics.view import LEAD, MISS, TALK, Unanswered, Waiting
from streams.fold.calls import CHANNEL as CALLS
from streams.fold.calls import LISTED
from streams.fold.rules import Rules
from streams.state.clients import Clients, root_of

_NEVER: Final = 1 << 62
_UNANSWERED: Final = frozenset((MISS, LEAD, TALK))
"""Channels of what is listed beside those who wait."""
_Place = tuple[bytes, str]
"""A page, and the entity."""

_Rows = dict[str, tuple[int, Waiting]]
"""Those of a page who are listed, by entity: up to which partition time (us), and as what."""
_NOBODY: Final[_Rows] = {}


class Lists:
    """The lists as of a partition's time; `news` gives those that changed.

    A page in which who waits changed is looked at when somebody asks for the lists: of what came and went in between,
    as most in a backlog, nothing is noted.
    """

    def __init__(self, clients: Clients, rules: Rules) -> None:
        self._clients = clients
        self._rules = rules
        self._pages: dict[bytes, _Rows] = {}
        self._waiting: dict[_Place, Waiting] = {}
        self._unanswered: dict[_Place, Unanswered] = {}
        self._talks = 0
        self._closes = _NEVER
        self._is_waiting_news = self._is_unanswered_news = True

    def news(self, time: int) -> tuple[list[Waiting] | None, list[Unanswered] | None]:
        """Both lists; None for what did not change since the last call."""
        self._take_up(time)
        waiting = list(self._waiting.values()) if self._is_waiting_news else None
        unanswered = self._listed() if self._is_unanswered_news else None
        self._is_waiting_news = self._is_unanswered_news = False
        return waiting, unanswered

    def everything(self, time: int) -> tuple[list[Waiting], list[Unanswered]]:
        """Both lists, in no order, whether they changed or not; what did is news all the same."""
        self._take_up(time)
        return list(self._waiting.values()), self._listed()

    def _listed(self) -> list[Unanswered]:
        """What is open. Calls under way are of clients with a lead that is: nobody else's change what is shown."""
        rows = list(self._unanswered.values())
        if not self._talks:
            return rows
        leads = {row.client for row in rows if row.kind == LEAD}
        return [row for row in rows if row.kind != TALK or row.client in leads]

    def _take_up(self, time: int) -> None:
        pages = self._pages
        for key, waits in self._clients.take_moved().items():
            if waits or key in pages:
                self._enter(key, waits, time)
        if time >= self._closes:
            for key, rows in list(pages.items()):
                if min(until for until, _ in rows.values()) <= time:
                    self._enter(key, {name: wait for name, (_, wait) in rows.items()}, time)
            self._closes = min((until for rows in pages.values() for until, _ in rows.values()), default=_NEVER)

    def _enter(self, key: bytes, waits: dict[str, Waiting], time: int) -> None:
        """List who waits in a page, as long as any clock shows it."""
        rows = self._pages.get(key, _NOBODY)
        if rows:
            for name, (until, wait) in list(rows.items()):
                if until <= time or waits.get(name) != wait:
                    del rows[name]
                    self._leave((key, name), wait)
        for name, wait in waits.items():
            if name not in rows and (until := self._until(wait, time)) > time:
                if rows is _NOBODY:
                    rows = self._pages[key] = {}
                rows[name] = until, wait
                self._closes = min(self._closes, until)
                self._list((key, name), wait)
        if not rows:
            self._pages.pop(key, None)

    def _until(self, wait: Waiting, time: int) -> int:
        if wait.channel in _UNANSWERED:
            return self._rules.listed_until(wait.channel, wait.start, wait.team, time)
        return wait.start + LISTED if wait.channel == CALLS else _NEVER

    def _list(self, place: _Place, wait: Waiting) -> None:
        channel, manager, team, start = wait
        if channel in _UNANSWERED:
            client = root_of(place[0])[1:].decode()
            self._unanswered[place] = Unanswered(channel, client, place[1][1:], manager, team, start)
            self._talks += channel == TALK
            self._is_unanswered_news = True
        else:
            self._waiting[place] = wait
            self._is_waiting_news = True

    def _leave(self, place: _Place, wait: Waiting) -> None:
        if wait.channel in _UNANSWERED:
            del self._unanswered[place]
            self._talks -= wait.channel == TALK
            self._is_unanswered_news = True
        else:
            del self._waiting[place]
            self._is_waiting_news = True
