"""Forgetting: the pages of a partition are looked through once a month of partition time, some per cut.

What is past its time is treated as forgotten whether or not it was swept, so when it is freed changes no number. Which
month is done is part of the partition's own record; a sweep that a restart cuts short is begun again. Months are those
of a calendar of their own, so that they do not depend on when a cut happens to be taken.
"""

from collections.abc import Iterator

from streams.clients import Clients, Keep

DAYS = 30
"""Local days of a month."""
PAGES = 1000
"""Looked at per cut at least, while a sweep is under way."""
OVERDUE_PAGES = 20_000
"""The same half a month later: restarts have cut each sweep short since."""
_SHARE = 4
"""Pages that change per page that is looked at: a sweep is over before the state has grown to a multiple."""


class Sweep:
    """Looks through the pages of `clients`. `done`: the first day of the month in which the horizon was then."""

    def __init__(self, clients: Clients, keep: Keep) -> None:
        self.done = 0
        self._clients = clients
        self._keep = keep
        self._begun = 0
        self._keys: Iterator[bytes] | None = None

    def start(self, horizon: int) -> None:
        """Say what the horizon is before anything was folded: nothing is past it."""
        self.done = self.done or _month(horizon)

    def restore(self, done: int, horizon: int) -> None:
        """Go on from the partition's own record; 0 in one of before it told, which makes a sweep due."""
        self.done = done or _month(horizon) - DAYS
        self._keys = None

    def step(self, horizon: int) -> None:
        """Look at some pages, if a sweep is under way or due."""
        if self._keys is None:
            if horizon < self.done + DAYS:
                return
            self._begun = _month(horizon)
            self._keys = self._clients.store.keys()
        sweep, keep = self._clients.sweep, self._keep
        least = PAGES if horizon < self.done + DAYS + DAYS // 2 else OVERDUE_PAGES
        for _ in range(max(least, len(self._clients.dirty) // _SHARE)):
            key = next(self._keys, None)
            if key is None:
                self._keys = None
                self.done = self._begun
                return
            sweep(key, keep)


def _month(day: int) -> int:
    return day - day % DAYS
