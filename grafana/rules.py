"""The recording rules: every KPI at every level, and its trend, so that walls and alerts read one ready number.

Managers' series, most of all, are read once for all teams: sums over each team are recorded first, what people watch
often and the rest seldom, and KPIs of teams and company are worked out of these. Groups run side by side, the rules of
a group one after another, so that what is heavy waits in one line and does not crowd out what is watched.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from grafana import marks, on_call
from grafana.kept import trend
from grafana.promql import expression, families, team_sums, team_sums_expressions
from metrics.catalogue import KPIS
from metrics.family import SHORT_WINDOWS, Source
from metrics.kpi import Kpi, Level

NOW, LIVE, CALM, SLOW, SLOWEST = "5s", "15s", "30s", "2m", "4m"
"""How often a rule runs: what is so now and urgent; short windows; what is so now; calendar windows, and what is
short or now of managers; calendar windows of managers.

A sample is seen for five minutes, so nothing may run more seldom than that.
"""
FIRST, SHORT, LAST, SHORT_LAST = "sales-00", "sales-short", "sales-managers", "sales-managers-short"
MARKS, ON_CALL = "sales-marks", "sales-on-call"
"""The file of what the others read, that of short windows, those of all managers (one line each, as their rules are the
dearest), marks, and what the lists of alerts lead to."""


def paced(kpi: Kpi, level: Level) -> Iterator[tuple[Kpi, str]]:
    """A KPI by how often it is recorded: in its short windows often, in calendar windows, which are long, seldom."""
    short = tuple(window for window in kpi.windows if window in SHORT_WINDOWS)
    rest = tuple(window for window in kpi.windows if window not in SHORT_WINDOWS)
    is_of_people = level is Level.MANAGER
    if not kpi.windows and not kpi.is_planned:
        yield kpi, NOW if kpi.number == 2 else SLOW if is_of_people else CALM
    if short:
        yield replace(kpi, windows=short), SLOW if is_of_people else LIVE
    if rest:
        yield replace(kpi, windows=rest), SLOWEST if is_of_people else SLOW


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


def rules_of(kpi: Kpi, level: Level, whole: Kpi) -> list[dict[str, Any]]:
    """The rule of a KPI at a level, and that of its trend; `whole`: the KPI with all its windows."""
    rules: list[dict[str, Any]] = []
    if kpi.is_recorded(level):
        rules.append({"record": kpi.record(level), "expr": expression(kpi, level)})
    if kpi.trend:
        where = {} if kpi.windows == whole.windows else {"window": kpi.windows}
        rules.append({"record": kpi.trend_record(level), "expr": trend(kpi, level, where)})
    return rules


def groups() -> dict[str, list[dict[str, Any]]]:
    """Rule files (name without ending → groups): sums, then teams and company by KPI number, then managers in one.

    A group has the name of its file and how often it runs, so that no two have the same.
    """
    files: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for kpi in KPIS:
        for level in kpi.levels:
            for part, every in paced(kpi, level):
                if found := rules_of(part, level, kpi):
                    files[_file(kpi, level, part)][every].extend(found)
    made = {
        file: [{"name": f"{file}-{every}", "interval": every, "rules": rules} for every, rules in paces.items()]
        for file, paces in files.items()
    }
    return {FIRST: sums(), **made, MARKS: [marks.group()], ON_CALL: [on_call.group()]}


def _file(kpi: Kpi, level: Level, part: Kpi) -> str:
    """Where short windows are apart, their file is, too: one record twice in a file is taken for a mistake."""
    is_of_people = level is Level.MANAGER
    if set(part.windows) & set(SHORT_WINDOWS):
        return SHORT_LAST if is_of_people else SHORT
    return LAST if is_of_people else f"sales-{kpi.number:02}"
