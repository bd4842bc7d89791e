"""How most KPIs are declared: of a moment, of windows, and the mean and percentiles of a duration."""

from metrics.family import CALENDAR_WINDOWS, Family
from metrics.kpi import Formula, Kpi, Quantile, Ratio, Sum


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
) -> Kpi:
    """A KPI of this moment: no window, no trend."""
    return Kpi(number, metric, op, en, ru, text, formula, unit, (), by, trend=False, better=better)


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
) -> Kpi:
    """A KPI of windows, with a trend."""
    return Kpi(number, metric, op, en, ru, text, formula, unit, windows, by, better=better)


def durations(
    family: Family,
    number: int,
    metric: str,
    en: str,
    ru: str,
    by: tuple[str, ...],
    quantiles: tuple[float, ...],
) -> tuple[Kpi, ...]:
    """The mean of a duration, and percentiles."""
    mean = windowed(
        number,
        metric,
        "mean",
        f"{en}, mean",
        f"{ru}, среднее",
        f"Sum ÷ count of {family.name}.",
        Ratio(Sum(family, part="sum"), Sum(family, part="count"), None),
        "s",
        family.windows,
        by,
        "down",
    )
    rest = tuple(
        windowed(
            number,
            metric,
            f"p{q * 100:.0f}",
            f"{en}, p{q * 100:.0f}",
            f"{ru}, p{q * 100:.0f}",
            f"{q:.0%} of {family.name} are not above this.",
            Quantile(q, family),
            "s",
            family.windows,
            by,
            "down",
        )
        for q in quantiles
    )
    return (mean, *rest)
