"""KPIs as panels: title, unit, definition, change, rank and links follow from the catalogue."""

from collections.abc import Mapping, Sequence
from typing import Any

import grafana.panels as p
from grafana import targets
from grafana.behind import explained, fixed_windows
from grafana.kept import ready
from grafana.links import definition, developed
from grafana.live import FIRST, NEW, changed, live
from grafana.look import Look
from grafana.names import named
from grafana.promql import Live, families, has_period, summed
from metrics.catalogue import KPIS
from metrics.catalogue.values import CHANNELS
from metrics.family import Family
from metrics.kpi import Kpi, Level, Quantile, Ratio
from metrics.reference import UNKNOWN

TITLES = {kpi.title: kpi for kpi in KPIS}
"""How a dashboard names a KPI: by its title, so that series are spelled in the catalogue only."""
DAY_SECONDS = 86400
DAYS = "suffix:days"
"""Grafana's own unit of days counts ten of them as weeks."""
BAR = "bar"
_NAMES = 10.8
"""Pixels of names beside the first so many: a tenth less than the 12 that Grafana makes room for."""
LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
NO_NUMBER = {
    "type": "special", "options": {"match": "null+nan", "result": {"text": "–", "color": "gray", "index": 9}},
}  # fmt: skip


def kpi(title: str) -> Kpi:
    """The KPI of that title. Raises KeyError, so a dashboard cannot show what is not defined."""
    return TITLES[title]


def brief(kpi: Kpi) -> str:
    """What a KPI is called where there is little room; its definition gives the whole name."""
    return kpi.brief or kpi.title


def in_days(kpi: Kpi) -> bool:
    """Whether people count it in days: how long deals take, and how long money is owed."""
    return kpi.days or kpi.unit == "d"


def unit(kpi: Kpi, look: Look) -> str:
    """Grafana's name of a KPI's unit, as walls show it."""
    return DAYS if in_days(kpi) else look.unit(kpi)


def decimals(kpi: Kpi) -> int | None:
    """Digits after the point that say something."""
    if in_days(kpi) or kpi.in_points:
        return 1
    if kpi.unit == "short" and isinstance(kpi.formula, Ratio):
        return 2
    return {"s": 1, "currency": 1}.get(kpi.unit)


def scaled(kpi: Kpi, expr: str) -> str:
    """An expression of a KPI in the unit that walls show."""
    return f"({expr}) / {DAY_SECONDS}" if in_days(kpi) and kpi.unit == "s" else expr


def where(kpi: Kpi, *, window: str = "$window", period: str = "current", **more: str) -> dict[str, str]:
    """Matchers of a KPI's recorded series, for a window."""
    span = {"window": window} if kpi.windows else {}
    return {**span, **({"period": period} if has_period(kpi) else {}), **more}


def recorded(kpi: Kpi, level: Level, **matchers: str) -> str:
    """The kept series of a KPI: what lines are drawn of."""
    return scaled(kpi, ready(kpi, level, matchers))


def about(kpi: Kpi) -> str:
    """What a KPI's panel says on hover: the definition, and those of the families behind it."""
    parts = [f"**KPI {kpi.number}.** {kpi.help}"]
    parts += [f"`{family.name}`: {family.help}" for family in families(kpi.formula)]
    return "\n\n".join(parts)


def links(kpi: Kpi, level: Level | None, window: str = "$window") -> list[p.Link]:
    """Where a KPI's number comes from."""
    shown, fixed = window.replace("$window", "${window}"), fixed_windows([kpi])
    *behind, defined = explained(families(kpi.formula), level, shown, kpi.number, fixed=fixed)
    course = [p.Link("How it developed", developed(kpi.id))] if has_period(kpi) else []
    return [*behind, *course, defined]


def of_window(kpi: Kpi) -> str:
    """The variable that a KPI's window is chosen by."""
    return "$plan" if kpi.is_planned else "$window"


def mappings(kpi: Kpi) -> list[dict[str, Any]]:
    """Words for values that are none: a percentile between 0, which is common, and the lowest bound."""
    if not isinstance(kpi.formula, Quantile) or not kpi.formula.family.is_of_working_time:
        return []
    lowest = kpi.formula.family.bounds[0]
    text = {"text": f"≤ {lowest} s", "color": targets.GOOD, "index": 0}
    return [{"type": "range", "options": {"from": 0, "to": lowest, "result": text}}]


