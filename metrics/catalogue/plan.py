"""What was planned: targets and working days of the running month, quarter and year."""

from metrics.catalogue import activities, deals, money
from metrics.family import PLAN_WINDOWS, Family, Source
from metrics.kpi import Aim, Formula, Kpi, Minus, Plan, Product, Ratio, Scaled, Sum, WorkingDays
from metrics.tile import Tile, Wanted

PLAN_MEASURES = ("won_amount", "revenue_amount", "deals_won", "calls", "meetings")
MONEY_MEASURES = frozenset({"won_amount", "revenue_amount"})

TARGET = Family(
    "sales_plan_target",
    "Plan of the running period; money in the base currency.",
    title="Plan",
    title_ru="План",
    labels=("level", "measure", "window"),
    source=Source.PLAN,
    windows=PLAN_WINDOWS,
)
TO_DATE = Family(
    "sales_plan_to_date",
    "Plan times the share of the period's working time that has passed.",
    title="Plan by now",
    title_ru="План на сейчас",
    labels=("level", "measure", "window"),
    source=Source.PLAN,
    windows=PLAN_WINDOWS,
)
WORKING_DAYS = Family(
    "sales_working_days",
    "Working days of the running period by the calendar of each team, with team empty of the company: passed (before "
    "today) and left (from today on).",
    title="Working days",
    title_ru="Рабочие дни",
    labels=("team", "window", "state"),
    source=Source.PLAN,
    windows=PLAN_WINDOWS,
    credited=False,
)

FORECAST = Family(
    "sales_plan_forecast",
    "Where the running period will end by the pace of the last 13 weeks and, of won deals, by those that are open "
    "(`expected`), and between what: four fifths of what followed such promises in the past year lay between `low` and "
    "`high`. Of company and teams that have a plan; "
    "worked out from whole days, never below what is counted by now; absent where the 91 days of the pace and four "
    "runs of as many days as are left do not lie in the past, as for a year before its last months.",
    labels=("level", "team", "measure", "window", "bound"),
    source=Source.SERVICE,
    windows=PLAN_WINDOWS,
    credited=False,
)

FAMILIES = (TARGET, TO_DATE, WORKING_DAYS)


def _plan_of(measure: str, en: str, ru: str, actual: Formula, unit: str) -> tuple[Kpi, ...]:
    target, to_date = Plan(TARGET, measure), Plan(TO_DATE, measure)
    left = Minus(target, actual)
    needed = Ratio(left, WorkingDays(WORKING_DAYS, "left"), None)

    def of(
        number: int, op: str, title: str, title_ru: str, text: str, formula: Formula, how: str, aim: Aim | None = None
    ) -> Kpi:
        name, titles = f"sales_plan_{measure}", (f"{en}: {title}", f"{ru}: {title_ru}")
        return Kpi(number, name, op, *titles, text, formula, how, PLAN_WINDOWS, trend=False, aim=aim)

    return (
        of(14, "growth", "growth against plan", "рост к плану", "Actual ÷ plan to date − 1.", Scaled(Ratio(actual, to_date), plus=-1), "percentunit", Aim.PACE),
        of(15, "ratio", "against plan", "выполнение плана", "Actual ÷ plan of the whole period.", Ratio(actual, target), "percentunit", Aim.ATTAINED),
        of(15, "left", "left to plan", "осталось до плана", "Plan less actual; below 0 when the plan is exceeded.", left, unit),
        of(15, "needed_per_day", "needed per working day", "нужно в рабочий день", "What is left of the plan ÷ working days left, today included.", needed, unit),
        of(15, "forecast", "forecast", "прогноз", "Actual ÷ share of the period's working time passed.", Product(Ratio(actual, to_date), target), unit),
    )  # fmt: skip


_PLANNED: dict[str, tuple[str, str, Formula, str]] = {
    "won_amount": ("Booked sales", "Продажи", Sum(deals.WON_AMOUNT), "currency"),
    "revenue_amount": ("Cash received", "Поступления", Sum(money.REVENUE), "currency"),
    "deals_won": ("Deals won", "Выигранные сделки", Sum(deals.CLOSED, deals.WON), "short"),
    "calls": ("Calls", "Звонки", Sum(activities.CALLS), "short"),
    "meetings": ("Meetings", "Встречи", Sum(activities.MEETINGS), "short"),
}
SUBJECTS = {measure: en for measure, (en, *_) in _PLANNED.items()}
"""Measure of a plan → what is planned, as the English titles of its KPIs begin."""
KPIS: tuple[Kpi, ...] = tuple(kpi for measure, of in _PLANNED.items() for kpi in _plan_of(measure, *of))

TILES = (
    Tile(14, Wanted("sales_plan_won_amount:growth", {"window": "month"}), (Wanted("sales_plan_won_amount:growth", {"window": "quarter"}, "inQuarter"), Wanted("sales_plan_won_amount:growth", {"window": "year"}, "inYear")), about="inMonth"),
    Tile(15, Wanted("sales_plan_won_amount:ratio", {"window": "month"}), (Wanted("sales_plan_won_amount:left", {"window": "month"}, "left"), Wanted("sales_plan_won_amount:needed_per_day", {"window": "month"}, "need"), Wanted("sales_plan_won_amount:forecast", {"window": "month"}, "forecast")), about="inMonth"),
)  # fmt: skip

ACTUALS: dict[str, Sum] = {
    kpi.formula.under.measure: kpi.formula.over
    for kpi in KPIS
    if isinstance(kpi.formula, Ratio)
    and isinstance(kpi.formula.over, Sum)
    and isinstance(kpi.formula.under, Plan)
    and kpi.formula.under.family is TARGET
}
"""Measure of a plan → what was done, as it is compared with the plan of a whole period."""
