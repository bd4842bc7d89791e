"""How a KPI developed, from the Prometheus of the past: whole days, weeks and months beside the ones before them.

There is a sample at the end of each local day, so a day is asked for after its end, and of weeks and months those days
are taken that are the last ones. A step is a day of 24 hours: where clocks change, it is an hour beside midnight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import grafana.panels as p
from grafana.look import Look
from grafana.promql import select
from grafana.shown import DAY_SECONDS, DAYS, in_days, line_panel, links
from metrics.catalogue import KPIS
from metrics.family import PERIODS
from metrics.kpi import Kpi, Level

_HOUR = 3600
_AFTER_END = 25 * _HOUR
"""From the beginning of a day until it is certainly over, however clocks changed."""
CHOSEN = tuple(kpi for kpi in KPIS if "day" in kpi.windows)
"""What can be chosen: KPIs of periods that are compared with no plan."""
_KEPT = " ".join(f"{{{{{label}}}}}" for label in sorted({label for kpi in CHOSEN for label in kpi.by}))
"""Labels that the chosen one may keep, as a legend says them."""
_DEFINITIONS = "\n\n".join(f"**{kpi.title}.** {kpi.help}" for kpi in CHOSEN)
BEFORE, YEAR_AGO = "before", "a year ago"


@dataclass(frozen=True)
class Step:
    """One kind of period. back, year_back: days to its last day in the period before, and a year ago; one of them fits.

    ends: PromQL function of the day after, and its value after the last day of a period.
    """

    window: str
    back: Sequence[int]
    year_back: Sequence[int]
    ends: tuple[str, int] | None = None


BY_DAY = Step("day", (1,), (364,))
BY_WEEK = Step("week", (7,), (364,), ("day_of_week", 1))
BY_MONTH = Step("month", (28, 29, 30, 31), (365, 366), ("day_of_month", 1))


def choice() -> Any:
    """The variable `kpi`: titles to choose from, names of series as values."""
    return p.choice_of("kpi", "KPI", {kpi.title: kpi.id for kpi in CHOSEN})


def course(title: str, step: Step, level: Level, look: Look, *, compared: bool) -> p.Panel:
    """The chosen KPI by one step. compared: beside the period before, and a year ago."""
    own = step.window if compared else ""
    who = "".join(f"{one} " for one in (*(f"{{{{{label}}}}}" for label in level.labels), _KEPT))
    queries: list[p.Query] = []
    overrides: list[p.Override] = []
    for kpis in _by_unit(look).values():
        runs: dict[str, tuple[int, ...]] = {"": (0,)}
        if compared:
            runs |= {BEFORE: tuple(step.back), YEAR_AGO: tuple(step.year_back)}
        for name, back in runs.items():
            overrides.append(_unit(len(queries), kpis[0], look))
            queries.append(p.Query(_run(kpis, step, level, look, back), f"{who}{name or own}", every="1d"))
    dashed = {
        "custom__fillOpacity": 0,
        "custom__lineStyle": {"fill": "dash", "dash": [8, 6]},
    }
    overrides += [
        p.override(f"/{BEFORE}$/", color={"mode": "fixed", "fixedColor": "gray"}, **dashed),
        p.override(f"/{YEAR_AGO}$/", color={"mode": "fixed", "fixedColor": "orange"}, **dashed),
    ]
    return line_panel(
        title, queries, about=_DEFINITIONS, unit="short",
        links=links(CHOSEN[0], None, "month")[-1:], overrides=overrides,
        custom={
            "fillOpacity": 15 if compared else 0, "showPoints": "auto" if step.ends is None else "always",
            "spanNulls": True,
        },
    )  # fmt: skip


def change(title: str, step: Step, look: Look) -> p.Panel:
    """How the chosen KPI of the company had changed at the ends of periods: what is recorded as `…_trend`.

    Both sides of it are in the past, so that it is worked out when it is asked for.
    """
    queries = []
    for in_points in (False, True):
        kpis = [kpi for kpi in CHOSEN if kpi.in_points is in_points and kpi.trend]
        expr = _ended(_trend(kpis, step, in_points=in_points), step, look, 0)
        queries.append(p.Query(expr, _KEPT, every="1d"))
    return line_panel(
        title, queries, about="Current ÷ previous − 1, of shares the difference in points; the previous period is "
        f"taken up to the same day. Where it is 0 or less there is nothing to compare with.\n\n{_DEFINITIONS}",
        unit="percentunit", links=links(CHOSEN[0], None, "month")[-1:],
        custom={"fillOpacity": 0, "showPoints": "auto" if step.ends is None else "always", "spanNulls": True},
    )  # fmt: skip


def _trend(kpis: Sequence[Kpi], step: Step, *, in_points: bool) -> str:
    current, previous = (_chosen(kpis, step, Level.COMPANY, 0, period) for period in PERIODS)
    if in_points:
        return f"{current} - ignoring (period) {previous}"
    return f"({current} / ignoring (period) ({previous} > 0) - 1)"


def _by_unit(look: Look) -> dict[str, list[Kpi]]:
    """Unit → KPIs: a query's numbers have one, and that of the chosen KPI alone is not empty."""
    found: dict[str, list[Kpi]] = {}
    for kpi in CHOSEN:
        found.setdefault(DAYS if in_days(kpi) else look.unit(kpi), []).append(kpi)
    return found


def _unit(number: int, kpi: Kpi, look: Look) -> p.Override:
    unit = DAYS if in_days(kpi) else look.unit(kpi)
    properties = [{"id": "unit", "value": unit}]
    return {"matcher": {"id": "byFrameRefID", "options": p.letter(number)}, "properties": properties}


def _run(kpis: Sequence[Kpi], step: Step, level: Level, look: Look, back: Sequence[int]) -> str:
    """The chosen one of some KPIs at the ends of periods, taken from so many days before: whichever ends one."""
    text = " or ".join(_ended(_chosen(kpis, step, level, days), step, look, days) for days in back)
    if back != (0,) and step.ends is not None:
        text = f"({text}){_filter(step, look, 0)}"
    return f"({text}) / {DAY_SECONDS}" if in_days(kpis[0]) and kpis[0].unit == "s" else text


def _chosen(kpis: Sequence[Kpi], step: Step, level: Level, back: int, period: str = PERIODS[0]) -> str:
    names = "|".join(kpi.record(level) for kpi in kpis)
    matchers = {"window": step.window, "period": period}
    selected = select("", matchers)[1:-1]
    seconds = back * DAY_SECONDS - _AFTER_END
    return f'{{__name__="{level}:$kpi",__name__=~"{names}",{selected}}} offset {seconds}s'


def _ended(text: str, step: Step, look: Look, back: int) -> str:
    return f"{text}{_filter(step, look, back)}"


def _filter(step: Step, look: Look, back: int) -> str:
    """Keeps what is of the last day of a period, by the date of the day after it."""
    if step.ends is None:
        return ""
    function, value = step.ends
    # Noon of the day after: so an hour more or less is the same date.
    seconds = DAY_SECONDS + 12 * _HOUR + _zone_seconds(look) - back * DAY_SECONDS
    return f" and on () {function}(vector(time() + {seconds})) == {value}"


def _zone_seconds(look: Look) -> int:
    """How far the zone is ahead in winter."""
    ahead = datetime(2026, 1, 1, tzinfo=UTC).astimezone(ZoneInfo(look.timezone)).utcoffset()
    return int(ahead.total_seconds()) if ahead else 0