def change_words(sign: str = "") -> list[dict[str, Any]]:
    """Words for changes that are no percentage, or one whose digits say nothing. sign: what stands behind a number.

    Both ends are numbers: an open one Grafana 9 takes for 0.
    """
    spans = (
        (1000, NEW / 2, {"text": f"> 999{sign}"}),
        (-NEW / 2, -1000, {"text": f"< -999{sign}"}),
        (NEW / 2, (NEW + FIRST) / 2, {"text": "new"}),
        ((NEW + FIRST) / 2, 2 * FIRST, {"text": "new", "color": targets.NEUTRAL}),
        ((NEW + FIRST) / -2, -NEW / 2, {"text": "below 0"}),
        (-2 * FIRST, (NEW + FIRST) / -2, {"text": "new", "color": targets.NEUTRAL}),
    )
    return [
        {"type": "range", "options": {"from": low, "to": high, "result": result | {"index": place}}}
        for place, (low, high, result) in enumerate(spans)
    ]


def change_queries(kpi: Kpi, level: Level, how: Live) -> tuple[list[p.Query], list[p.Override]]:
    """The change against the previous period with its sign: more and less each by a query, as each has a colour."""
    change = changed(kpi, level, how)
    what = "points" if kpi.in_points else "%"
    name = f"{what} on previous {how.window.replace('$window', '${window}')}"
    up, down = {"up": (targets.GOOD, targets.BAD), "down": (targets.BAD, targets.GOOD)}.get(
        kpi.better, (targets.NEUTRAL, targets.NEUTRAL)
    )
    queries = [p.number(f"{change} > 0", f"▲ {name}"), p.number(f"{change} <= 0", f"▼ {name}")]
    shared = {"decimals": 1, "mappings": change_words()}
    return queries, [
        p.override("/^▲/", unit="prefix:+", thresholds=p.steps((None, up)), **shared),
        p.override("/^▼/", unit="none", thresholds=p.steps((None, down), (-0.05, targets.NEUTRAL)), **shared),
    ]


def stat(
    title: str, queries: Sequence[p.Query], *, about: str, unit: str, links: Sequence[p.Link],
    steps: targets.Steps = p.PLAIN, background: bool = False, names: bool = False, **more: Any,
) -> p.Panel:  # fmt: skip
    """Numbers, large. names: say what each is, also where one is alone.

    background: the colour fills the tile, so that it is seen across the room. Where there is no number it is no colour
    of the number's.
    """
    defaults = more.pop("defaults", {})
    more["defaults"] = defaults | {"mappings": [*defaults.get("mappings", ()), NO_NUMBER]}
    return p.panel(
        "stat", title, queries, about=about, unit=unit, links=links, thresholds=steps,
        options={
            "reduceOptions": LAST, "orientation": "auto", "colorMode": "background" if background else "value",
            "graphMode": "none", "justifyMode": "center", "wideLayout": True,
            "textMode": "value_and_name" if names or len(queries) > 1 else "value",
        },
        **more,
    )  # fmt: skip


def tile(kpi: Kpi, level: Level, look: Look, *, matchers: Mapping[str, str] | None = None) -> p.Panel:
    """The number, large, and its change against the previous period."""
    span = of_window(kpi)
    how = Live(span, matchers=matchers or {})
    queries = [p.number(scaled(kpi, live(kpi, level, how)), "now" if not kpi.windows else _span(span))]
    overrides: list[p.Override] = []
    if has_period(kpi):
        more, overrides = change_queries(kpi, level, how)
        queries += more
    return stat(
        brief(kpi), queries, about=about(kpi), unit=unit(kpi, look), links=links(kpi, level, span),
        steps=targets.steps(kpi, look), overrides=overrides, decimals=decimals(kpi),
        defaults={"mappings": mappings(kpi)},
    )  # fmt: skip


def _span(window: str) -> str:
    return window.replace("$window", "${window}").replace("$plan", "${plan}")


