"""Where a period will end: an interval from how this company, or team, has kept its own promises before.

The pace is what was done in the last 91 days by their working time. Of won deals more is known. By the number of open
ones half of what is promised comes at the pace, and half is what as many have brought within so many days. Where their
stages and ages are known as well half comes so, and half is what deals of these stages and ages have brought, with all
else at the pace (`pipeline`). How far such promises have led astray is read from the past: from every day on that has
enough before and behind it, what came in as many days as are left now, by what had been promised then. Four fifths of
those outcomes make the interval. Where too few such runs of days lie in the past nothing is said.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import accumulate
from operator import sub
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
ASTRAY = 0.2
"""Share of open deals by which those of which a stage was said may differ from those that were open."""
BY_DEALS = frozenset(("deals_won", "won_amount"))
"""Measures of plans that open deals promise something of."""
_TAIL = 0.1
"""Share of outcomes on either side that the interval leaves out."""


class Rest(NamedTuple):
    """What the rest of a period is expected to bring, and between what it lies four times of five."""

    expected: float
    low: float
    high: float


class Brought(NamedTuple):
    """What open deals bring within a run of days, as days began on which it can be judged, oldest first.

    brings: by the stages and ages of those deals, and last as today begins. came: what they did bring. opened: how many
    they were, and last as today begins.
    """

    brings: Sequence[float]
    came: Sequence[float]
    opened: Sequence[float]


class Basis(StrEnum):
    """What a forecast is made of, besides the pace."""

    PACE = "pace"
    NUMBER = "open_deals"
    STAGES = "stages_and_ages"


class _Promises(NamedTuple):
    """What was promised as a day began: a share of what comes at the pace, and what open deals bring; last as today."""

    basis: Basis
    paced: float
    brings: Sequence[float]

    def half_with(self, other: "_Promises") -> "_Promises":
        """What both promise, by halves."""
        both = zip(self.brings, other.brings, strict=True)
        return _Promises(self.basis, (self.paced + other.paced) / 2, [(one + two) / 2 for one, two in both])


class Past:
    """Days up to yesterday, oldest first: what was done, and how long was worked (any unit) in each.

    opened: how many deals were open as each of them began, and as today did; None where they promise nothing.
    stages: what is known of the stages and ages of open deals, for a run of days; None where that is nothing.
    """

    def __init__(
        self,
        done: Sequence[float],
        worked: Sequence[int],
        opened: Sequence[float] | None = None,
        stages: Callable[[int], Brought | None] | None = None,
    ) -> None:
        begun = next((day for day, value in enumerate(done) if value), len(done))
        self._done = list(accumulate(done[begun:], initial=0.0))
        self._worked = list(accumulate(worked[begun:], initial=0))
        self._opened = None if opened is None else opened[begun:]
        self._stages = stages
        self._by_run: dict[int, tuple[_Promises, list[float]]] = {}

    def rest(self, ahead: Sequence[int]) -> Rest | None:
        """Of the coming days, which `ahead` says the working time of; None where the past is too short."""
        days, run = len(self._done) - 1, len(ahead)
        pace = self._pace(days)
        if pace is None or not says(days, run):
            return None
        if not (work := sum(ahead)):
            return Rest(0.0, 0.0, 0.0)
        promises, outcomes = self._of(run)
        now = promises.paced * pace * work + promises.brings[-1]
        return None if len(outcomes) < FEWEST else between(now, outcomes, run)

    def basis(self, run: int) -> Basis:
        """What is said of so many days is made of."""
        return self._of(run)[0].basis

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

    def _paced(self, day: int, run: int) -> float:
        """What the pace before a day promised for so many days from it on."""
        return (self._pace(day) or 0.0) * (self._worked[day + run] - self._worked[day])

    def _promises(self, run: int) -> _Promises:
        days = self._judged(run)
        pace = _Promises(Basis.PACE, 1.0, [0.0] * (len(days) + 1))
        if self._opened is None or run > LONGEST or not days:
            return pace
        by_number = _usual(self._by_number(run, days)) or pace
        by_stages = _usual(self._by_stages(run, days))
        return by_number if by_stages is None else by_stages.half_with(by_number)

    def _by_stages(self, run: int, days: range) -> _Promises | None:
        """What deals bring by stage and age; not where what was said of them then is not what is known of them now."""
        known = self._stages(run) if self._stages is not None else None
        if known is None or self._opened is None or len(known.came) < len(days):
            return None
        brings, came, said = (some[-len(days) - last :] for some, last in zip(known, (1, 0, 1), strict=True))
        opened = [self._opened[day] for day in (*days, len(self._done) - 1)]
        if not any(brings) or sum(map(abs, map(sub, opened, said))) > ASTRAY * sum(opened):
            return None
        paced = sum(self._paced(day, run) for day in days)
        other = sum(self._done[day + run] - self._done[day] for day in days) - sum(came)
        return _Promises(Basis.STAGES, max(0.0, other) / paced, brings) if paced else None

    def _by_number(self, run: int, days: range) -> _Promises | None:
        """What came within so many days by a deal that was open before, for half of what is promised."""
        if self._opened is None:
            return None
        deals = [self._opened[day] for day in days]
        if not any(deals):
            return None
        each = sum(self._done[day + run] - self._done[day] for day in days) / sum(deals)
        return _Promises(Basis.NUMBER, 0.5, [each * number / 2 for number in (*deals, self._opened[-1])])

    def _judged(self, run: int) -> range:
        """The days of which it is known what came in so many days from each on."""
        last = len(self._done) - 1 - run
        return range(max(TRAILING, last - LOOK_BACK), last + 1)

    def _of(self, run: int) -> tuple[_Promises, list[float]]:
        """What is promised for runs of so many days, and what came of it, by what had been promised; smallest first."""
        if (found := self._by_run.get(run)) is None:
            promises, outcomes = self._promises(run), []
            for day, brings in zip(self._judged(run), promises.brings, strict=False):
                paced = self._paced(day, run)
                if paced and (promised := promises.paced * paced + brings):
                    outcomes.append((self._done[day + run] - self._done[day]) / promised)
            found = self._by_run[run] = promises, sorted(outcomes)
        return found


def _usual(found: _Promises | None) -> _Promises | None:
    """It, unless it never promised as little or as much as now: a floor that grows, or deals that nobody closes."""
    if found is None or not min(found.brings[:-1]) <= found.brings[-1] <= max(found.brings[:-1]):
        return None
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
    # Where more was taken back than done the promise is a loss, and its greatest multiple lies lowest.
    low, middle, high = sorted(promised * _quantile(outcomes, q) for q in (tail, 0.5, 1 - tail))
    return Rest(middle, low, high)


def _quantile(ordered: Sequence[float], q: float) -> float:
    """A value that a share q of all lies at or below, and one more of equals: an outlook is judged by a new outcome."""
    place = q * (len(ordered) + 1) - 1
    return ordered[min(len(ordered) - 1, max(0, round(place)))]
