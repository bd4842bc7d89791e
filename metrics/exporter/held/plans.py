"""Plans of the running month, quarter and year: their targets, their share to date, and working days."""

from collections.abc import Container, Iterator, Sequence
from datetime import date, datetime
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple
from zoneinfo import ZoneInfo

from metrics.calendar import Calendar, Hours
from metrics.catalogue.plan import MONEY_MEASURES, TARGET, TO_DATE, WORKING_DAYS
from metrics.family import PLAN_WINDOWS, Family
from metrics.reference import PlanRecord, Reference
from metrics.windows import period_end, period_start

_MICRO = 1_000_000


class Sample(NamedTuple):
    """One number with the values of all its labels, in the family's order."""

    family: Family
    labels: tuple[str, ...]
    value: float


def period_name(window: str, day: date) -> str:
    """How plans name the month, quarter or year of a day: 2026-11, 2026-Q4, 2026."""
    match window:
        case "month":
            return f"{day:%Y-%m}"
        case "quarter":
            return f"{day.year}-Q{(day.month + 2) // 3}"
    return f"{day.year}"


class PlanSelection(NamedTuple):
    """Whose plans are wanted: those of some windows, of one level ("": of all) and one manager or team of it."""

    windows: tuple[str, ...] = PLAN_WINDOWS
    level: str = ""
    name: str = ""

    def has(self, target: "Target") -> bool:
        """Whether a plan is one of them."""
        return self.level in ("", target.level) and (not self.name or self.name in target.credit)


EVERY_PLAN = PlanSelection()


class Target(NamedTuple):
    """The target of one plan in the base currency. credit: values of `manager` and `team`."""

    credit: tuple[str, str]
    level: str
    measure: str
    amount: Fraction


class Targets:
    """Targets of the plans of a period, worked out once for as long as reference data stay as they are."""

    def __init__(self) -> None:
        self._reference: Reference | None = None
        self._found: dict[str, list[Target]] = {}

    def of(self, reference: Reference, window: str, today: date) -> list[Target]:
        """Those of the window's running period that have a rate on its first day."""
        if reference is not self._reference:
            self._reference, self._found = reference, {}
        period = period_name(window, today)
        found = self._found.get(period)
        if found is None:
            found = self._found[period] = list(_targets(reference, period, period_start(window, today)))
        return found

    def managers(self, reference: Reference, today: date) -> set[str]:
        """Everybody who has a plan that runs."""
        running = (target for window in PLAN_WINDOWS for target in self.of(reference, window, today))
        return {target.credit[0] for target in running if target.level == "manager"}


def _targets(reference: Reference, period: str, first: date) -> Iterator[Target]:
    for plan in reference.plans.values():
        if plan.period == period and (amount := target_of(plan, reference, first)) is not None:
            yield Target(_credit(plan, reference), plan.scope[0], plan.measure, amount)


class Shares:
    """Share of a period's working time that has passed at a moment (Unix seconds), by the calendar of each team."""

    def __init__(self, calendar: Calendar, window: str, today: date, now: float) -> None:
        self._calendar = calendar
        self._span = period_start(window, today), period_end(window, today)
        self._now = now
        self._found: dict[int, tuple[int, int]] = {}

    def of(self, team: str) -> tuple[int, int]:
        """As numerator and denominator."""
        hours = self._calendar.of(team)
        # By identity, as hours cannot be hashed: all teams without hours of their own have the company's.
        share = self._found.get(id(hours))
        if share is None:
            share = self._found[id(hours)] = share_passed(hours, *self._span, self._now).as_integer_ratio()
        return share


def to_date(amount: Fraction, share: tuple[int, int]) -> float:
    """The nearest float to their exact product, as a Fraction's would be, without reducing it first."""
    return amount.numerator * share[0] / (amount.denominator * share[1])


