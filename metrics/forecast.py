"""Where a period will end: an interval from how this company, or team, has kept its own promises before.

The pace is what was done in the last 91 days by their working time. Of won deals half of what is promised comes at the
pace, and half is what as many open deals as there are now have brought within so many days. How far such promises have
led astray is read from the past: from every day on that has enough before and behind it, what came in as many days as
are left now, by what had been promised then. Four fifths of those outcomes make the interval. Where too few such runs
of days lie in the past nothing is said.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

TRAILING = 91
"""Days that tell the pace: thirteen weeks, so that every weekday counts the same."""
LOOK_BACK = 365
"""Days of the past from which outcomes are taken."""
KNOWN = LOOK_BACK + 2 * TRAILING
"""Days looked at: outcomes, and the pace before each."""
FEWEST = 40
"""Outcomes without which nothing is said."""
PERIODS = 4
"""Runs of as many days as are left that must lie in the past end to end: overlapping ones are hardly more than one."""
LONGEST = 92
"""Days ahead, at most, that open deals say something about: a quarter."""
BY_DEALS = frozenset(("deals_won", "won_amount"))
"""Measures of plans that open deals promise something of."""
_TAIL = 0.1
"""Share of outcomes on either side that the interval leaves out."""


class Rest(NamedTuple):
    """What the rest of a period is expected to bring, and between what it lies four times of five."""

    expected: float
    low: float
    high: float


class Past:
    """Days up to yesterday, oldest first: what was done, and how long was worked (any unit) in each.

    opened: how many deals were open as each of them began, and as today did; None where they promise nothing.
    """

    def __init__(self, done: Sequence[float], worked: Sequence[int], opened: Sequence[float] | None = None) -> None:
        begun = next((day for day, value in enumerate(done) if value), len(done))
        self._done = list(accumulate(done[begun:], initial=0.0))
        self._worked = list(accumulate(worked[begun:], initial=0))
        self._opened = None if opened is None else opened[begun:]
        self._outcomes: dict[tuple[int, float | None], list[float]] = {}

    def rest(self, ahead: Sequence[int]) -> Rest | None:
        """Of the coming days, which `ahead` says the working time of; None where the past is too short."""
        days, run = len(self._done) - 1, len(ahead)
        pace = self._pace(days)
        if pace is None or not says(days, run):
            return None
        if not (work := sum(ahead)):
            return Rest(0.0, 0.0, 0.0)
        brings = self._brings(run)
        outcomes = self._of(run, brings)
        return None if len(outcomes) < FEWEST else between(self._promise(days, pace * work, brings), outcomes, run)

    def wait(self, run: int) -> int | None:
        """In how many days something can be said, where nothing can of so many; None: not before these are over."""
        days = len(self._done) - 1
        if not days or says(days, run):
            return None  # of what has never begun it cannot be told, and what can be told needs no waiting
        return next((n for n in range(1, run) if says(min(KNOWN, days + n), run - n)), None)

    def _pace(self, day: int) -> float | None:
        """What was done by working time in the days before one."""
        first = day - TRAILING
        if first < 0:
            return None
        worked = self._worked[day] - self._worked[first]
        return (self._done[day] - self._done[first]) / worked if worked else None

    def _brings(self, run: int) -> float | None:
        """What came within so many days by a deal that was open before; None where open deals say nothing of it.

        As where there were never as few or as many as now: a floor that grows, or deals that nobody closes.
        """
        days = self._judged(run)
        if self._opened is None or run > LONGEST or not days:
            return None
        deals = [self._opened[day] for day in days]
        if not any(deals) or not min(deals) <= self._opened[-1] <= max(deals):
            return None
        return sum(self._done[day + run] - self._done[day] for day in days) / sum(deals)

    def _promise(self, day: int, paced: float, brings: float | None) -> float:
        return paced if brings is None or self._opened is None else (paced + brings * self._opened[day]) / 2

    def _judged(self, run: int) -> range:
        """The days of which it is known what came in so many days from each on."""
        last = len(self._done) - 1 - run
        return range(max(TRAILING, last - LOOK_BACK), last + 1)

    def _of(self, run: int, brings: float | None) -> list[float]:
        """What came in runs of so many days, by what had been promised before them; smallest first."""
        if (found := self._outcomes.get((run, brings))) is None:
            found = self._outcomes[run, brings] = sorted(
                (self._done[day + run] - self._done[day]) / self._promise(day, pace * work, brings)
                for day in self._judged(run)
                if (pace := self._pace(day)) and (work := self._worked[day + run] - self._worked[day])
            )
        return found


def says(known: int, run: int) -> bool:
    """Whether so many known days say something of a run of days."""
    judged = known - TRAILING
    return judged >= max(PERIODS * run, run + FEWEST - 1)


def open_before(now: float, added: Sequence[float]) -> list[float]:
    """How many deals were open as each day began, from how many are now and how many more each day has left open."""
    since = list(accumulate(reversed(added)))
    return [float(max(0, now - more)) for more in reversed(since)]


def between(promised: float, outcomes: Sequence[float], run: int) -> Rest:
    """What was promised for so many days, by what came of such promises (smallest first; as shares of them)."""
    # Long runs overlap: few of their outcomes are independent, so that ends of the interval must lie further out.
    tail = _TAIL * max(0.0, 1 - run / len(outcomes))
    low, middle, high = (promised * _quantile(outcomes, q) for q in (tail, 0.5, 1 - tail))
    return Rest(middle, low, high)


def _quantile(ordered: Sequence[float], q: float) -> float:
    """A value that a share q of all lies at or below, and one more of equals: an outlook is judged by a new outcome."""
    place = q * (len(ordered) + 1) - 1
    return ordered[min(len(ordered) - 1, max(0, round(place)))]
