"""How today and this month have gone, by hour and by day, and how values are spread."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import grafana.panels as p
from grafana import targets
from grafana.behind import explained
from grafana.links import definition
from grafana.live import live
from grafana.look import Look
from grafana.promql import Live, by, summed
from grafana.shown import BAR, bar, bars, kpi, line_panel, sparkline
from metrics.catalogue import course
from metrics.catalogue.plan import FORECAST, MONEY_MEASURES, SUBJECTS
from metrics.family import Family
from metrics.kpi import Level

DEFINITION = [p.Link("Definition", definition())]
MONEY = frozenset(MONEY_MEASURES)


@dataclass(frozen=True)
class HourBars:
    """One run of bars: a measure of today, or of the same weekday a week before."""

    name: str
    measure: str
    color: str
    day: str = course.TODAY


def against_week_before(name: str, measure: str) -> tuple[HourBars, HourBars]:
    """A measure of today beside that of the same weekday a week before."""
    return HourBars(f"{name} today", measure, targets.GOOD), HourBars(
        "a week before", measure, "gray", course.WEEK_BEFORE
    )


def by_hour(title: str, runs: Sequence[HourBars], look: Look, matchers: Mapping[str, str] | None = None) -> p.Panel:
    """Bars for each hour of the day."""
    family, in_money = course.HOURS, runs[0].measure in MONEY
    exprs = {
        one.name: summed(("hour",), family, {**(matchers or {}), "measure": one.measure, "day": one.day})
        for one in runs
    }
    # All hours in which anything was counted, so that the axis has no holes.
    exprs[runs[-1].name] += f" or 0 * {once_a('hour', family)}"
    return p.panel(
        "barchart", title, [p.rows(_runs(exprs))], about=_about(family), links=DEFINITION,
        unit=_unit(runs[0].measure, look),
        transformations=_pivoted("hour", exprs),
        custom={"lineWidth": 0, "fillOpacity": 85, "gradientMode": "none",
                # So that the axis of a quiet day does not say "0 1 1 2 2".
                **({} if in_money else {"axisSoftMax": 5})},
        defaults={"color": {"mode": "fixed", "fixedColor": targets.GOOD}, "min": 0},
        overrides=[
            p.override("hour", unit="string", noValue=" "),
            *(p.override(one.name, color={"mode": "fixed", "fixedColor": one.color}) for one in runs),
        ],
        options={
            "orientation": "auto", "xField": "hour", "showValue": "never", "stacking": "none", "groupWidth": 0.8,
            "barWidth": 0.95, "barRadius": 0, "fullHighlight": False, "xTickLabelRotation": 0,
            "xTickLabelSpacing": 100,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "none"},
        },
    )  # fmt: skip


def once_a(label: str, family: Family) -> str:
    """Something for each value of a label."""
    return f"max by ({label}) ({family.name})"


def by_day(title: str, over: str, look: Look, under: tuple[str, ...] = ()) -> p.Panel:
    """A measure of the last 31 days; divided by the sum of others, where there are any."""
    family = course.DAYS
    expr = summed(("day",), family, {"measure": over})
    if under:
        expr = f"{expr} / {summed(('day',), family, {'measure': under})}"
    shares = under and over not in MONEY
    return sparkline(title, expr, about=_about(family), unit="percentunit" if shares else _unit(over, look))


def _runs(exprs: Mapping[str, str]) -> str:
    """One query of several runs, told apart by a label: a run that is empty then takes nobody's name."""
    return "\nor ".join(f'label_replace({expr}, "run", "{name}", "", "")' for name, expr in exprs.items())


def _pivoted(key: str, names: Iterable[str]) -> list[dict[str, Any]]:
    """A column for each run, rows in the order of `key`."""
    return [
        {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": key}]}},
        {
            "id": "groupingToMatrix",
            "options": {"columnField": "run", "rowField": key, "valueField": "Value", "emptyValue": "null"},
        },
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: place for place, name in enumerate((_corner(key), *names))},
                "renameByName": {_corner(key): key},
            },
        },
    ]


def _corner(key: str) -> str:
    """What Grafana calls the column of the rows' names."""
    return f"{key}\\run"


def burn_up(title: str, measure: str, level: Level, look: Look, matchers: Mapping[str, str] | None = None) -> p.Panel:
    """What a month has come to, day by day, what the plan wanted of it, and where it leads to at this pace."""
    of = {**(matchers or {}), "measure": measure}
    done, plan = (
        summed(("day",), one, {**of, "level": level.value}) for one in (course.MONTH_TO_DAY, course.PLAN_COURSE)
    )
    growth = kpi(f"{SUBJECTS[measure]}: growth against plan")
    pace = f"(1 + scalar({live(growth, level, Live('month', matchers=matchers or {}))}))"
    # From the last day on that has counted anything: before it there is what was counted.
    past = f"({done} < scalar(max({done})))"
    ahead = f"({plan} * {pace} unless on (day) {past})"
    low, high = (f"({_towards(bound, of, level, done, plan)} unless on (day) {past})" for bound in ("low", "high"))
    exprs = {"so far": done, "plan": plan, "at this pace": ahead, "low": low, "high": high}
    dashed = {"custom__lineStyle": {"fill": "dash", "dash": [8, 6]}, "custom__fillOpacity": 0}
    return line_panel(
        title, [p.rows(_day_of_month(_runs(exprs)))],
        about=f"{_about(course.MONTH_TO_DAY)}\n\n{_about(course.PLAN_COURSE)}\n\nAt this pace: the plan's course times "
              "what was done so far ÷ plan to date; its end is the forecast of the KPI.\n\nLow and high: "
              f"{_about(FORECAST)}",
        links=DEFINITION, unit=_unit(measure, look),
        across="day", transformations=[*_pivoted("day", exprs), _numbers("day")],
        overrides=[
            p.override("plan", color={"mode": "fixed", "fixedColor": "gray"}, **dashed),
            p.override("at this pace", color={"mode": "fixed", "fixedColor": "light-blue"}, **dashed),
            p.override("low", color={"mode": "fixed", "fixedColor": "super-light-blue"}, custom__lineWidth=0,
                       custom__fillOpacity=0),
            p.override("high", color={"mode": "fixed", "fixedColor": "super-light-blue"}, custom__lineWidth=0,
                       custom__fillBelowTo="low", custom__fillOpacity=25),
            p.override("so far", color={"mode": "fixed", "fixedColor": "blue"}, custom__showPoints="always"),
            p.override("day", unit="none", decimals=0, min=1),
        ],
        defaults={"min": 0},
    )  # fmt: skip


