"""Kinds of panels that show a family of the service's own: a number, a line for each process or partition, a rate."""

from collections.abc import Sequence
from typing import Any

import grafana.panels as p
from grafana.dashboards import base
from grafana.links import definition
from grafana.promql import by, select
from grafana.shown import NO_NUMBER
from metrics.catalogue import gateway as g
from metrics.family import Family

RATE = "$__rate_interval"
DEFINITIONS = [p.Link("Definition", definition()), p.Link("Runbook", f"/d/{base.RUNBOOK}")]
BROKEN = ((None, "red"), (1.0, "green"))


def stat(title: str, unit: str, expr: str, legend: str, *, about: str, steps: Any = BROKEN) -> p.Panel:
    """One number on its color; where there is none it is gray, or red where that alone is bad news."""
    return p.panel(
        "stat", title, [p.number(expr, legend)], about=about, unit="bool_yes_no" if unit in {"up", "bool"} else unit,
        links=DEFINITIONS, thresholds=steps, defaults={} if steps is BROKEN else {"mappings": [NO_NUMBER]},
        options={
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "background",
            "graphMode": "none", "textMode": "auto", "justifyMode": "center", "orientation": "auto",
        },
    )  # fmt: skip


def gauge(title: str, family: Family, steps: Any, function: str = "") -> p.Panel:
    """The worst of all processes, unless another function is given."""
    function = function or ("max" if family.unit == "s" else "min")
    return stat(title, family.unit, f"{function}({family.name})", title, about=about_family(family), steps=steps)


def about_family(family: Family) -> str:
    """What a panel says of itself."""
    return f"`{family.name}`: {family.help}"


def line(title: str, family: Family, expr: str, legend: str = "", unit: str = "") -> p.Panel:
    """What a query of a family has been over time."""
    return _lines(title, [p.Query(expr, legend or title)], about_family(family), unit or family.unit)


def _lines(title: str, queries: list[p.Query], about: str, unit: str, overrides: Sequence[p.Override] = ()) -> p.Panel:
    return p.panel(
        "timeseries", title, queries, about=about, unit=unit, links=DEFINITIONS, overrides=overrides,
        # The axis of nothing is not one of hundreds.
        custom={"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "axisSoftMax": 1},
        defaults={"color": {"mode": "palette-classic"}, "min": 0} if unit != "dateTimeAsIso" else {},
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )  # fmt: skip


def answers() -> p.Panel:
    """Requests by the first digit of their status: the alert names the status itself."""
    kind = f'label_replace(rate({g.REQUESTS.name}[{RATE}]), "kind", "${{1}}xx", "status", "(.).*")'
    expr = f"sum by (kind) ({kind}) or on () {none_yet('kind')}"
    return line("Gateway: requests", g.REQUESTS, expr, "{{kind}}", "reqps")


def waiting() -> p.Panel:
    """Changes of the portal that wait, and since when the oldest does; 0 where no portal is connected."""
    queries = [
        p.Query(f"max({g.BITRIX24_WAITING.name}) or vector(0)", "waiting"),
        p.Query(f"({since(g.BITRIX24_OLDEST)}) or vector(0)", "oldest for"),
    ]
    about = f"{about_family(g.BITRIX24_WAITING)}\n\n{about_family(g.BITRIX24_OLDEST)}"
    oldest = p.override("oldest for", unit="s", custom__axisPlacement="right")
    return _lines("Bitrix24: changes to fetch", queries, about, "short", [oldest])


def each(title: str, family: Family, label: str, function: str = "max", of: str = "{0}", unit: str = "") -> p.Panel:
    """A line for each value of a label. of: what is asked, with {0} where the family's name stands."""
    legend = f"{label} {{{{{label}}}}}" if label in {"partition", "broker"} else f"{{{{{label}}}}}"
    return line(title, family, f"{function} by ({label}) ({of.format(family.name)})", legend, unit)


def one(title: str, family: Family, function: str = "max", unit: str = "") -> p.Panel:
    """One line for all processes together."""
    return line(title, family, f"{function}({family.name})", unit=unit)


def since(moment: Family) -> str:
    """Seconds since a moment that is 0 where there is none."""
    return f"time() - (max({moment.name}) > 0)"


def none_yet(label: str) -> str:
    """A zero for where nothing of the kind has happened, and so no series exists."""
    return f'label_replace(vector(0), "{label}", "none", "", "")'


def rate(title: str, family: Family, label: str = "") -> p.Panel:
    """How often a second it happens, by a label or in all."""
    labels = (label,) if label else ()
    expr = f"sum{by(labels)}(rate({family.name}[{RATE}]))"
    expr += f" or on () {none_yet(label)}" if label else " or vector(0)"
    return line(title, family, expr, f"{{{{{label}}}}}" if label else title, "suffix:/s")


def latency(family: Family, title: str) -> p.Panel:
    """Percentiles of a histogram."""
    buckets = f"sum by (le) (rate({select(family.bucket)}[{RATE}]))"
    queries = [p.Query(f"histogram_quantile({q}, {buckets})", f"p{q * 100:g}") for q in (0.5, 0.9, 0.99)]
    return _lines(title, queries, about_family(family), "s")
