"""How often a forecast's interval would have held: made on each day of the past year from what lay before that day."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from operator import itemgetter
from statistics import median
from typing import Any

from metrics.calendar import Hours
from metrics.family import PLAN_WINDOWS
from metrics.forecast import KNOWN, LOOK_BACK, Basis, Brought, Past
from metrics.windows import period_end

Stages = Callable[[date, int], Brought | None]
"""A day, and how many days from it on → what is known of the stages and ages of deals that were open as it began."""
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Outcome:
    """One forecast of what the rest of a period would bring, and what it brought."""

    window: str
    expected: float
    low: float
    high: float
    came: float
    basis: Basis = Basis.PACE


@dataclass(frozen=True)
class BacktestResult:
    """Of so many forecasts the shares that held, that less came of, and more.

    width: of an interval, by its middle. by: how many were made of what.
    """

    forecasts: int
    held: float
    below: float
    above: float
    width: float
    by: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return vars(self)


def outcomes(
    done: Mapping[date, float],
    hours: Hours,
    today: date,
    opened: Mapping[date, float] | None = None,
    stages: Stages | None = None,
) -> Iterator[Outcome]:
    """Of every working day of the last year, and every window that was over before today. done: by local day.

    Quarters and years end with every month here: what is left of one is as many days, and those that end with December
    are too few to judge by.
    opened: how many deals were open as each day began; None where that says nothing of what is done. stages: what was
    known of them.
    """
    first = min(done, default=today)
    days = [first + timedelta(days=n) for n in range((today - first).days)]
    values = [done.get(day, 0.0) for day in days]
    worked = [hours.day_us(day.toordinal()) for day in days]
    deals = None if opened is None else [opened.get(day, 0.0) for day in days]
    asked: list[tuple[int, int, int, Past]] = []
    for number in range(max(0, len(days) - LOOK_BACK), len(days)):
        if not worked[number]:
            continue
        since = max(0, number - KNOWN)
        known = None if deals is None else deals[since : number + 1]
        past = Past(values[since:number], worked[since:number], known, stages and partial(stages, days[number]))
        asked += [(end - number, months, number, past) for months, end in enumerate(_month_ends(days, number), 1)]
    # Those of as many days go together: what open deals bring within a run is worked out once.
    for run, months, number, past in sorted(asked, key=itemgetter(0, 1, 2)):
        if (rest := past.rest(worked[number : number + run])) is not None:
            for window in PLAN_WINDOWS:
                if months <= _MONTHS[window]:
                    yield Outcome(window, *rest, sum(values[number : number + run]), past.basis(run))


def _month_ends(days: Sequence[date], number: int) -> Iterator[int]:
    """Behind which of some days the months of a year from the `number`-th on end, as far as they have ended."""
    end = number
    for _ in range(max(_MONTHS.values())):
        if end < len(days):
            end += (period_end("month", days[end]) - days[end]).days
            if end <= len(days):
                yield end


def verdicts(found: Mapping[str, list[Outcome]]) -> dict[tuple[str, str], BacktestResult]:
    """By measure and window."""
    sorted_: defaultdict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for measure, some in found.items():
        for one in some:
            sorted_[measure, one.window].append(one)
    return {
        (measure, window): _verdict(sorted_[measure, window])
        for measure in found
        for window in PLAN_WINDOWS
        if sorted_[measure, window]
    }


def _verdict(some: list[Outcome]) -> BacktestResult:
    below = sum(one.came < one.low for one in some) / len(some)
    above = sum(one.came > one.high for one in some) / len(some)
    widths = [(one.high - one.low) / one.expected for one in some if one.expected]
    by = dict(sorted(Counter(one.basis.value for one in some).items()))
    return BacktestResult(len(some), 1 - below - above, below, above, median(widths) if widths else 0.0, by)
