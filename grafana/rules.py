"""The recording rules: every KPI at every level, and its trend, so that walls and alerts read one ready number.

Managers' series, most of all, are read once for all teams: sums over each team are recorded first, what people watch
often and the rest seldom, and KPIs of teams and company are worked out of these. Groups run side by side, the rules of
a group one after another, so that what is heavy waits in one line and does not crowd out what is watched.
"""

from collections import defaultdict
from typing import Any

from grafana import marks, on_call
from grafana.kept import trend
from grafana.promql import expression, families, team_sums, team_sums_expressions
from metrics.catalogue import KPIS
from metrics.family import Source
from metrics.kpi import Kpi, Level, Quantile

NOW, LIVE, CALM, SLOW, SLOWEST = "5s", "15s", "30s", "2m", "4m"
"""How often a rule runs: what is so now; what has short windows; the rest; managers' short windows; managers' rest.

A sample is seen for five minutes, so nothing may run more seldom than that.
"""
FIRST, LAST, MARKS, ON_CALL = "sales-00", "sales-managers", "sales-marks", "sales-on-call"
"""The file of what the others read, that of all managers (one line each, as their rules are the dearest), marks, and
what the lists of alerts lead to."""


def interval(kpi: Kpi, level: Level) -> str:
    """How often a KPI is recorded."""
    if not kpi.windows and not kpi.is_planned:
        return NOW if kpi.number == 2 else CALM
    has_short = bool({"5m", "1h"} & set(kpi.windows))
    if level is Level.MANAGER:
        return SLOW if has_short and not isinstance(kpi.formula, Quantile) else SLOWEST
    return LIVE if has_short else CALM


def sums() -> list[dict[str, Any]]:
    """Groups that sum managers up to teams: the running minutes, hour and day, and all other windows and periods.

    Both record the same name; a label keeps them apart.
    """
    read = dict.fromkeys(family for kpi in KPIS for family in families(kpi.formula) if family.source is Source.CELLS)
    often: list[dict[str, Any]] = []
    seldom: list[dict[str, Any]] = []
    for family in read:
        for series in () if family.team_names else family.names:
            live, rest = team_sums_expressions(family, series)
            often.append({"record": team_sums(series), "expr": live, "labels": {"pace": "often"}})
            seldom.append({"record": team_sums(series), "expr": rest, "labels": {"pace": "seldom"}})
    return [
        {"name": f"{FIRST}-{LIVE}", "interval": LIVE, "rules": often},
        {"name": f"{FIRST}-{SLOW}", "interval": SLOW, "rules": seldom},
    ]


def rules_of(kpi: Kpi, level: Level) -> list[dict[str, Any]]:
    """The rule of a KPI at a level, and that of its trend."""
    rules: list[dict[str, Any]] = []
    if kpi.is_recorded(level):
        rules.append({"record": kpi.record(level), "expr": expression(kpi, level)})
    if kpi.trend:
        rules.append({"record": kpi.trend_record(level), "expr": trend(kpi, level)})
    return rules


def groups() -> dict[str, list[dict[str, Any]]]:
    """Rule files (name without ending → groups): sums, then teams and company by KPI number, then managers in one."""
    files: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for kpi in KPIS:
        for level in kpi.levels:
            if not (found := rules_of(kpi, level)):
                continue
            file = LAST if level is Level.MANAGER else f"sales-{kpi.number:02}"
            files[file][interval(kpi, level)].extend(found)
    made = {
        file: [{"name": f"{file}-{every}", "interval": every, "rules": rules} for every, rules in by_interval.items()]
        for file, by_interval in files.items()
    }
    return {FIRST: sums(), **made, MARKS: [marks.group()], ON_CALL: [on_call.group()]}
