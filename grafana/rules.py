"""The recording rules: every KPI at every level, and its trend, so that walls and alerts read one ready number.

Managers' series, most of all, are read once for all teams: sums over each team are recorded first, what people watch
often and the rest seldom, and KPIs of teams and company are worked out of these. Groups run side by side, the rules of
a group one after another, so that what is heavy waits in one line and does not crowd out what is watched.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from grafana import marks, on_call
from grafana.kept import trend
from grafana.promql import Matchers, expression, families, of_one, summed, team_sums
from grafana.sums import recorded_sums
from metrics.catalogue import FAMILIES, KPIS
from metrics.family import CALENDAR_WINDOWS, PERIODS, SHORT_WINDOWS, Family, Source
from metrics.kpi import Kpi, Level, leaves

NOW, LIVE, CALM, SLOW = "5s", "15s", "30s", "2m"
"""How often a rule runs: who waits; short windows; what else is so now; calendar windows, and all of managers.

A sample is seen for five minutes: one that is missed, as while Prometheus restarts, leaves no gap.
"""
FIRST, SHORT, LAST, SHORT_LAST = "sales-00", "sales-short", "sales-managers", "sales-managers-short"
MARKS, ON_CALL = "sales-marks", "sales-on-call"
"""The file of what the others read, that of short windows, those of all managers (one line each, as their rules are the
dearest), marks, and what the lists of alerts lead to."""
LIVE_WINDOWS = (*SHORT_WINDOWS, CALENDAR_WINDOWS[0])
"""Windows whose running period people watch: the minutes, the hour and today."""
_SUMS = [kpi.record(Level.MANAGER) for kpi in recorded_sums().values()]
_SCRAPED = re.compile(rf"(?<![:\w])({'|'.join([*_SUMS, *(name for family in FAMILIES for name in family.names)])})\b")
_ONCE = re.compile(r"\b(max|group)( by \([^()]*\) )?\(\w+")


def paced(kpi: Kpi, level: Level) -> Iterator[tuple[Kpi, str]]:
    """A KPI by how often it is recorded: in its short windows often, in calendar windows, which are long, seldom."""
    carried = kpi.windows_at(level)
    short = tuple(window for window in carried if window in SHORT_WINDOWS)
    rest = tuple(window for window in carried if window not in SHORT_WINDOWS)
    is_of_people = level is Level.MANAGER
    if not kpi.windows and not kpi.is_planned:
        yield kpi, NOW if _waits(kpi) else SLOW if is_of_people else CALM
    if short:
        yield replace(kpi, windows=short), SLOW if is_of_people else LIVE
    if rest:
        yield replace(kpi, windows=rest), SLOW


def _waits(kpi: Kpi) -> bool:
    return all(leaf.family.source is Source.WAITING for leaf in leaves(kpi.formula))


def sums() -> list[dict[str, Any]]:
    """Groups that sum managers up to teams: the running minutes, hour and day, and all other windows and periods.

    Both record the same name; a label keeps them apart.
    """
    read = dict.fromkeys(family for kpi in KPIS for family in families(kpi.formula) if family.source is Source.CELLS)
    often: list[dict[str, Any]] = []
    seldom: list[dict[str, Any]] = []
    for family in read:
        for series in () if family.team_names else family.names:
            live, rest = _sums(family, series)
            often.append({"record": team_sums(series), "expr": live, "labels": {"pace": "often"}})
            seldom.append({"record": team_sums(series), "expr": rest, "labels": {"pace": "seldom"}})
    return [
        {"name": f"{FIRST}-{LIVE}", "interval": LIVE, "rules": often},
        {"name": f"{FIRST}-{SLOW}", "interval": SLOW, "rules": seldom},
    ]


def _sums(family: Family, series: str) -> tuple[str, str]:
    """The sums behind `team_sums`: of what changes by the minute, and of the rest."""
    labels = (*Level.TEAM.labels, *family.labels, "window", "period")
    current, previous = PERIODS

    rest = tuple(window for window in family.windows if window not in LIVE_WINDOWS)
    read: tuple[Matchers, ...] = (
        {"window": LIVE_WINDOWS, "period": current},
        {"window": rest},
        {"window": LIVE_WINDOWS, "period": previous},
    )
    often, seldom, before = (summed(labels, family, matchers, series) for matchers in read)
    return often, f"{seldom} or {before}"


def rules_of(kpi: Kpi, level: Level, whole: Kpi) -> list[dict[str, Any]]:
    """The rule of a KPI at a level, and that of its trend; `whole`: the KPI with all its windows."""
    rules: list[dict[str, Any]] = []
    if kpi.is_recorded(level):
        rules.append({"record": kpi.record(level), "expr": _guarded(expression(kpi, level))})
    if kpi.trend:
        where = {} if kpi.windows == whole.windows else {"window": kpi.windows}
        rules.append({"record": kpi.trend_record(level), "expr": _guarded(trend(kpi, level, where))})
    return rules


def _guarded(expr: str) -> str:
    """Where what is scraped is read as it is, or a sum of it, a rule holds only while it is there once.

    A sum that stands still would be nothing, and what was done of a plan 0.
    """
    return of_one(expr) if _SCRAPED.search(_ONCE.sub("", expr)) else expr


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
