"""What Grafana asks of Prometheus for a panel on a screen, and what it then shows: steps, alignment, variables.

The rules are Grafana's: the number of points is the panel's width unless it states one; the step is the range divided
by it, rounded to a human one and never below the data source's scrape interval; a range starts and ends on multiples of
its step, while an instant query asks for the end itself.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

SCRAPE = 5.0
"""Seconds; `timeInterval` of the provisioned data source."""
_COLUMNS, _GAP, _PAGE, _PADDING = 24, 8, 16, 16
"""Of the grid: columns, and px between panels, beside the page, and inside a panel."""
_MOST_POINTS = 11_000
"""More points Prometheus refuses."""
_HUMAN = (
    (0.010, 0.001), (0.015, 0.01), (0.035, 0.02), (0.075, 0.05), (0.15, 0.1), (0.35, 0.2), (0.75, 0.5), (1.5, 1),
    (3.5, 2), (7.5, 5), (12.5, 10), (17.5, 15), (25, 20), (45, 30), (90, 60), (210, 120), (450, 300), (750, 600),
    (1050, 900), (1500, 1200), (2700, 1800), (5400, 3600), (9000, 7200), (16200, 10800), (32400, 21600),
    (86400, 43200), (604800, 86400), (1814400, 604800), (3628800, 2592000),
)  # fmt: skip
"""Up to which number of seconds → which step is taken."""
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
_LABEL_VALUES = re.compile(r"label_values\((?P<series>.*), (?P<label>\w+)\)")
_QUERY_RESULT = re.compile(r"query_result\((?P<expr>.*)\)", re.DOTALL)
Value = str | list[str]


def seconds(text: str) -> float:
    """A duration as dashboards write it: 5s, now-12h's 12h, 30d."""
    found = re.fullmatch(r"(\d+)(ms|[smhdwMy])", text)
    assert found, text
    return int(found[1]) * _UNITS[found[2]]


def human(step: float) -> float:
    """The step that is taken for a wanted one."""
    return next((taken for below, taken in _HUMAN if step < below), 31536000)


def width(panel: Mapping[str, Any], screen: int) -> int:
    """Pixels that a panel has for its drawing."""
    column = (screen - 2 * _PAGE - _GAP * (_COLUMNS - 1)) / _COLUMNS
    columns = panel["gridPos"]["w"]
    return max(1, int(columns * column + (columns - 1) * _GAP - _PADDING))


@dataclass(frozen=True)
class GrafanaRequest:
    """One request to Prometheus. start: None for an instant query."""

    where: str
    expr: str
    end: float
    start: float | None = None
    step: float = 0.0


Series = dict[tuple[tuple[str, str], ...], tuple[float, float]]
"""Labels → time and value of the last sample."""