def samples(
    reference: Reference, calendar: Calendar, zone: ZoneInfo, now: float, today: date | None = None,
    targets: Targets | None = None, planned: PlanSelection = EVERY_PLAN,
) -> Iterator[Sample]:  # fmt: skip
    """Plan families at a moment (Unix seconds). today: the day of which it is the end, for what is over."""
    today = today or datetime.fromtimestamp(now, zone).date()
    targets = targets or Targets()
    yield from working_days(reference, calendar, today, planned.windows)
    for window in planned.windows:
        shares = Shares(calendar, window, today, now)
        for target in filter(planned.has, targets.of(reference, window, today)):
            (manager, team), level, measure, amount = target
            labels = (manager, team, level, measure, window)
            yield Sample(TARGET, labels, float(amount))
            yield Sample(TO_DATE, labels, to_date(amount, shares.of(team)))


def working_days(
    reference: Reference, calendar: Calendar, today: date, windows: tuple[str, ...] = PLAN_WINDOWS
) -> Iterator[Sample]:
    """Those of the company and of each team that have passed and that are left of the running periods."""
    for window in windows:
        first, end = period_start(window, today), period_end(window, today)
        yield from _working_days(reference, calendar, window, first, end, today)


def manager_of(sample: Sample) -> str | None:
    """Whose plan a number is of; None where it is no person's."""
    return sample.labels[0] if sample.family is not WORKING_DAYS and sample.labels[2] == "manager" else None


def managers(found: list[Sample]) -> set[str]:
    """Everybody who has a plan."""
    return {one for sample in found if (one := manager_of(sample)) is not None}


def of_teams(found: list[Sample], teams: Container[str] | None) -> list[Sample]:
    """What concerns some teams; all of it where they are None."""
    return found if teams is None else [one for one in found if one.labels[int(one.family.credited)] in teams]


def share_passed(hours: Hours, first: date, end: date, now: float) -> Fraction:
    """Share of a period's working time that has passed, 0 to 1; by whole time when nothing is worked in it."""
    passed = total = 0
    moment = int(now * _MICRO)
    for day in range(first.toordinal(), end.toordinal()):
        for start, finish in hours.spans(day):
            total += finish - start
            passed += max(0, min(finish, moment) - start)
    return Fraction(passed, total) if total else Fraction(0)


def shares_by_day(hours: Hours, days: Sequence[date]) -> dict[date, Fraction]:
    """Share of a period's working time that has passed at the end of each of its days; 0 to 1, as `share_passed`."""
    worked = [hours.day_us(day.toordinal()) for day in days]
    total = sum(worked)
    running = accumulate(worked)
    return {day: Fraction(passed, total) if total else Fraction(0) for day, passed in zip(days, running, strict=True)}


def _credit(plan: PlanRecord, reference: Reference) -> tuple[str, str]:
    """Values of `manager` and `team`; what does not apply is empty."""
    level, name = plan.scope
    match level:
        case "manager":
            return name, reference.team_of(name, "")
        case "team":
            return "", name
    return "", ""


def target_of(plan: PlanRecord, reference: Reference, first: date) -> Fraction | None:
    """The plan in the base currency, by the rate of the period's first day; None without a rate."""
    target = Fraction(plan.target)
    if plan.measure in MONEY_MEASURES and plan.currency:
        rate = reference.rates.on(plan.currency, first.toordinal())
        return None if rate is None else target * rate
    return target


def _working_days(
    reference: Reference, calendar: Calendar, window: str, first: date, end: date, today: date
) -> Iterator[Sample]:
    counted: dict[int, tuple[int, int]] = {}
    for team in ("", *reference.teams()):
        hours = calendar.of(team)
        days = counted.get(id(hours))
        if days is None:
            days = counted[id(hours)] = _days(hours, first, today), _days(hours, today, end)
        for state, number in zip(("passed", "left"), days, strict=True):
            yield Sample(WORKING_DAYS, (team, window, state), float(number))


def _days(hours: Hours, first: date, end: date) -> int:
    """Working days from the first, up to the end, which is not one of them."""
    return sum(hours.day_us(day) > 0 for day in range(first.toordinal(), end.toordinal()))
