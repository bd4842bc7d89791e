"""The recording rules: every KPI at every level, and its trend, so that walls and alerts read one ready number.

Groups run side by side, the rules of a group one after another, so a trend stands behind the KPI that it reads. What
people watch by the second is recorded often; what changes by the day seldom.
"""

from collections import defaultdict
from typing import Any

from grafana.promql import expression, has_plan, trend
from metrics.catalogue import KPIS
from metrics.kpi import Kpi, Level

NOW, LIVE, CALM = "5s", "15s", "30s"
"""How often a rule runs: what is so now; what has short windows; the rest."""


def interval(kpi: Kpi) -> str:
    """How often a KPI is recorded."""
    if not kpi.windows and not has_plan(kpi.formula):
        return NOW if kpi.number == 2 else CALM
    return LIVE if {"5m", "1h"} & set(kpi.windows) else CALM


def rules_of(kpi: Kpi, level: Level) -> list[dict[str, Any]]:
    """The rule of a KPI at a level, and that of its trend."""
    rules: list[dict[str, Any]] = [{"record": kpi.record(level), "expr": expression(kpi, level)}]
    if kpi.trend:
        rules.append({"record": kpi.trend_record(level), "expr": trend(kpi, level)})
    return rules


def groups() -> dict[str, list[dict[str, Any]]]:
    """Rule files (name without ending → groups): one per KPI number, groups by level and interval."""
    files: dict[str, dict[tuple[str, str], list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for kpi in KPIS:
        for level in kpi.levels:
            files[f"sales-{kpi.number:02}"][level.value, interval(kpi)].extend(rules_of(kpi, level))
    return {
        name: [
            {"name": f"{name}-{level}-{every}", "interval": every, "rules": rules}
            for (level, every), rules in by_level.items()
        ]
        for name, by_level in files.items()
    }


def records() -> dict[str, Kpi]:
    """Every recorded name → the KPI that it shows."""
    return {
        name: kpi
        for kpi in KPIS
        for level in kpi.levels
        for name in ((kpi.record(level), kpi.trend_record(level)) if kpi.trend else (kpi.record(level),))
    }
