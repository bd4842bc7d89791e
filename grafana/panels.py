"""The one module that knows grafanalib: builds panels and dashboards, and adds what its old schema lacks.

grafanalib 0.7.1 is no longer developed. It leaves out `refId`, panel ids, the data source's type, `calculate` of heat
maps and data links, and states a schema of 2016; `document` corrects all that in one pass over the JSON.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import grafanalib.core as g
from grafanalib._gen import DashboardEncoder

from grafana.links import settle, singles
from grafana.look import DATA_SOURCE
from grafana.units import nothing, whole

QUICKLY, SLOWLY = "15s", "30s"
"""How often a dashboard asks: every third scrape of what is so now, every second one of days and longer.

Grafana gives up what is not answered when it asks again. A browser asks five or six panels at a time, so that a wall of
two dozen has its numbers after five answers, one behind another: each of them may take a fifth of this.
"""
SCHEMA_VERSION = 39
PLUGIN_VERSION = "11.0.0"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
"""Every query asks the source that the variable `datasource` names; by default the provisioned one."""
OURS = "sales_pulse"
"""Key under which a panel carries what replaces grafanalib's own; grafanalib would merge it into its defaults."""
LEGACY = frozenset({
    "cacheTimeout", "editable", "error", "height", "hideTimeOverride", "minSpan", "span", "renderer", "isNew",
    "gnetId", "hideControls", "rows", "sharedCrosshair", "style", "inputs", "__inputs", "step", "metric", "target",
    "intervalFactor", "cards", "color", "dataFormat", "heatmap", "hideZeroBuckets", "highlightCards", "legend",
    "xAxis", "yAxis", "xBucketNumber", "xBucketSize", "yBucketBound", "yBucketNumber", "yBucketSize",
    "reverseYBuckets", "columns", "fontSize", "styles", "showHeader", "tooltip", "thresholds", "maxDataPoints",
})  # fmt: skip
"""Keys of older Grafanas that the pass drops from panels, targets and the dashboard."""

Step = tuple[float | None, str]
"""From this value on, this colour; the first from None."""
Panel = Any
Override = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """One PromQL query of a panel. instant: asks only for the last moment, which is what every single number does.

    A range ends on a multiple of its step, so that its last value is up to a step old. every: smallest step of a range.
    """

    expr: str
    legend: str = "__auto"
    instant: bool = False
    format: str = "time_series"
    every: str = ""


def number(expr: str, legend: str = "__auto") -> Query:
    """A query for what is so now."""
    return Query(expr, legend, instant=True)


def rows(expr: str) -> Query:
    """A query for the rows of a table, its labels as columns."""
    return Query(expr, instant=True, format="table")


@dataclass(frozen=True)
class Link:
    """Where a number comes from, or leads to."""

    title: str
    url: str

    def data(self) -> dict[str, Any]:
        """As a value's own link: a click on it leads there, in the same tab."""
        return {"title": self.title, "url": self.url, "targetBlank": False}

    def json(self) -> dict[str, Any]:
        """As the link of a panel, with all that Grafana's schema wants of it."""
        rest = {"type": "link", "icon": "", "tooltip": "", "tags": [], "asDropdown": False}
        return {
            **rest,
            "title": self.title,
            "url": self.url,
            "targetBlank": True,
            "includeVars": False,
            "keepTime": False,
        }


