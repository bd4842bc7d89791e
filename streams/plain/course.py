"""How today and this month have gone, hour by hour and day by day, from contributions alone."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from metrics.catalogue.activities import CALLS, MEETINGS, RESPONSE
from metrics.catalogue.deals import CLOSED, WON_AMOUNT
from metrics.catalogue.money import REVENUE
from streams.plain.contribution import Contribution
from streams.plain.plans import period_of, target_of, whose
from streams.plain.reference import PlainReference
from streams.plain.rules import PlainRules
from streams.plain.series import PlainSeries, series
from streams.plain.windows import next_first_day

_HOURLY = ("calls_taken", "calls_missed", "chats_answered", "deals_won", "won_amount", "revenue_amount")
_DAILY = ("won_amount", "revenue_amount", "deals_won", "calls", "meetings", "deals_lost")
_PLANNED = ("won_amount", "revenue_amount", "deals_won", "calls", "meetings")
_OF_TEAMS = "won_amount"
_SHOWN_DAYS, _WEEK = 31, 7
_MONEY = 10**4
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Place = tuple[int, int, str, str, str]
"""Local day (ordinal), hour of its wall clock, team, measure, currency ("" where there is none)."""


@dataclass
class PlainCourse:
    """What was counted in every local hour of the last 31 days and the running month."""

    today: int
    rules: PlainRules
    reference: PlainReference
    counted: Counter[Place] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._month = date.fromordinal(self.today).replace(day=1).toordinal()
        self._first = min(self._month, self.today - _SHOWN_DAYS + 1)

    def add(self, one: Contribution, day: int, team: str, sign: int) -> None:
        """Count a contribution, whose local day is `day`, under a team."""
        if self._first <= day <= self.today:
            hour = self.rules.local(one.time).hour
            for measure, value in _measures(one):
                self.counted[day, hour, team, measure, one.currency] += sign * value

    def shown(self, more: "PlainCourse | None" = None) -> dict[PlainSeries, Fraction]:
        """All families. more: sums to add to these."""
        found: Counter[PlainSeries] = Counter()
        for (day, hour, team, measure, currency), value in self._all(more):
            rate = self.reference.rate(currency, day) if currency else Fraction(1)
            if rate is not None:
                amount = value * rate / (_MONEY if currency else 1)
                for one in self._series(date.fromordinal(day), f"{hour:02}", team, measure):
                    found[one] += amount  # type: ignore[assignment]  # exact, not whole
        return {one: Fraction(value) for one, value in found.items()} | dict(self._plans())

    def _all(self, more: "PlainCourse | None") -> Iterator[tuple[Place, int]]:
        yield from self.counted.items()
        if more is not None:
            yield from more.counted.items()

    def _series(self, day: date, hour: str, team: str, measure: str) -> Iterator[PlainSeries]:
        """Where something is shown that was counted in an hour of a day."""
        back = self.today - day.toordinal()
        if measure in _HOURLY and back in (0, _WEEK):
            labels = {"team": team, "measure": measure, "day": "week_before" if back else "today", "hour": hour}
            yield series("sales_by_hour", labels)
        if measure in _HOURLY and 1 <= back <= _WEEK:
            weekday = f"{day.isoweekday()} {_WEEKDAYS[day.weekday()]}"
            yield series("sales_by_weekday_hour", {"measure": measure, "weekday": weekday, "hour": hour})
        if measure in _DAILY and back < _SHOWN_DAYS:
            yield series("sales_by_day", {"measure": measure, "day": day.isoformat()})
        if measure in _PLANNED:
            for until in range(max(day.toordinal(), self._month), self.today + 1):
                if day.toordinal() >= self._month:
                    labels = {"measure": measure, "day": date.fromordinal(until).isoformat()}
                    yield series("sales_month_to_day", {"level": "company", "team": ""} | labels)
                    if measure == _OF_TEAMS:
                        yield series("sales_month_to_day", {"level": "team", "team": team} | labels)

    def _plans(self) -> Iterator[tuple[PlainSeries, Fraction]]:
        """The month's plans of company and teams, by the working time that has passed at the end of each day."""
        first = date.fromordinal(self._month)
        days = [first + timedelta(days=n) for n in range((next_first_day("month", first) - first).days)]
        for plan in self.reference.plans():
            target = target_of(plan, first, self.reference)
            labels, team = whose(plan, self.reference)
            if plan.data.period != period_of("month", first) or labels["manager"] or target is None:
                continue
            if labels["level"] == "team" and plan.data.measure != _OF_TEAMS:
                continue
            starts = [self.rules.start(day) for day in [*days, next_first_day("month", first)]]
            worked = [self.rules.calendar.working_us(*span, team) for span in pairwise(starts)]
            for number, day in enumerate(days, 1):
                share = Fraction(sum(worked[:number]), sum(worked) or 1)
                of = {"level": labels["level"], "team": labels["team"], "measure": plan.data.measure}
                yield series("sales_plan_course", of | {"day": day.isoformat()}), target * share


def _measures(one: Contribution) -> Iterator[tuple[str, int]]:
    """Measures that a contribution counts in, and how much."""
    match one.code, one.labels:
        case CALLS.code, (direction, outcome):
            yield "calls", one.value
            if direction == "inbound" and outcome == "answered":
                yield "calls_taken", one.value
            if direction == "inbound" and outcome in ("missed", "abandoned"):
                yield "calls_missed", one.value
        case RESPONSE.code, ("chat", "first"):
            yield "chats_answered", 1
        case MEETINGS.code, _:
            yield "meetings", one.value
        case CLOSED.code, (_, outcome):
            yield f"deals_{outcome}", one.value
        case WON_AMOUNT.code, _:
            yield "won_amount", one.value
        case REVENUE.code, _:
            yield "revenue_amount", one.value
