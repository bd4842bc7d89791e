"""Where plans will end, worked out beside everything else: from the day cells of the past, once a minute at most."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from metrics.catalogue import activities, deals, money
from metrics.catalogue.now import OPEN_DEALS
from metrics.catalogue.plan import MONEY_MEASURES
from metrics.exporter.held import plans
from metrics.exporter.held.aggregates import Sums
from metrics.exporter.held.counted import Exact, Numbers
from metrics.exporter.held.days import SumSelection
from metrics.exporter.held.items import BITS
from metrics.exporter.held.numbers import to_float
from metrics.exporter.held.view import HeldView
from metrics.family import MONEY_SCALE, PLAN_WINDOWS
from metrics.forecast import BY_DEALS, KNOWN, Basis, Brought, Past, open_before
from metrics.windows import period_end, period_start

Row = tuple[tuple[str, ...], float]
"""Values of the family's labels, and the number."""
Stages = Callable[[str, str, int], Callable[[int], Brought | None] | None]
"""Team ("" for the company), measure and day → what is known of open deals' stages and ages, by the run of days."""
Of = tuple[str, str, str, str]
"""Level, team, measure and window."""
_COUNTED = (
    activities.CALLS, activities.MEETINGS, deals.CREATED, deals.CLOSED, deals.WON_AMOUNT, money.REVENUE,
)  # fmt: skip
_SHARE = SumSelection(sum(BITS[family] for family in _COUNTED), together=True)
FEW_PERIODS = "few_past_periods"
"""Why a forecast is withheld: fewer than `PERIODS` runs of as many days as are left lie in the past."""
EXPECTED = "expected"
BOUNDS = (EXPECTED, "low", "high")


class Outlook(NamedTuple):
    """What was worked out last; withheld: of what the past says nothing yet, and from which day on it will (ISO).

    None: not within the period that runs. bases: what else is made of.
    """

    rows: list[Row]
    withheld: Mapping[Of, str | None]
    bases: Mapping[Of, Basis]

    def told(self, of: Of) -> dict[str, Any]:
        """Of one plan, as answers have it: the bounds and what they are made of, or why there are none."""
        if of in self.withheld:
            return {"withheld": {"reason": FEW_PERIODS, "from": self.withheld[of]}}
        bounds = {labels[4]: value for labels, value in self.rows if labels[:4] == of}
        return bounds | ({"basis": self.bases[of]} if of in self.bases else {})


NO_OUTLOOK = Outlook([], {}, {})


class _PlanScope(NamedTuple):
    level: str
    team: str
    measure: str


class _Counted(NamedTuple):
    """What a day has counted, and by how many deals more, or less, were open after it; by team, "" for the company."""

    done: dict[_PlanScope, float]
    opened: dict[str, int]


