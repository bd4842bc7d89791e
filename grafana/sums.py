"""Which sums of people are recorded: rules behind them read these, which are fewer series than what is scraped."""

from functools import cache

from metrics.catalogue import KPIS
from metrics.family import Family
from metrics.kpi import Kpi, Level, Sum


@cache
def recorded_sums() -> dict[Family, Kpi]:
    """Family → the KPI that records its sum of each person, by some of its labels."""
    return {
        kpi.formula.family: kpi
        for kpi in KPIS
        if Level.MANAGER in kpi.levels
        and kpi.is_recorded(Level.MANAGER)
        and isinstance(kpi.formula, Sum)
        and not (kpi.formula.where or kpi.formula.part or kpi.formula.window)
    }