def by_channel(
    kpi: Kpi, level: Level, look: Look, *, title: str = "", background: bool = False,
    matchers: Mapping[str, str] | None = None,
) -> p.Panel:  # fmt: skip
    """Calls and chats side by side, each coloured by its own target."""
    queries, overrides = [], []
    for channel, name in CHANNELS.items():
        how = Live(matchers={**(matchers or {}), "channel": channel})
        queries.append(p.number(live(kpi, level, how), name))
        steps = p.steps(*targets.steps(kpi, look, channel))
        overrides.append(p.override(name, thresholds=steps))
    return stat(
        title or brief(kpi), queries, about=about(kpi), unit=unit(kpi, look), links=links(kpi, level),
        background=background, overrides=overrides, decimals=decimals(kpi), defaults={"mappings": mappings(kpi)},
    )  # fmt: skip


def line_panel(
    title: str, queries: Sequence[p.Query], *, about: str, unit: str, links: Sequence[p.Link],
    steps: targets.Steps = p.PLAIN, bare: bool = False, custom: dict[str, Any] | None = None, across: str = "",
    **more: Any,
) -> p.Panel:  # fmt: skip
    """Lines over time. steps: drawn as dashed lines. bare: a sparkline, without axes and names.

    across: a column of numbers that lines are drawn over instead; the axis of time ends now, whatever is known beyond.
    """
    drawn: dict[str, Any] = {
        "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 2, "fillOpacity": 12,
        "showPoints": "never", "spanNulls": False,
        "thresholdsStyle": {"mode": "dashed" if steps is not p.PLAIN else "off"},
        **({"axisPlacement": "hidden"} if bare else {}), **(custom or {}),
    }  # fmt: skip
    defaults = {"color": {"mode": "fixed", "fixedColor": "blue"} if bare else {"mode": "palette-classic"}}
    return p.panel(
        "trend" if across else "timeseries", title, queries, about=about, unit=unit, links=links, thresholds=steps,
        custom=drawn,
        defaults=defaults | more.pop("defaults", {}),
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": not bare, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"}, **({"xField": across} if across else {}),
        },
        **more,
    )  # fmt: skip


def lines(
    kpis: list[Kpi], level: Level, look: Look, *, title: str, window: str = "$window", by_level: bool = False,
    steps: targets.Steps = p.PLAIN, bare: bool = False, matchers: Mapping[str, str] | None = None,
) -> p.Panel:  # fmt: skip
    """KPIs over time, as they were recorded; by_level: a line for each team or manager."""
    who = " ".join(f"{{{{{label}}}}}" for label in level.labels[:1]) if by_level else ""
    of = matchers or {}
    queries = []
    for one in kpis:
        name = one.operation if len(kpis) > 1 else ""
        parts = [who, *(f"{{{{{label}}}}}" for label in one.by if label not in of), name]
        label = " ".join(part for part in parts if part) or one.title
        queries.append(p.Query(recorded(one, level, **where(one, window=window, **of)), label))
    return line_panel(
        title, queries, about="\n\n".join(about(one) for one in kpis), unit=unit(kpis[0], look),
        links=links(kpis[0], level, window), steps=steps, bare=bare,
        custom={"fillOpacity": 0 if by_level else 12},
    )  # fmt: skip


def sparkline(title: str, expr: str, *, about: str, unit: str) -> p.Panel:
    """Days that come as labels, as a line. expr: a number for each day."""
    return line_panel(
        title, [p.rows(expr)], about=about, unit=unit, links=[p.Link("Definition", definition())], bare=True,
        decimals=1, transformations=days("day"), more={"timeFrom": "31d", "hideTimeOverride": True},
    )  # fmt: skip


