"""How a plan fills up: what was done by the end of each day of its month, quarter or year, beside the plan to that day.

Done is what history says of the days from the first one to that day, to the digit; the band is that of the forecasts.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from metrics.catalogue import KPIS
from metrics.catalogue.plan import ACTUALS
from metrics.errors import AskedError
from metrics.exporter.held import plans
from metrics.exporter.held.aggregates import Sums
from metrics.exporter.held.days import put_together
from metrics.exporter.held.view import HeldView
from metrics.exporter.kpi.forecasts import Outlook
from metrics.exporter.kpi.kpis import Evaluation
from metrics.exporter.kpi.levels import place, rows
from metrics.exporter.kpi.runs import Whose, oldest, share_of
from metrics.family import PERIODS, PLAN_WINDOWS
from metrics.kpi import Kpi, Level
from metrics.windows import DAYS_HELD, period_end, period_start

_DAY = timedelta(days=1)
MEASURES = {
    kpi.id: measure
    for kpi in KPIS
    for measure in (
        (kpi.plan.measure,) if kpi.plan else tuple(m for m, actual in ACTUALS.items() if actual == kpi.formula)
    )
    if measure in ACTUALS
}
"""KPI → measure of the plan that it is compared with."""


def measure_of(kpi: str, window: str) -> str:
    """The plan's measure of a KPI. Raises AskedError."""
    if kpi not in MEASURES:
        raise AskedError(f"kpi={kpi!r} is compared with no plan; {', '.join(sorted(MEASURES))} are")
    if window not in PLAN_WINDOWS:
        raise AskedError(f"window={window!r} has no plans; use one of {', '.join(PLAN_WINDOWS)}")
    return MEASURES[kpi]


def start_of(window: str, day: date | None, today: date) -> date:
    """First day of the period that a day lies in. Raises AskedError."""
    day = min(day or today, today)
    if day < oldest(today):
        raise AskedError(f"day={day} lies more than {DAYS_HELD} days back")
    return period_start(window, day)


def making(
    board: HeldView, measure: str, window: str, whose: Whose, first: date, now: float, outlook: Outlook
) -> Iterator[dict[str, Any] | None]:
    """The course of one plan, the last thing that comes: until then others get their turn."""
    today = board.today(now)
    end = period_end(window, first)
    shown = [first + timedelta(days=n) for n in range((end - first).days)]
    target, by_day = _plan(board, measure, window, whose, shown)
    kpi = Kpi(15, "", "", "", "", "", ACTUALS[measure], "", (window,))
    share, where = share_of([kpi], whose), place(whose.level, whose.only, whose.teams)
    yield from board.making_days(share, (day.toordinal() for day in shown if day <= today))
    sums, points = Sums(), []
    for day in shown:
        done = None
        if day <= today:
            for credit, items in board.sums_of_days(share, range(day.toordinal(), day.toordinal() + 1)).items():
                put_together(sums, share, credit, items)
            found = rows(board, sums, (window, PERIODS[0]), where, share.mask)
            values = Evaluation(whose.level, window, found, [], [], lambda _: {}, lambda _: "").of(kpi)
            done = sum(value for key, value in values.items() if not whose.name or key[0] == whose.name)
            yield None
        points.append({"day": day.isoformat(), "done": done, "plan": by_day.get(day)})
    running = first <= today < end
    yield {
        "measure": measure, "window": window, "from": first.isoformat(), "to": (end - _DAY).isoformat(),
        "complete": not running, "target": target, "days": points,
        **(outlook.told((whose.level.value, whose.name, measure, window)) if running else {}),
    }  # fmt: skip


def _plan(
    board: HeldView, measure: str, window: str, whose: Whose, shown: list[date]
) -> tuple[float | None, dict[date, float]]:
    reference, scope = board.reference, (whose.level.value, whose.name)
    name = plans.period_name(window, shown[0])
    for plan in reference.plans.values():
        if plan.scope == scope and plan.period == name and plan.measure == measure:
            target = plans.target_of(plan, reference, shown[0])
            if target is not None:
                team = reference.team_of(whose.name, "") if whose.level is Level.MANAGER else whose.name
                shares = plans.shares_by_day(board.calendar.of(team), shown)
                return float(target), {day: float(target * share) for day, share in shares.items()}
    return None, {}
