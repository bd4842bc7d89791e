"""The recording rules: every KPI at every level, and its trend, so that walls and alerts read one ready number.

Groups run side by side, the rules of a group one after another, so a rule stands behind what it reads. What people
watch by the second is recorded often, what changes by the day seldom, and managers less often than teams and the
company: most of all series are managers' buckets.
"""

from collections import defaultdict
from typing import Any

from grafana.promql import expression, has_plan, team_buckets, team_buckets_expression, trend
from metrics.catalogue import KPIS
from metrics.kpi import Kpi, Level, Quantile

NOW, LIVE, CALM, SLOW = "5s", "15s", "30s", "1m"
"""How often a rule runs: what is so now; what has short windows; the rest; managers' percentiles."""


def interval(kpi: Kpi, level: Level) -> str:
    """How often a KPI is recorded."""
    if not kpi.windows and not has_plan(kpi.formula):
        return NOW if kpi.number == 2 else CALM
    live = bool({"5m", "1h"} & set(kpi.windows))
    if level is Level.MANAGER:
        return SLOW if isinstance(kpi.formula, Quantile) or not live else CALM
    return LIVE if live else CALM


def rules_of(kpi: Kpi, level: Level) -> list[dict[str, Any]]:
    """The rule of a KPI at a level, and that of its trend."""
    rules: list[dict[str, Any]] = [{"record": kpi.record(level), "expr": expression(kpi, level)}]
    if kpi.trend:
        rules.append({"record": kpi.trend_record(level), "expr": trend(kpi, level)})
    return rules


def groups() -> dict[str, list[dict[str, Any]]]:
    """Rule files (name without ending → groups): one per KPI number; managers apart from teams and company."""
    files: dict[str, dict[tuple[str, str], list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    summed = set()
    for kpi in KPIS:
        for level in kpi.levels:
            tier = "managers" if level is Level.MANAGER else "teams"
            group = files[f"sales-{kpi.number:02}"][tier, interval(kpi, level)]
            if tier == "teams" and isinstance(kpi.formula, Quantile) and kpi.formula.family.name not in summed:
                family = kpi.formula.family
                summed.add(family.name)
                group.append({"record": team_buckets(family), "expr": team_buckets_expression(kpi, family)})
            group.extend(rules_of(kpi, level))
    return {
        name: [
            {"name": f"{name}-{tier}-{every}", "interval": every, "rules": rules}
            for (tier, every), rules in by_tier.items()
        ]
        for name, by_tier in files.items()
    }


def records() -> dict[str, Kpi]:
    """Every recorded name → the KPI that it shows."""
    return {
        name: kpi
        for kpi in KPIS
        for level in kpi.levels
        for name in ((kpi.record(level), kpi.trend_record(level)) if kpi.trend else (kpi.record(level),))
    }
