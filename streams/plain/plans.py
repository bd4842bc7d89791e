"""Plans of the running month, quarter and year, and how much of their working time has passed."""

from datetime import date, timedelta
from fractions import Fraction

from metrics.catalogue.plan import MONEY_MEASURES
from producers.events import wire
from streams.plain.reference import PlainReference
from streams.plain.rules import PlainRules
from streams.plain.series import PlainSeries, series
from streams.plain.windows import first_day, next_first_day


def plan_series(now: int, rules: PlainRules, reference: PlainReference) -> dict[PlainSeries, Fraction]:
    """`sales_plan_target`, `sales_plan_to_date` and `sales_working_days` at a moment (us)."""
    today = rules.local(now).date()
    found: dict[PlainSeries, Fraction] = {}
    for window in ("month", "quarter", "year"):
        first, after = first_day(window, today), next_first_day(window, today)
        days = [first + timedelta(days=n) for n in range((after - first).days)]
        for team in ("", *reference.teams()):
            working = [day for day in days if rules.calendar.is_working_day(day, team)]
            labels = {"team": team, "window": window}
            passed = Fraction(sum(day < today for day in working))
            found[series("sales_working_days", labels | {"state": "passed"})] = passed
            found[series("sales_working_days", labels | {"state": "left"})] = Fraction(len(working)) - passed
        shares: dict[str, Fraction | None] = {}
        for plan in reference.plans():
            target = target_of(plan, first, reference)
            if plan.data.period != period_of(window, first) or target is None:
                continue
            labels, team = whose(plan, reference)
            labels |= {"measure": plan.data.measure, "window": window}
            found[series("sales_plan_target", labels)] = target
            if team not in shares:
                shares[team] = _share(rules, first, after, now, team)
            if (share := shares[team]) is not None:
                found[series("sales_plan_to_date", labels)] = target * share
    return found


def _share(rules: PlainRules, first: date, after: date, now: int, team: str) -> Fraction | None:
    """How much of a period's working time has passed by a team's calendar; None where nothing is worked."""
    whole = rules.calendar.working_us(rules.start(first), rules.start(after), team)
    return Fraction(rules.calendar.working_us(rules.start(first), now, team), whole) if whole else None


def period_of(window: str, first: date) -> str:
    """How plans name a month, quarter or year."""
    match window:
        case "month":
            return f"{first.year}-{first.month:02}"
        case "quarter":
            return f"{first.year}-Q{(first.month + 2) // 3}"
        case _:
            return f"{first.year}"


def whose(plan: wire.PlanSet, reference: PlainReference) -> tuple[dict[str, str], str]:
    """Labels of the level that a plan is for, and the team whose calendar counts."""
    level, _, name = plan.data.scope.partition(":")
    if level == "manager":
        team = reference.team(name, "")
        return {"level": level, "manager": name, "team": team}, team
    if level == "team":
        return {"level": level, "manager": "", "team": name}, name
    return {"level": "company", "manager": "", "team": ""}, ""


def target_of(plan: wire.PlanSet, first: date, reference: PlainReference) -> Fraction | None:
    """The target; money in the base currency at the rate of the period's first day, None without a rate."""
    target = Fraction(plan.data.target)
    if plan.data.measure not in MONEY_MEASURES or plan.data.currency is None:
        return target
    rate = reference.rate(plan.data.currency, first.toordinal())
    return None if rate is None else target * rate