class Forecasts:
    """Of one board."""

    def __init__(self, board: HeldView, stages: Stages = lambda *_: None) -> None:
        self._board = board
        self._stages = stages
        self._counted: dict[int, tuple[object, _Counted]] = {}
        self._open_now: dict[str, int] = {}
        self.outlook = NO_OUTLOOK
        self._made_on = date.min

    def running(self, now: float) -> Outlook:
        """What was worked out last, at a moment: of a month that has ended it says nothing of the next one."""
        today = self._board.today(now)
        if today == self._made_on:
            return self.outlook
        runs = {one for one in PLAN_WINDOWS if period_start(one, today) == period_start(one, self._made_on)}
        rows, withheld, bases = self.outlook
        return Outlook(
            [row for row in rows if row[0][3] in runs],
            {of: since for of, since in withheld.items() if of[3] in runs},
            {of: basis for of, basis in bases.items() if of[3] in runs},
        )

    def making(self, now: float) -> Iterator[None]:
        """Recompute them in steps, so that the event loop serves others in between."""
        board = self._board
        today = board.today(now).toordinal()
        days = range(today - KNOWN, today + 1)
        for old in self._counted.keys() - set(days):
            del self._counted[old]
        for day in days:
            yield from board.making_days(_SHARE, [day])
            self._look(day)
            yield
        self._open_now = self._opened(board.open, BITS[OPEN_DEALS])
        yield
        pasts: dict[_PlanScope, Past] = {}
        rows: list[Row] = []
        withheld: dict[Of, str | None] = {}
        bases: dict[Of, Basis] = {}
        for scope, window in self._planned(date.fromordinal(today)):
            if scope not in pasts:
                pasts[scope] = self._past(scope, days)
            past, found = pasts[scope], list(self._of(scope, window, pasts[scope], today))
            rows += found
            if found:
                bases[*scope, window] = past.basis(_end(window, today) - today)
            else:
                withheld[*scope, window] = _from(past, window, today)
            yield
        self.outlook, self._made_on = Outlook(rows, withheld, bases), date.fromordinal(today)
        board.trim_days()

    def _look(self, day: int) -> None:
        board = self._board
        state = board.state_of_days(range(day, day + 1))
        known = self._counted.get(day)
        if known is None or known[0] != state:
            sums = board.sums_of_days(_SHARE, range(day, day + 1))
            done = _by_scope(board.counted_of_days(_SHARE, range(day, day + 1)))
            self._counted[day] = state, _Counted(done, self._opened(sums, BITS[deals.CREATED], BITS[deals.CLOSED]))

    def _planned(self, today: date) -> list[tuple[_PlanScope, str]]:
        names = {plans.period_name(window, today): window for window in PLAN_WINDOWS}
        return [
            (_PlanScope(*plan.scope, plan.measure), names[plan.period])
            for plan in self._board.reference.plans.values()
            if plan.period in names and plan.scope[0] != "manager"
        ]

    def _done(self, scope: _PlanScope, day: int) -> float:
        return self._counted[day][1].done.get(scope, 0.0)

    def _opened(self, sums: Sums, more: int, less: int = 0) -> dict[str, int]:
        """Deals in some sums by team: those of one family (its bit), less those of another."""
        bits, reference = self._board.items.bits, self._board.reference
        found: defaultdict[str, int] = defaultdict(int)
        for (manager, team), numbers in sums.items():
            count = sum(value for number, value in numbers.items() if bits[number] & more)
            count -= sum(value for number, value in numbers.items() if bits[number] & less)
            if count:
                found[""] += count
                found[reference.team_of(manager, team)] += count
        return dict(found)

    def _past(self, scope: _PlanScope, days: range) -> Past:
        hours = self._board.calendar.of(scope.team)
        done, worked = [self._done(scope, day) for day in days[:-1]], [hours.day_us(day) for day in days[:-1]]
        if scope.measure not in BY_DEALS:
            return Past(done, worked)
        stages = self._stages(scope.team, scope.measure, days[-1])
        return Past(done, worked, self._open_before(scope.team, days), stages)

    def _open_before(self, team: str, days: range) -> list[float]:
        """How many deals were open as each day began, by what is known of them now."""
        return open_before(self._open_now.get(team, 0), [self._counted[day][1].opened.get(team, 0) for day in days])

    def _of(self, scope: _PlanScope, window: str, past: Past, today: int) -> Iterator[Row]:
        first, hours = period_start(window, date.fromordinal(today)), self._board.calendar.of(scope.team)
        rest = past.rest([hours.day_us(number) for number in range(today, _end(window, today))])
        if rest is None:
            return
        begun = sum(self._done(scope, number) for number in range(first.toordinal(), today))
        least = begun + self._done(scope, today)
        for bound, value in zip(BOUNDS, rest, strict=True):
            yield (*scope, window, bound), max(least, begun + value)


def _end(window: str, today: int) -> int:
    """The day after the period that runs."""
    return period_end(window, date.fromordinal(today)).toordinal()


def _from(past: Past, window: str, today: int) -> str | None:
    """The first day on which the past will say something of what is left of a period."""
    days = past.wait(_end(window, today) - today)
    return None if days is None else date.fromordinal(today + days).isoformat()


def _by_scope(numbers: Numbers) -> dict[_PlanScope, float]:
    exact: defaultdict[_PlanScope, Exact] = defaultdict(int)
    for (team, measure), value in numbers.items():
        exact[_PlanScope("team", team, measure)] += value
        exact[_PlanScope("company", "", measure)] += value
    return {
        scope: to_float(value, MONEY_SCALE if scope.measure in MONEY_MEASURES else 1) for scope, value in exact.items()
    }
