"""Where a period will end: an interval from how this company, or team, has kept its own pace before.

The pace is what was done in the last 91 days by their working time. How far such a pace has led astray is read from
the past: from every day on that has enough before and behind it, what came in as many days as are left now, by what the
pace of then had promised. Four fifths of those outcomes make the interval.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

TRAILING = 91
"""Days that tell the pace: thirteen weeks, so that every weekday counts the same."""
LOOK_BACK = 365
"""Days of the past from which outcomes are taken."""
FEWEST = 40
"""Outcomes without which nothing is said."""
_TAIL = 0.1
"""Share of outcomes on either side that the interval leaves out."""


class Rest(NamedTuple):
    """What the rest of a period is expected to bring, and between what it lies four times of five."""

    expected: float
    low: float
    high: float


class Past:
    """Days up to yesterday, oldest first: what was done, and how long was worked (any unit) in each."""

    def __init__(self, done: Sequence[float], worked: Sequence[int]) -> None:
        begun = next((day for day, value in enumerate(done) if value), len(done))
        self._done = list(accumulate(done[begun:], initial=0.0))
        self._worked = list(accumulate(worked[begun:], initial=0))
        self._outcomes: dict[int, list[float]] = {}

    def rest(self, ahead: Sequence[int]) -> Rest | None:
        """Of the coming days, which `ahead` says the working time of; None where the past is too short."""
        days = len(self._done) - 1
        pace = self._pace(days)
        # Longer than what lies behind twice over is judged by what does: shorter runs stray more, not less.
        run = min(len(ahead), (days - TRAILING) // 2)
        if pace is None or run < 1:
            return None
        if not (work := sum(ahead)):
            return Rest(0.0, 0.0, 0.0)
        outcomes = self._of(run)
        return None if len(outcomes) < FEWEST else between(pace * work, outcomes, run)

    def _pace(self, day: int) -> float | None:
        """What was done by working time in the days before one."""
        first = day - TRAILING
        if first < 0:
            return None
        worked = self._worked[day] - self._worked[first]
        return (self._done[day] - self._done[first]) / worked if worked else None

    def _of(self, run: int) -> list[float]:
        """What came in runs of so many days, by what the pace before them had promised; smallest first."""
        if (found := self._outcomes.get(run)) is None:
            last = len(self._done) - 1 - run
            found = self._outcomes[run] = sorted(
                (self._done[day + run] - self._done[day]) / (pace * work)
                for day in range(max(TRAILING, last - LOOK_BACK), last + 1)
                if (pace := self._pace(day)) and (work := self._worked[day + run] - self._worked[day])
            )
        return found


def between(promised: float, outcomes: Sequence[float], run: int) -> Rest:
    """What was promised for so many days, by what came of such promises (smallest first; as shares of them)."""
    # Long runs overlap: few of their outcomes are independent, so that ends of the interval must lie further out.
    tail = max(0.0, _TAIL * (1 - 1.5 * run / LOOK_BACK))
    low, middle, high = (promised * _quantile(outcomes, q) for q in (tail, 0.5, 1 - tail))
    return Rest(middle, low, high)


def _quantile(ordered: Sequence[float], q: float) -> float:
    """A value that a share q of all lies at or below, and one more of equals: an outlook is judged by a new outcome."""
    place = q * (len(ordered) + 1) - 1
    return ordered[min(len(ordered) - 1, max(0, round(place)))]