def override(name: str, **properties: Any) -> Override:
    """Other field settings for the series called `name` (a legend, or /expression/)."""
    kind = "byRegexp" if name.startswith("/") else "byName"
    return {
        "matcher": {"id": kind, "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }


def letter(number: int) -> str:
    """What the query with a number is called in its panel, from 0 on."""
    return ascii_uppercase[number]


def steps(*steps: Step) -> dict[str, Any]:
    """Thresholds by value."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


PLAIN: tuple[Step, ...] = ((None, "text"),)
"""Neither good nor bad."""


def panel(
    kind: str,
    title: str,
    queries: Sequence[Query],
    *,
    about: str,
    unit: str = "short",
    links: Iterable[Link] = (),
    thresholds: Sequence[Step] = PLAIN,
    decimals: int | None = None,
    overrides: Sequence[Override] = (),
    custom: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    defaults: dict[str, Any] | None = None,
    transformations: Sequence[dict[str, Any]] = (),
    more: dict[str, Any] | None = None,
) -> Panel:
    """A panel of any type over Prometheus. about: Markdown shown on hover; it says what the number means."""
    field: dict[str, Any] = {
        "unit": whole(unit, decimals),
        "thresholds": steps(*thresholds),
        "mappings": [],
        "noValue": "–",
    }
    field |= defaults or {}
    if decimals is not None:
        field["decimals"] = decimals
    if kind in {"stat", "bargauge"}:
        field["mappings"] = [*field["mappings"], *nothing(unit)]
    if custom:
        field["custom"] = custom
    made = {"stat": g.Stat, "timeseries": g.TimeSeries, "table": g.Table, "heatmap": g.Heatmap}.get(kind, g.BarGauge)
    return made(
        title=title,
        description=about,
        dataSource=SOURCE,
        targets=[
            g.Target(expr=q.expr, legendFormat=q.legend, instant=q.instant, format=q.format, refId=letter)
            for q, letter in zip(queries, ascii_uppercase, strict=False)
        ],
        transformations=list(transformations),
        links=[link.json() for link in links],
        extraJson={
            OURS: {
                "type": kind,
                "fieldConfig": {"defaults": field, "overrides": list(overrides)},
                "options": options or {},
                "pluginVersion": PLUGIN_VERSION,
                "steps": {letter: q.every for q, letter in zip(queries, ascii_uppercase, strict=False) if q.every},
                **(more or {}),
            }
        },
    )


def text(title: str, markdown: str, *, about: str = "") -> Panel:
    """A panel of words."""
    return g.Text(
        title=title,
        description=about or None,
        extraJson={
            OURS: {
                "options": {"mode": "markdown", "content": markdown},
                "fieldConfig": {"defaults": {}, "overrides": []},
                "pluginVersion": PLUGIN_VERSION,
            }
        },
    )


def row(title: str, folded: Sequence[Panel] = ()) -> Panel:
    """A heading across the whole width. folded: panels that are shown when a person opens it."""
    return g.RowPanel(title=title, panels=list(folded), collapsed=bool(folded))


def choice(name: str, label: str, values: Sequence[str], default: str) -> Any:
    """A variable with fixed values."""
    options = [{"text": value, "value": value, "selected": value == default} for value in values]
    extra = {"options": options, "current": {"text": default, "value": default}, "query": ",".join(values)}
    return {"type": "custom", "name": name, "label": label, "multi": False, "includeAll": False, "hide": 0, **extra}


def choice_of(name: str, label: str, values: Mapping[str, str]) -> Any:
    """A variable with fixed values that have names. values: name → value, the first one by default."""
    options = [
        {"text": text, "value": value, "selected": not place} for place, (text, value) in enumerate(values.items())
    ]
    query = ",".join(f"{text.replace(',', chr(92) + ',')} : {value}" for text, value in values.items())
    current = {key: options[0][key] for key in ("text", "value")}
    return choice(name, label, (), "") | {"options": options, "current": current, "query": query}


def constant(name: str, label: str, value: str, *, hidden: bool = True) -> Any:
    """A variable with one value; shown, it only tells."""
    one = {"text": value, "value": value, "selected": True}
    kind, hide = ("constant", 2) if hidden else ("custom", 0)
    return {
        "type": kind, "name": name, "label": label, "query": value, "current": one, "options": [one], "hide": hide,
        "skipUrlSync": hidden, "multi": False, "includeAll": False,
    }  # fmt: skip


def values_of(name: str, label: str, series: str, *, everything: bool = True) -> Any:
    """A variable with the values of the label of the same name; everything: offers "All"."""
    query = f"label_values({series}, {name})"
    return {
        "type": "query", "name": name, "label": label, "datasource": SOURCE, "definition": query, "hide": 0,
        "query": {"query": query, "refId": f"variable-{name}", "qryType": 1}, "refresh": 2, "sort": 1, "regex": "",
        "includeAll": everything, "multi": everything, "allValue": ".*" if everything else None, "options": [],
        "current": {"text": ["All"], "value": ["$__all"]} if everything else {"text": "", "value": ""},
    }  # fmt: skip


def people_of(name: str, label: str, info: str, team: str) -> Any:
    """A variable of managers: chosen by name, put into queries by id. info: the series that knows both."""
    query = f'query_result(max by (manager, name) ({info}{{team=~"{team}"}}))'
    return {
        "type": "query", "name": name, "label": label, "datasource": SOURCE, "definition": query, "hide": 0,
        "query": {"query": query, "refId": f"variable-{name}", "qryType": 3}, "refresh": 2, "sort": 1,
        "regex": '/manager="(?<value>[^"]*)",name="(?<text>[^"]*)"/', "includeAll": False, "multi": False,
        "options": [], "current": {"text": "", "value": ""},
    }  # fmt: skip


def _source() -> dict[str, Any]:
    return {
        "type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "hide": 2,
        "current": {"text": "Sales Pulse", "value": DATA_SOURCE}, "includeAll": False, "multi": False, "options": [],
        "refresh": 1, "regex": "", "skipUrlSync": False,
    }  # fmt: skip


def annotation(name: str, expr: str, title: str, color: str, *, at_value: bool = False) -> dict[str, Any]:
    """Marks on the time axis where an expression has samples; at_value: where its value says (Unix ms)."""
    return {
        "name": name, "datasource": SOURCE, "enable": True, "hide": False, "iconColor": color, "expr": expr,
        "step": "60s", "titleFormat": title, "useValueForTime": at_value,
    }  # fmt: skip


def document(
    uid: str,
    title: str,
    description: str,
    placed: Sequence[Panel],
    *,
    variables: Sequence[Any] = (),
    annotations: Sequence[dict[str, Any]] = (),
    links: Sequence[dict[str, Any]] = (),
    timezone: str,
    tags: Sequence[str] = (),
    time_from: str = "now-12h",
    refresh: str = SLOWLY,
) -> dict[str, Any]:
    """The JSON of a dashboard, complete for the schema that it states. placed: panels with their `gridPos`.

    timezone: IANA name; days of numbers begin in it, wherever the one who looks is.
    """
    dashboard = g.Dashboard(
        title=title,
        description=description,
        uid=uid,
        panels=list(placed),
        tags=["sales-pulse", *tags],
        timezone=timezone,
        refresh=refresh,
        editable=False,
        graphTooltip=1,
        schemaVersion=SCHEMA_VERSION,
        time=g.Time(time_from, "now"),
    )
    raw = json.loads(json.dumps(dashboard.to_json_data(), cls=DashboardEncoder))
    result = {key: value for key, value in raw.items() if key not in LEGACY and value is not None}
    result.update(
        editable=False,
        timepicker={"hidden": False, "refresh_intervals": ["10s", QUICKLY, SLOWLY, "1m", "5m", "15m", "1h"]},
        fiscalYearStartMonth=0,
        liveNow=False,
        weekStart="monday",
        links=list(links),
        templating={"list": [{k: v for k, v in one.items() if v is not None} for one in (_source(), *variables)]},
        annotations={"list": list(annotations)},
        panels=_numbered(raw["panels"]),
    )
    known = singles(result["templating"]["list"])
    for panel in result["panels"]:
        for one in (panel, *panel.get("panels", ())):
            settle(one, known)
    return result


def _numbered(raw: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """All panels with an id each; those of a folded row count after it."""
    found: list[dict[str, Any]] = []
    number = 0
    for one in raw:
        number += 1
        panel = _mended(one, number)
        if folded := one.get("panels"):
            panel["panels"] = [_mended(inner, number + place) for place, inner in enumerate(folded, 1)]
            number += len(folded)
        found.append(panel)
    return found


def _mended(raw: dict[str, Any], number: int) -> dict[str, Any]:
    result = {key: value for key, value in raw.items() if key not in LEGACY and value not in (None, [])}
    steps = result.get(OURS, {}).pop("steps", {})
    result.update(result.pop(OURS, {}), id=number)
    if raw["type"] == "row":
        folded = {"collapsed": raw["collapsed"], "panels": []}
        return {key: result[key] for key in ("id", "type", "title", "gridPos")} | folded
    if raw["type"] == "text":
        for key in ("datasource", "targets"):
            result.pop(key, None)
        return result
    result["datasource"] = SOURCE
    result["targets"] = [_target(target) | _every(steps, target) for target in raw["targets"]]
    if raw["type"] == "heatmap":
        result["options"]["calculate"] = False
    return result


def _every(steps: dict[str, str], target: dict[str, Any]) -> dict[str, str]:
    return {"interval": steps[target["refId"]]} if target["refId"] in steps else {}


def _target(raw: dict[str, Any]) -> dict[str, Any]:
    kept = {key: raw[key] for key in ("expr", "format", "legendFormat", "refId", "instant")}
    return {**kept, "range": not raw["instant"], "editorMode": "code", "datasource": SOURCE}
