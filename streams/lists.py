"""What is listed of one partition: who waits for an answer, and what nobody answered, both until no clock shows it."""

from metrics.view import LEAD, TALK, Unanswered, Waiting
from streams.clients import Clients
from streams.fold.calls import CHANNEL as CALLS
from streams.fold.calls import LISTED
from streams.fold.rules import Rules

_NEVER = 1 << 62


class Lists:
    """The lists as of a partition's time; `news` gives those that changed."""

    def __init__(self, clients: Clients, rules: Rules) -> None:
        self._clients = clients
        self._rules = rules
        self._next_leave = 0
        self._next_close = 0
        self._listed: dict[tuple[bytes, str], tuple[Waiting, int, Unanswered]] = {}

    def news(self, time: int) -> tuple[list[Waiting] | None, list[Unanswered] | None]:
        """Both lists; None for what did not change since the last call."""
        clients = self._clients
        waiting = unanswered = None
        if clients.waits_changed or time >= self._next_leave:
            clients.waits_changed = False
            waiting = self.waiting(time)
        if clients.unanswered_changed or time >= self._next_close:
            clients.unanswered_changed = False
            unanswered = self.unanswered(time)
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
        held, before, self._listed = self._clients.unanswered, self._listed, {}
        for key, wait in list(held.items()):
            listed = before.get(key)
            if listed is None or listed[0] != wait:
                channel, manager, team, start = wait
                row = Unanswered(channel, key[0][1:].decode(), key[1][1:], manager, team, start)
                listed = wait, self._rules.listed_until(channel, start, team), row
            if listed[1] > time:
                self._listed[key] = listed
            else:
                del held[key]
        self._next_close = min((until for _, until, _ in self._listed.values()), default=_NEVER)
        rows = [row for _, _, row in self._listed.values()]
        leads = {row.client for row in rows if row.kind == LEAD}
        return [row for row in rows if row.kind != TALK or row.client in leads]
