"""Forgetting: the pages of a partition are looked through once a month of partition time, some per cut.

What is past its time is treated as forgotten whether or not it was swept, so when it is freed changes no number. Which
month is done, and how far the next has got, is part of the partition's own record: restarts that come every few cuts
would have each sweep start over, and none would end. Months are those of a calendar of their own, so that they do not
depend on when a cut happens to be taken.
"""

from collections.abc import Iterator

from streams.state.clients import Clients, Keep
from streams.state.own import Own

DAYS = 30
"""Local days of a month."""
PAGES = 1000
"""Looked at per cut at least, while a sweep is under way."""
OVERDUE_PAGES = 20_000
"""The same half a month later: in a backlog a month may pass in a few cuts."""
_SHARE = 4
"""Pages that change per page that is looked at: a sweep is over before the state has grown to a multiple."""


class Sweep:
    """Looks through the pages of `clients`.

    done: the first day of the month in which the horizon was when the last sweep that has ended began.
    month: the same of the sweep under way, 0 if none is. place: the key of the last page that it has looked at.
    """

    def __init__(self, clients: Clients, keep: Keep) -> None:
        self.done = 0
        self.month = 0
        self.place = b""
        self._clients = clients
        self._keep = keep
        self._keys: Iterator[bytes] | None = None

    def start(self, horizon: int) -> None:
        """Say what the horizon is before anything was folded: nothing is past it."""
        self.done = self.done or _month(horizon)

    def restore(self, own: Own, horizon: int) -> None:
        """Go on from the partition's own record; one of before it told of sweeps makes one due."""
        self.done = own.swept or _month(horizon) - DAYS
        self.month, self.place = own.sweeping, own.place
        self._keys = None

    def step(self, horizon: int) -> None:
        """Look at some pages, if a sweep is under way or due."""
        if not self.month:
            if horizon < self.done + DAYS:
                return
            self.month, self.place = _month(horizon), b""
        # After a restart: the place is stored with the cut, the iterator is not.
        if self._keys is None:
            self._keys = self._clients.store.keys(self.place)
        sweep, keep = self._clients.sweep, self._keep
        least = PAGES if horizon < self.done + DAYS + DAYS // 2 else OVERDUE_PAGES
        for _ in range(max(least, len(self._clients.dirty) // _SHARE)):
            key = next(self._keys, None)
            if key is None:
                self._keys = None
                self.done, self.month, self.place = self.month, 0, b""
                return
            self.place = key
            sweep(key, keep)


def _month(day: int) -> int:
    return day - day % DAYS
