"""KPIs as panels: title, unit, definition, trend, rank and links follow from the catalogue."""

from collections.abc import Iterator

import grafana.panels as p
from grafana.look import Look
from grafana.promql import families, has_period, rank, select, summed
from metrics.catalogue import KPIS
from metrics.family import Family, Kind
from metrics.kpi import Kpi, Level

TITLES = {kpi.title: kpi for kpi in KPIS}
"""How a dashboard names a KPI: by its title, so that series are spelled in the catalogue only."""

GOOD, BAD, NEUTRAL = "green", "red", "text"


def kpi(title: str) -> Kpi:
    """The KPI of that title. Raises KeyError, so a dashboard cannot show what is not defined."""
    return TITLES[title]


def where(kpi: Kpi, level: Level, *, window: str = "$window", period: str = "current", **more: str) -> dict[str, str]:
    """Matchers of a KPI's series on a dashboard with the variables `team` and `manager` of its level."""
    result = {label: f"${label}" for label in level.labels}
    if kpi.windows:
        result["window"] = window
    if has_period(kpi):
        result["period"] = period
    return {**result, **more}


def value(kpi: Kpi, level: Level, **matchers: str) -> str:
    """The recorded series of a KPI."""
    return select(kpi.record(level), matchers)


def about(kpi: Kpi) -> str:
    """What a KPI's panel says on hover: the definition, and those of the families behind it."""
    parts = [f"**KPI {kpi.number}.** {kpi.help}"]
    parts += [f"`{family.name}`: {family.help}" for family in families(kpi.formula)]
    return "\n\n".join(parts)


def explained(families: tuple[Family, ...], level: Level | None, window: str) -> Iterator[p.Link]:
    """Links to the entities behind a number, one for each family."""
    who = "".join(f"&{label}=${{{label}}}" for label in (level.labels if level else ()))
    for family in families:
        span = f"&window={window}" if family.windows else ""
        address = f"${{exporter}}/api/v1/explain?family={family.name}{who}{span}"
        yield p.Link(f"Explain: {family.name}", address)
    yield p.Link("Definition", "/d/sales-reference")


def links(kpi: Kpi, level: Level, window: str = "$window") -> list[p.Link]:
    """Where a KPI's number comes from."""
    return list(explained(families(kpi.formula), level, window.replace("$window", "${window}")))


def legend(kpi: Kpi, otherwise: str) -> str:
    """Name of a series: the labels that the KPI keeps."""
    return " ".join(f"{{{{{label}}}}}" for label in kpi.by) or otherwise


def tile(
    kpi: Kpi, level: Level, look: Look, *, window: str = "$window", ranked: bool = False, title: str = ""
) -> p.Panel:
    """The number, large, with a line behind it; below it the trend against the previous period, and the rank."""
    matchers = where(kpi, level, window=window)
    queries = [p.Query(value(kpi, level, **matchers), legend(kpi, "now"))]
    overrides = []
    if kpi.trend:
        matched = {key: one for key, one in matchers.items() if key != "period"}
        queries.append(p.Query(select(kpi.trend_record(level), matched), f"{legend(kpi, '')} trend".strip()))
        low, high = (BAD, GOOD) if kpi.better != "down" else (GOOD, BAD)
        overrides.append(p.override(
            "/trend$/", unit="percentunit", decimals=0,
            thresholds=p.steps((None, low), (0, high)),
        ))  # fmt: skip
    if ranked and level is not Level.COMPANY:
        queries.append(p.Query(rank(kpi, level, matchers), f"{legend(kpi, '')} rank".strip(), instant=True))
        overrides.append(p.override("/rank$/", unit="none", decimals=0, thresholds=p.steps((None, NEUTRAL))))
    return p.panel(
        "stat", title or kpi.title, queries, about=about(kpi), unit=look.unit(kpi), overrides=overrides,
        links=links(kpi, level, window),
        options={
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "orientation": "auto",
            "colorMode": "value", "graphMode": "area", "justifyMode": "center", "wideLayout": True,
            "textMode": "auto" if len(queries) > 1 or kpi.by else "value",
        },
    )  # fmt: skip


