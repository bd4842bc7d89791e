"""How most KPIs are declared: of a moment, of windows, and the mean and percentiles of a duration."""

from metrics.family import CALENDAR_WINDOWS, Family
from metrics.kpi import Aim, Formula, Kpi, Quantile, Ratio, Sum


def of_now(
    number: int,
    metric: str,
    op: str,
    en: str,
    ru: str,
    text: str,
    formula: Formula,
    unit: str,
    by: tuple[str, ...] = (),
    better: str = "down",
    *,
    aim: Aim | None = None,
    brief: str = "",
) -> Kpi:
    """A KPI of this moment: no window, no trend."""
    return Kpi(
        number, metric, op, en, ru, text, formula, unit, (), by, trend=False, better=better, aim=aim, brief=brief
    )


def windowed(
    number: int,
    metric: str,
    op: str,
    en: str,
    ru: str,
    text: str,
    formula: Formula,
    unit: str = "short",
    windows: tuple[str, ...] = CALENDAR_WINDOWS,
    by: tuple[str, ...] = (),
    better: str = "up",
    *,
    aim: Aim | None = None,
    brief: str = "",
    days: bool = False,
) -> Kpi:
    """A KPI of windows, with a trend."""
    return Kpi(
        number, metric, op, en, ru, text, formula, unit, windows, by, better=better, aim=aim, brief=brief, days=days
    )


def durations(
    family: Family,
    number: int,
    metric: str,
    en: str,
    ru: str,
    by: tuple[str, ...],
    quantiles: tuple[float, ...],
    *,
    aim: Aim | None = None,
    brief: str = "",
    days: bool = False,
) -> tuple[Kpi, ...]:
    """The mean of a duration, and percentiles. brief: what the titles begin with where there is little room."""

    def of(op: str, name: str, name_ru: str, text: str, formula: Formula) -> Kpi:
        return windowed(
            number, metric, op, f"{en}, {name}", f"{ru}, {name_ru}", text, formula, "s", family.windows, by, "down",
            aim=aim, brief=f"{brief} {name}" if brief else "", days=days,
        )  # fmt: skip

    mean = Ratio(Sum(family, part="sum"), Sum(family, part="count"), None)
    return (
        of("mean", "mean", "среднее", f"{family.help} The mean: sum ÷ count.", mean),
        *(
            of(name, name, name, f"{family.help} {q:.0%} took no longer than this.", Quantile(q, family))
            for q, name in ((q, f"p{q * 100:.0f}") for q in quantiles)
        ),
    )