def days(key: str) -> list[dict[str, Any]]:
    """Makes times of the days in a column."""
    return [
        {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": key}]}},
        {
            "id": "convertFieldType",
            "options": {"conversions": [{"targetField": key, "destinationType": "time"}], "fields": {}},
        },
        {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": {}}},
    ]


def bars(
    title: str, queries: list[p.Query], *, about: str, unit: str, links: list[p.Link],
    steps: targets.Steps = p.PLAIN, drill: p.Link | None = None, label: str = "",
    mappings: Sequence[dict[str, Any]] = (), names: float = 0, nothing: str = "", **more: Any,
) -> p.Panel:  # fmt: skip
    """Values side by side as bars. drill: where a click on a bar leads. label: what a bar is called after.

    Without a label a bar that is alone would be called after its panel.
    names: pixels of their letters; 0: as large as bars allow. nothing: what stands there without any, if not a dash.
    """
    plain = {"mode": "fixed", "fixedColor": "blue"}
    defaults: dict[str, object] = {"color": plain if steps is p.PLAIN else {"mode": "thresholds"}, "min": 0}
    defaults["mappings"] = [*mappings, NO_NUMBER]
    if drill:
        defaults["links"] = [drill.data()]
    if nothing:
        defaults["noValue"] = nothing
    if label:
        defaults["displayName"] = f"${{__field.labels.{label}}}"
    return p.panel(
        "bargauge", title, queries, about=about, unit=unit, links=links, thresholds=steps, defaults=defaults,
        options={
            "displayMode": "basic", "orientation": "horizontal", "showUnfilled": True, "valueMode": "text",
            "namePlacement": "left", "sizing": "auto", "minVizHeight": 16, "minVizWidth": 8, "reduceOptions": LAST,
            **({"text": {"titleSize": names}} if names else {}),
        },
        **more,
    )  # fmt: skip


def bar(expr: str, name: str) -> p.Query:
    """One bar with its name, which is a label, as a legend is not shown where the bar is alone (`BAR`)."""
    return p.number(f'label_replace({expr}, "{BAR}", "{name}", "", "")', f"{{{{{BAR}}}}}")


def kpi_bars(
    kpi: Kpi, level: Level, look: Look, *, title: str = "", top: int = 0, drill: p.Link | None = None,
    matchers: Mapping[str, str] | None = None,
) -> p.Panel:  # fmt: skip
    """A KPI compared over teams or managers, best first; managers by their names. Who is not known is neither."""
    keep = ("team",) if level is Level.TEAM else ("manager",) if level is Level.MANAGER else kpi.by
    span = of_window(kpi)
    known = {"team!": UNKNOWN} if level is Level.TEAM else {}
    series = scaled(kpi, live(kpi, level, Live(span, keep=keep, matchers={**(matchers or {}), **known})))
    if level is Level.MANAGER:
        series = named(series)
    down = kpi.better == "down"
    expr = (
        f"{'bottomk' if down else 'topk'}({top}, {series})" if top else f"{'sort' if down else 'sort_desc'}({series})"
    )
    name = "name" if level is Level.MANAGER else keep[0]
    return bars(
        title or kpi.title, [p.number(expr, f"{{{{{name}}}}}")], about=about(kpi), unit=unit(kpi, look),
        links=links(kpi, level, span), steps=targets.steps(kpi, look), drill=drill, label=name,
        decimals=decimals(kpi),
        # Grafana makes as much room as the name of the most letters takes: another one may be wider, as in Cyrillic.
        names=_NAMES if top else 0,
    )  # fmt: skip


def heatmap(title: str, family: Family, matchers: dict[str, str]) -> p.Panel:
    """How a histogram's values are spread, over time: the colour is how many fell between two bounds."""
    if not family.has_buckets:
        raise ValueError(f"{family.name} is no histogram")
    expr = summed(("le",), family, matchers, family.bucket)
    return p.panel(
        "heatmap", title, [p.Query(expr, "{{le}}", format="heatmap")], about=family.help, unit=family.unit,
        links=list(explained((family,), Level.TEAM, matchers["window"].replace("$window", "${window}"))),
        custom={"hideFrom": {"legend": False, "tooltip": False, "viz": False}, "scaleDistribution": {"type": "linear"}},
        options={
            "calculate": False, "cellGap": 1, "rowsFrame": {"layout": "auto"}, "showValue": "never",
            "color": {
                "mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "orange", "reverse": False,
            },
            "filterValues": {"le": 1e-9}, "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "yAxis": {"axisPlacement": "left", "unit": "s"}, "legend": {"show": True},
            "tooltip": {"mode": "single", "yHistogram": False},
        },
    )  # fmt: skip
