"""What the rest of a period brings where it is known which deals are open: how deals of a stage and age went before.

An open deal promises its amount times what deals of its stage and age have brought within as many days, by their
amounts. All else, deals that are not there yet before all, comes at the pace of the past. How far such promises have
led astray makes the interval, as with the pace alone (`forecast`).
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import NamedTuple

from metrics.forecast import FEWEST, LONGEST, LOOK_BACK, TRAILING, Rest, between

_AGES = (3, 7, 14, 30, 60, 120)
"""Days since a deal was created, where one kind of deals ends and the next begins."""

Kind = tuple[str, str, int]
"""Pipeline, stage, and how old."""


class Version(NamedTuple):
    """A deal as it was said to be. order: later versions have greater ones. at, created, closed: local days."""

    deal: str
    order: tuple[str, float, str]
    at: date
    status: str
    team: str = ""
    pipeline: str = ""
    stage: str = ""
    amount: float = 0.0
    created: date = date.min
    closed: date | None = None
    currency: str = ""


class OpenDeal(NamedTuple):
    """A deal as a day began: what kind it was of, for how much, and when it was won in the end and for how much."""

    team: str
    kind: Kind
    amount: float
    won_on: date | None
    won: float


def opened(versions: Iterable[Version], days: Sequence[date]) -> Iterator[tuple[date, list[OpenDeal]]]:
    """The deals that were open as each of some days began, by what had been said before it; days in order."""
    by_day: defaultdict[date, list[Version]] = defaultdict(list)
    last: dict[str, Version] = {}
    for one in versions:
        by_day[one.at].append(one)
        if one.deal not in last or last[one.deal].order < one.order:
            last[one.deal] = one
    held: dict[str, Version] = {}
    said = iter(sorted(by_day))
    next_ = next(said, None)
    for day in days:
        while next_ is not None and next_ < day:
            for one in by_day[next_]:
                if one.deal not in held or held[one.deal].order < one.order:
                    held[one.deal] = one
            next_ = next(said, None)
        yield day, [_open(one, last[one.deal], day) for one in held.values() if one.status == "open"]


def _open(deal: Version, last: Version, day: date) -> OpenDeal:
    kind = deal.pipeline, deal.stage, bisect_right(_AGES, (day - deal.created).days)
    won_on = last.closed if last.status == "won" and last.team == deal.team else None
    return OpenDeal(deal.team, kind, deal.amount, won_on, 0.0 if won_on is None else last.amount)


class _Day(NamedTuple):
    """Of the deals that were open: amounts, and what came of them within a run, by kind.

    done: all that came within it; promised: what the pace alone promised.
    """

    amounts: Mapping[Kind, float]
    came: Mapping[Kind, float]
    done: float
    promised: float


class Pipeline:
    """Days up to yesterday, oldest first: deals open as each began, what was done, and how long was worked in each."""

    def __init__(
        self, opened: Sequence[Sequence[OpenDeal]], done: Sequence[float], worked: Sequence[int], first: date
    ) -> None:
        self._opened = opened
        self._first = first
        self._done = list(accumulate(done, initial=0.0))
        self._worked = list(accumulate(worked, initial=0))
        self._days: dict[tuple[int, int], _Day] = {}

    def rest(self, day: int, ahead: Sequence[int]) -> Rest | None:
        """Of the days from the `day`-th on, of which `ahead` says the working time, by what was known as it began."""
        run, pace = len(ahead), self._pace(day)
        if run > LONGEST or pace is None or not sum(ahead):
            return None
        days = range(max(TRAILING, day - run - LOOK_BACK), day - run + 1)
        before = [looked for n in days if (looked := self._day(n, run)).promised]
        if len(before) < FEWEST:
            return None
        rates = _rates(before)
        other = sum(one.done - sum(one.came.values()) for one in before)
        share = max(0.0, other) / sum(one.promised for one in before)
        promises = [_brings(one.amounts, rates) + share * one.promised for one in before]
        outcomes = [one.done / promise for one, promise in zip(before, promises, strict=True) if promise]
        amounts: defaultdict[Kind, float] = defaultdict(float)
        for deal in self._opened[day]:
            amounts[deal.kind] += deal.amount
        return between(_brings(amounts, rates) + share * pace * sum(ahead), sorted(outcomes), run)

    def _pace(self, day: int) -> float | None:
        """What was done by working time in the days before one; None where that is nothing, or too few."""
        if day < TRAILING:
            return None
        worked, done = (sums[day] - sums[day - TRAILING] for sums in (self._worked, self._done))
        return done / worked if worked and done else None

    def _day(self, day: int, run: int) -> _Day:
        found = self._days.get((day, run))
        if found is None:
            begin, end = (self._first + timedelta(days=n) for n in (day, day + run))
            amounts: defaultdict[Kind, float] = defaultdict(float)
            came: defaultdict[Kind, float] = defaultdict(float)
            for deal in self._opened[day]:
                amounts[deal.kind] += deal.amount
                if deal.won_on is not None and begin <= deal.won_on < end:
                    came[deal.kind] += deal.won
            promised = (self._pace(day) or 0.0) * (self._worked[day + run] - self._worked[day])
            found = self._days[day, run] = _Day(amounts, came, self._done[day + run] - self._done[day], promised)
        return found


def _rates(days: Iterable[_Day]) -> dict[Kind, float]:
    """What deals of a kind brought, by their amounts."""
    amounts: defaultdict[Kind, float] = defaultdict(float)
    came: defaultdict[Kind, float] = defaultdict(float)
    for day in days:
        for kind, amount in day.amounts.items():
            amounts[kind] += amount
        for kind, amount in day.came.items():
            came[kind] += amount
    return {kind: came[kind] / amount for kind, amount in amounts.items() if amount}


def _brings(amounts: Mapping[Kind, float], rates: Mapping[Kind, float]) -> float:
    return sum(amount * rates.get(kind, 0.0) for kind, amount in amounts.items())