def _day_of_month(expr: str) -> str:
    """Days as numbers of two digits, which sort as they are."""
    return f'label_replace({expr}, "day", "$1", "day", ".*-(.+)")'


def _numbers(key: str) -> dict[str, Any]:
    """Makes numbers of a column of text."""
    conversions = [{"targetField": key, "destinationType": "number"}]
    return {"id": "convertFieldType", "options": {"conversions": conversions, "fields": {}}}


def _towards(bound: str, of: Mapping[str, str], level: Level, done: str, plan: str) -> str:
    """From what is counted now to an end of the forecast's interval, as the plan's working time goes."""
    end = summed((), FORECAST, {**of, "level": level.value, "window": "month", "bound": bound})
    now, begun, whole = (f"scalar(max({one}))" for one in (done, f"{plan} and on (day) {done}", plan))
    # What is no number, without a forecast or when nothing is left to work, is no point.
    return f"({now} + (scalar({end}) - {now}) * ({plan} - {begun}) / ({whole} - {begun}) > -Inf)"


def week(title: str, measure: str, look: Look, hue: str = "blue") -> p.Panel:
    """Hours of the last seven whole days as a heat map: a row for each weekday.

    An hour in which anything was counted has its place, so that the row of hours has no holes.
    """
    family, cell = course.WEEK_HOURS, ("weekday", "hour")
    expr = f"{summed(cell, family, {'measure': measure})} or 0 * max{by(cell)}({family.name})"
    return p.panel(
        "table", title, [p.rows(expr)], about=_about(family), links=DEFINITION, unit=_unit(measure, look), decimals=0,
        transformations=[
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": "hour"}]}},
            {"id": "groupingToMatrix",
             "options": {"columnField": "hour", "rowField": "weekday", "valueField": "Value", "emptyValue": "null"}},
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": "weekday\\hour"}]}},
        ],
        custom={"align": "center", "cellOptions": {"type": "color-background", "mode": "basic"}, "inspect": False,
                "minWidth": 40},
        defaults={
            "color": {"mode": "thresholds"}, "noValue": "", "thresholds": _shades(hue),
            "mappings": [{"type": "value", "options": {"0": {"text": "·", "index": 0}}}],
        },
        overrides=[
            p.override("weekday\\hour", displayName="hour", custom__cellOptions={"type": "auto"}, custom__width=70,
                       custom__align="left"),
        ],
        options={
            "showHeader": True, "cellHeight": "sm",
        },
    )  # fmt: skip


def _shades(hue: str) -> dict[str, Any]:
    """Darker the more; nothing is no colour."""
    shades = ("transparent", f"super-light-{hue}", f"light-{hue}", hue, f"dark-{hue}")
    steps = [{"value": None if not n else 20 * n, "color": shade} for n, shade in enumerate(shades)]
    return {"mode": "percentage", "steps": steps}


def spread(
    title: str, family: Family, bounds: Sequence[int], names: Sequence[str], matchers: Mapping[str, str],
    steps: targets.Steps = p.PLAIN, *, sparse: bool = False, nothing: str = "",
) -> p.Panel:  # fmt: skip
    """How many fell between two bounds of a histogram. bounds: some of the family's; names: one more than bounds.

    steps: colours by the upper bound, as the values themselves would have. sparse: without those where there is none.
    nothing: what stands there without any.
    """

    def at(bound: float | str) -> str:
        le = bound if isinstance(bound, str) else f"{float(bound)}"
        return summed((), family, {**matchers, "le": le}, family.bucket)

    counts = [at(bounds[0]), *(f"{at(high)} - {at(low)}" for low, high in pairwise(bounds)),
              f"{at('+Inf')} - {at(bounds[-1])}"]  # fmt: skip
    if sparse:
        counts = [f"({count}) > 0" for count in counts]
    uppers = [*bounds, bounds[-1] + 1]
    return bars(
        title, [bar(expr, name) for expr, name in zip(counts, names, strict=True)], about=_about(family), label=BAR,
        unit="short", links=list(explained((family,), Level.TEAM, "${window}")), decimals=0, nothing=nothing,
        # None is neither good nor bad.
        mappings=[{"type": "value", "options": {"0": {"text": "0", "color": targets.NEUTRAL, "index": 0}}}],
        overrides=[
            p.override(name, color={"mode": "fixed", "fixedColor": _color(steps, upper)})
            for name, upper in zip(names, uppers, strict=True)
        ],
    )  # fmt: skip


def _color(steps: Iterable[p.Step], value: float) -> str:
    found = "blue"
    for start, color in steps:
        if (start is None or value > start) and color != targets.NEUTRAL:
            found = color
    return found


def _unit(measure: str, look: Look) -> str:
    return f"currency{look.currency}" if measure in MONEY else "locale"


def _about(family: Family) -> str:
    return f"`{family.name}`: {family.help}"