class GrafanaScreen:
    """A dashboard open at some moment on a screen of some width, over a data source.

    known: what was answered already, for screens of one moment to share.
    """

    def __init__(
        self, board: dict[str, Any], url: str, *, wide: int, end: float, past: str = "",
        known: dict[tuple[object, ...], Any] | None = None,
    ) -> None:  # fmt: skip
        self.board = board
        self._known = {} if known is None else known
        self.wide = wide
        self.end = end
        self.past = past or board["time"]["from"].removeprefix("now-")
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=60)
        self.chosen: dict[str, Value] = {}
        self.without_values: list[str] = []

    def __enter__(self) -> Self:
        for variable in self.board["templating"]["list"]:
            if variable["type"] != "datasource":
                self._choose(variable)
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    # -- variables

    def _choose(self, variable: dict[str, Any]) -> None:
        name = variable["name"]
        if variable["type"] != "query":
            self.chosen[name] = variable["current"]["value"]
            return
        values = self._values(self.filled(variable["query"]["query"]), variable.get("regex", ""))
        if not values:
            self.without_values.append(name)
        everything = variable["includeAll"] and "$__all" in variable["current"]["value"]
        if everything and variable.get("allValue"):
            self.chosen[name] = variable["allValue"]
        elif everything:
            self.chosen[name] = f"({'|'.join(map(_special, values))})"
        else:
            known = [value for value in values if value != "unknown"]
            self.chosen[name] = _quoted((known or values or [""])[0])

    def _values(self, query: str, regex: str) -> list[str]:
        if found := _LABEL_VALUES.fullmatch(query):
            body = self._get(f"/label/{found['label']}/values", {"match[]": found["series"], "end": self.end})
            values = [str(value) for value in body]
        else:
            found = _QUERY_RESULT.fullmatch(query)
            assert found, query
            result = self._get("/query", {"query": found["expr"], "time": self.end})["result"]
            values = [_as_text(one) for one in result]
        if regex:
            pattern = re.compile(regex.strip("/").replace("(?<", "(?P<"))
            matches = [pattern.search(value) for value in values]
            values = [m["value"] if "value" in m.groupdict() else m[1] for m in matches if m]
        return sorted(dict.fromkeys(values))

    def filled(self, expr: str, extra: Mapping[str, str] | None = None) -> str:
        """A text with variables put in, and those that Grafana makes of step and range."""
        values = {name: str(value) for name, value in self.chosen.items()} | dict(extra or {})

        def put(found: re.Match[str]) -> str:
            name = found["braced"] or found["plain"]
            return values.get(name, found[0])

        return re.sub(r"\$\{(?P<braced>\w+)(?::\w+)?\}|\$(?P<plain>\w+)", put, expr)

    # -- queries

    def panels(self) -> Iterator[dict[str, Any]]:
        """Every panel with queries, those of folded rows too."""
        for panel in self.board["panels"]:
            yield from (one for one in (panel, *panel.get("panels", ())) if one.get("targets"))

    def asked(self, panel: dict[str, Any]) -> Iterator[GrafanaRequest]:
        """What is asked for a panel: each target once."""
        past = seconds(panel.get("timeFrom") or self.past)
        points = panel.get("maxDataPoints") or width(panel, self.wide)
        for target in panel["targets"]:
            least = max(SCRAPE, seconds(panel.get("interval") or "1ms"))
            step = max(human(past / points), least)
            if target.get("interval"):
                step = max(human(past / points), seconds(target["interval"]))
            step = max(step, human(past / _MOST_POINTS))
            own = {
                "__interval": _text(step), "__interval_ms": f"{step * 1000:.0f}", "__range": f"{past:.0f}s",
                "__range_s": f"{past:.0f}", "__rate_interval": f"{max(step + SCRAPE, 4 * SCRAPE):g}s",
            }  # fmt: skip
            expr = self.filled(target["expr"], own)
            where = f"{self.board['uid']}: {panel['title']} ({target['refId']}), {self.past}, {self.wide} px"
            if target["instant"]:
                yield GrafanaRequest(where, expr, self.end)
            else:
                yield GrafanaRequest(where, expr, self.end // step * step, (self.end - past) // step * step, step)

    def answer(self, asked: GrafanaRequest) -> Series:
        """The last value of each series. Raises AssertionError with what Prometheus says."""
        if asked.start is None:
            return self.at(asked.expr, asked.end)
        return {
            _key(one["metric"]): (float(one["values"][-1][0]), float(one["values"][-1][1]))
            for one in self._range(asked)
        }

    def line(self, asked: GrafanaRequest) -> dict[tuple[tuple[str, str], ...], list[float]]:
        """All values of each series that is drawn."""
        return {_key(one["metric"]): [float(value) for _, value in one["values"]] for one in self._range(asked)}

    def _range(self, asked: GrafanaRequest) -> list[dict[str, Any]]:
        query = {"query": asked.expr, "start": asked.start, "end": asked.end, "step": asked.step}
        found: list[dict[str, Any]] = self._get("/query_range", query)["result"]
        return found

    def at(self, expr: str, moment: float) -> Series:
        """What is so at a moment."""
        data = self._get("/query", {"query": expr, "time": moment})
        if data["resultType"] == "scalar":
            return {(): (float(data["result"][0]), float(data["result"][1]))}
        return {_key(one["metric"]): (float(one["value"][0]), float(one["value"][1])) for one in data["result"]}

    def _get(self, path: str, query: Mapping[str, Any]) -> Any:
        key = (path, *query.items())
        if key not in self._known:
            plain = path.startswith("/label")
            asked = self._http.get(path, params=dict(query)) if plain else self._http.post(path, data=dict(query))
            content = asked.json()
            assert content["status"] == "success", f"{content.get('error')}: {query}"
            self._known[key] = content["data"]
        return self._known[key]


def shows_numbers(panel: Mapping[str, Any]) -> bool:
    """Whether a panel's last values are read as what is so now: all but what draws a course over time."""
    return panel["type"] in {"stat", "bargauge", "gauge", "table"}


def _key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _as_text(one: Mapping[str, Any]) -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in sorted(one["metric"].items()))
    return f"{{{labels}}} {one['value'][1]} {float(one['value'][0]) * 1000:.0f}"


def _text(step: float) -> str:
    if step < 1:
        return f"{step * 1000:.0f}ms"
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if step % size == 0:
            return f"{step / size:.0f}{unit}"
    return f"{step:.0f}s"


def _quoted(value: str) -> str:
    """As the data source escapes the value of a variable with one value."""
    return value.replace("\\", "\\\\\\\\").replace("'", "\\\\'")


def _special(value: str) -> str:
    """As it escapes one of several, which are matched as an expression."""
    return re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", value.replace("\\", "\\\\\\\\"))