def lines(
    kpis: list[Kpi], level: Level, look: Look, *, title: str, window: str = "$window", by_level: bool = False,
    thresholds: tuple[p.Step, ...] = p.PLAIN, **more: str,
) -> p.Panel:  # fmt: skip
    """KPIs over time; by_level: a line for each team or manager."""
    who = " ".join(f"{{{{{label}}}}}" for label in level.labels[:1]) if by_level else ""
    queries = []
    for one in kpis:
        name = one.title.rpartition(", ")[2] if len(kpis) > 1 else ""
        parts = [who, legend(one, ""), name]
        label = " ".join(part for part in parts if part) or one.title
        queries.append(p.Query(value(one, level, **where(one, level, window=window, **more)), label))
    lined = thresholds is not p.PLAIN
    return p.panel(
        "timeseries", title, queries, about="\n\n".join(about(one) for one in kpis), unit=look.unit(kpis[0]),
        links=links(kpis[0], level, window), thresholds=thresholds,
        custom={
            "drawStyle": "line", "lineInterpolation": "smooth", "lineWidth": 2, "fillOpacity": 12,
            "showPoints": "never", "spanNulls": False, "thresholdsStyle": {"mode": "dashed" if lined else "off"},
        },
        defaults={"color": {"mode": "palette-classic"}},
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )  # fmt: skip


def bars(
    title: str, queries: list[p.Query], *, about: str, unit: str, links: list[p.Link],
    thresholds: tuple[p.Step, ...] = p.PLAIN, drill: p.Link | None = None, maximum: float | None = None,
) -> p.Panel:  # fmt: skip
    """Values side by side as bars, the last of each series. drill: where a click on a bar leads."""
    defaults: dict[str, object] = {"color": {"mode": "thresholds"}, "min": 0}
    if maximum is not None:
        defaults["max"] = maximum
    if drill:
        defaults["links"] = [drill.data()]
    return p.panel(
        "bargauge", title, queries, about=about, unit=unit, links=links, thresholds=thresholds, defaults=defaults,
        options={
            "displayMode": "gradient", "orientation": "horizontal", "showUnfilled": True, "valueMode": "color",
            "namePlacement": "auto", "sizing": "auto", "minVizHeight": 16, "minVizWidth": 8,
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
    )  # fmt: skip


def kpi_bars(
    kpi: Kpi, level: Level, look: Look, *, title: str = "", window: str = "$window", top: int = 0,
    thresholds: tuple[p.Step, ...] = p.PLAIN, drill: p.Link | None = None, **more: str,
) -> p.Panel:  # fmt: skip
    """A KPI compared over teams or managers, best first."""
    series = value(kpi, level, **where(kpi, level, window=window, **more))
    function = "bottomk" if kpi.better == "down" else "topk"
    ordered = f"{'sort' if kpi.better == 'down' else 'sort_desc'}({series})"
    expr = f"{function}({top}, {series})" if top else ordered
    name = " ".join(f"{{{{{label}}}}}" for label in (*level.labels[:1], *kpi.by))
    return bars(
        title or kpi.title, [p.Query(expr, name, instant=True)], about=about(kpi), unit=look.unit(kpi),
        links=links(kpi, level, window), thresholds=thresholds, drill=drill,
    )  # fmt: skip


def heatmap(title: str, family: Family, matchers: dict[str, str]) -> p.Panel:
    """How a histogram's values are spread, over time: the colour is how many fell between two bounds."""
    if family.kind is not Kind.HISTOGRAM:
        raise ValueError(f"{family.name} is no histogram")
    expr = summed(("le",), family, matchers, family.bucket)
    return p.panel(
        "heatmap", title, [p.Query(expr, "{{le}}", format="heatmap")], about=family.help, unit=family.unit,
        links=list(explained((family,), Level.TEAM, "${window}")),
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
