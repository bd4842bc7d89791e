"""Tables: a row per person, team or KPI, with colours that mean something."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from string import ascii_uppercase
from typing import Any

import grafana.panels as p
from grafana import targets
from grafana.behind import explained, fixed_windows
from grafana.kept import rank, ranked, ready
from grafana.live import NO_VALUE, changed, live
from grafana.look import Look
from grafana.promql import Live, families, has_period
from grafana.shown import NO_NUMBER, about, brief, change_words, decimals, of_window, scaled, unit, where
from grafana.units import nothing, whole
from metrics.catalogue.values import values
from metrics.kpi import Kpi, Level

TEXT, COLORED, FILLED, GAUGE = "auto", "color-text", "color-background", "gauge"
_SPAN, _EVERY = "30d", "1h"
"""What a sparkline shows."""
_GRAINS = {"currency": 1, "percentunit": 0.0001, "s": 0.1}
"""By unit, differences that a sparkline can show."""
_GRID, _ROW, _AROUND = 38, 36, 110
"""Pixels of a grid unit, of a row, and of what a table has around its rows: titles, headings, frame."""
_HIDDEN = {"viz": True, "legend": False, "tooltip": False}


@dataclass(frozen=True)
class TableColumn:
    """One column. expr: PromQL that gives a number for each row; "" for a label. steps: colours of the cells.

    width: fixed; least: of one that takes what is left (pixels).
    """

    title: str
    expr: str = ""
    unit: str = "short"
    decimals: int | None = None
    steps: targets.Steps = p.PLAIN
    cell: str = TEXT
    width: int = 0
    mappings: tuple[dict[str, Any], ...] = ()
    link: p.Link | None = None
    most: float | None = None
    least: int = 0

    def override(self) -> p.Override:
        """The settings of its cells."""
        custom: dict[str, Any] = {"unit": whole(self.unit, self.decimals), "thresholds": p.steps(*self.steps)}
        options: dict[str, Any] = {"type": self.cell}
        if self.cell in {FILLED, GAUGE}:
            options["mode"] = "basic"
        custom["custom__cellOptions"] = options
        if self.cell == GAUGE:
            custom |= {"min": 0, "color": {"mode": "fixed", "fixedColor": "blue"}}
            if self.most is not None:
                custom["max"] = self.most
        if self.decimals is not None:
            custom["decimals"] = self.decimals
        if self.width:
            custom["custom__width"] = self.width
        if self.least:
            custom["custom__minWidth"] = self.least
        if mappings := [*self.mappings, *nothing(self.unit)]:
            custom["mappings"] = mappings
        if self.link:
            custom["links"] = [self.link.data()]
        return p.override(self.title, **custom)


def table(
    title: str, labels: Mapping[str, str], columns: Sequence[TableColumn], *, about: str, links: Sequence[p.Link],
    sort: str = "", ascending: bool = False, extra: Sequence[p.Query] = (), trend: str = "", **more: Any,
) -> p.Panel:  # fmt: skip
    """Rows by their labels. labels: those shown, label → heading, "" for one that only links need.

    sort: heading of the column by which rows are sorted, greatest first. trend: heading of the sparkline that the
    last of `extra`, a range, is drawn as.
    """
    numbers = [column for column in columns if column.expr]
    queries = [*(p.rows(column.expr) for column in numbers), *extra]
    single = len(queries) == 1
    fields = {letter: "Value" if single else f"Value #{letter}" for letter in ascii_uppercase[: len(numbers)]}
    names = {name: column.title for name, column in zip(fields.values(), numbers, strict=True)}
    transformations: list[dict[str, Any]] = []
    if trend:
        letter = ascii_uppercase[len(queries) - 1]
        # Of the range alone: an instant answer of one row looks like a time series, too, and would lose its labels.
        only = {"id": "byRefId", "options": letter}
        transformations.append({"id": "timeSeriesTable", "options": {letter: {"stat": "lastNotNull"}}, "filter": only})
        names[f"Trend #{letter}"] = trend
    if len(queries) > 1:
        transformations.append({"id": "merge", "options": {}})
    order = [*labels, *names]
    hidden = [label for label, heading in labels.items() if not heading]
    transformations.append({
        "id": "organize",
        "options": {
            "excludeByName": dict.fromkeys(["Time"], True),
            "indexByName": {name: place for place, name in enumerate(order)},
            "renameByName": {**{label: heading for label, heading in labels.items() if heading}, **names},
        },
    })  # fmt: skip
    overrides = [column.override() for column in columns]
    overrides += [p.override(label, custom__hidden=True, custom__hideFrom=_HIDDEN) for label in hidden]
    if trend:
        overrides.append(_sparkline(trend))
    return p.panel(
        "table", title, queries, about=about, links=links, unit="short", overrides=overrides,
        transformations=transformations,
        custom={"align": "auto", "cellOptions": {"type": TEXT}, "inspect": False, "minWidth": 50},
        options={
            "showHeader": True, "cellHeight": "sm",
            **({"sortBy": [{"displayName": sort, "desc": not ascending}]} if sort else {}),
        },
        **more,
    )  # fmt: skip


def _sparkline(heading: str) -> p.Override:
    drawn = {"type": "sparkline", "hideValue": True, "drawStyle": "line", "lineWidth": 1, "fillOpacity": 15}
    return p.override(
        heading, custom__cellOptions=drawn, custom__minWidth=52, color={"mode": "fixed", "fixedColor": "blue"}
    )


@dataclass(frozen=True)
class Measured:
    """A KPI, at one value of each label that it keeps. is_brief: there is little room for its name."""

    kpi: Kpi
    own: Mapping[str, str] = field(default_factory=dict)
    is_brief: bool = False

    @property
    def name(self) -> str:
        """What its row is called."""
        title = brief(self.kpi) if self.is_brief else self.kpi.title
        return " · ".join((title, *(values(self.kpi, label)[value] for label, value in self.own.items())))

    @property
    def over(self) -> str:
        """What its row is called beyond the plan."""
        return f"{self.name.partition(':')[0]}: over plan"

    @property
    def better(self) -> str:
        """Fewer lost deals are good, though more closed ones are."""
        return "down" if "lost" in self.own.values() else self.kpi.better


def at_least_nothing(kpi: Kpi, value: str) -> str:
    """A value as people read it: beyond a plan nothing more is needed."""
    return f"clamp_min({value}, 0)" if kpi.is_needed else value


def measured(kpis: Iterable[Kpi], *, is_brief: bool = False) -> Iterator[Measured]:
    """Each KPI, once for every value of the labels that it keeps."""
    for kpi in kpis:
        for own in product(*(values(kpi, label) for label in kpi.by)):
            yield Measured(kpi, dict(zip(kpi.by, own, strict=True)), is_brief)


def _union(parts: Iterable[tuple[str, str]]) -> str:
    return "\nor ".join(f'label_replace({expr}, "kpi", "{name}", "", "")' for name, expr in parts)


class KpiTable:
    """KPIs of one unit for one subject: value, change, target, rank and a sparkline, a row each."""

    def __init__(self, kpis: Iterable[Kpi], level: Level, look: Look, *, is_brief: bool = False) -> None:
        self._rows = list(measured(kpis, is_brief=is_brief))
        self._is_brief = is_brief
        self._level = level
        self._look = look
        self._who = {level.value: f"${level.value}"}

    @property
    def height(self) -> int:
        """Grid units in which every row is seen."""
        return -(-(_AROUND + _ROW * len(self._rows)) // _GRID)

    def panel(self, title: str, *, names: int) -> p.Panel:
        """The table. names: width of the column that says which KPI it is; the sparkline has what is left."""
        first = self._rows[0].kpi
        rows = self._rows
        shown, (digits, *others) = unit(first, self._look), {decimals(one.kpi) for one in rows}
        digits = None if others else digits
        percent, sign = ("suffix:pp", "pp") if first.in_points else ("percent", "%")
        words = (*change_words("" if self._is_brief else sign), NO_NUMBER)
        # Of tables that share the screen as little as most numbers need, and changes without a digit after the point.
        value, change, goal = (80, 71, 62) if self._is_brief else (96, 84, 84)
        columns = [
            TableColumn("KPI", width=names),
            TableColumn("Value", _union(part for one in rows for part in self._shown(one)), shown, digits, width=value,
                        mappings=(NO_NUMBER,)),
        ]  # fmt: skip
        if any(has_period(one.kpi) for one in rows):
            columns += [
                TableColumn(
                    which.capitalize(),
                    self._changes(which),
                    percent,
                    0 if self._is_brief else 1,
                    ((None, color),),
                    COLORED,
                    change,
                    words,
                )
                for which, color in (("better", targets.GOOD), ("worse", targets.BAD))
            ]
        if any(self._target(one) is not None for one in rows):
            met = {"1": {"text": "✓", "color": targets.GOOD, "index": 0},
                   "0": {"text": "✗", "color": targets.BAD, "index": 1}}  # fmt: skip
            columns += [
                TableColumn("Target", self._targets(), shown, digits, width=goal),
                TableColumn("Met", self._met(), "none", 0, p.PLAIN, COLORED, 50, ({"type": "value", "options": met},)),
            ]
        columns += [
            TableColumn("Rank", self._each(self._rank), "none", 0, width=52),
            TableColumn("of", self._each(self._ranked), "none", 0, width=50),
        ]
        # How what is left of a plan went, its course says.
        lines = _union((one.name, self._line(one)) for one in rows if not one.kpi.is_left)
        return table(
            title, {"kpi": "KPI"}, columns, links=self._links(),
            about="\n\n".join(
                ["Ranks are those of the last recording, which is up to four minutes old; all else is of now.",
                 *dict.fromkeys(about(one.kpi) for one in rows)]
            ),
            extra=[p.Query(lines, "{{kpi}}", every=_EVERY)], trend="30 d",
            more={"timeFrom": _SPAN, "hideTimeOverride": True},
        )  # fmt: skip

    def _shown(self, one: Measured) -> Iterator[tuple[str, str]]:
        """Name and value. Beyond a plan nothing is left of it and nothing is needed: it is over by so much."""
        value = f"({self._value(one)})"
        if one.kpi.is_left:
            yield one.name, f"({value} >= 0)"
            yield one.over, f"-1 * ({value} < 0)"
        else:
            # A row without a number stays where it is.
            filler = "" if one.kpi.is_planned else f" or {NO_VALUE}"
            yield one.name, at_least_nothing(one.kpi, value) + filler

    def _each(self, how: Callable[[Measured], str]) -> str:
        """A number for each row, by the name that the row has."""
        parts = []
        for one in self._rows:
            if one.kpi.is_left:
                value = f"({self._value(one)})"
                parts += [(one.name, f"({how(one)} and on () {value} >= 0)"),
                          (one.over, f"({how(one)} and on () {value} < 0)")]  # fmt: skip
            else:
                parts.append((one.name, how(one)))
        return _union(parts)

    def _line(self, one: Measured) -> str:
        """What a sparkline draws: a shape without a scale, told from its lowest value on, of two points at least.

        Grafana 12.2 hangs on one whose lowest and highest value are almost one (sums differ by the order in which they
        were added), where the lines before and after a refresh have but one value in common (from 0 on they do not),
        and on a single point: so the first one of a line counts for the hour before it, too.
        """
        now, next_ = (self._rounded(one, offset) for offset in ("", f" offset -{_EVERY}"))
        return f"(({now} or {next_}) - min_over_time({now}[{_SPAN}:{_EVERY}] @ end()))"

    def _rounded(self, one: Measured, offset: str) -> str:
        series = ready(one.kpi, self._level, self._where(one), offset)
        return f"round(max({scaled(one.kpi, series)}), {_GRAINS.get(one.kpi.unit, 0.01):g})"

    def _links(self) -> list[p.Link]:
        read = dict.fromkeys(family for one in self._rows for family in families(one.kpi.formula) if family.credited)
        window = of_window(self._rows[0].kpi).removeprefix("$")
        fixed = fixed_windows(one.kpi for one in self._rows)
        return list(explained(tuple(read), self._level, f"${{{window}}}", fixed=fixed))

    def _live(self, one: Measured) -> Live:
        return Live(of_window(one.kpi), matchers={**self._who, **one.own})

    def _value(self, one: Measured) -> str:
        return scaled(one.kpi, live(one.kpi, self._level, self._live(one)))

    def _changes(self, which: str) -> str:
        parts = []
        # What is written as 0 is no change.
        least = 0.5 if self._is_brief else 0
        for one in self._rows:
            if has_period(one.kpi):
                more = (one.better == "up") == (which == "better")
                change = changed(one.kpi, self._level, self._live(one))
                parts.append((one.name, f"({change} {f'> {least}' if more else f'< {-least}'})"))
        # A column without a number stays where it is.
        return _union([*parts, (parts[0][0], NO_VALUE)])

    def _target(self, one: Measured) -> float | None:
        return targets.target(one.kpi, self._look, one.own.get("channel", ""))

    def _targets(self) -> str:
        """Of what has a value: where a single column has numbers, Grafana calls it "Value"."""
        return _union(
            (one.name, f"(vector({goal:g}) and on () ({self._value(one)}))")
            for one in self._rows
            if (goal := self._target(one)) is not None
        )

    def _met(self) -> str:
        return _union(
            (one.name, f"(({self._value(one)}) {'<=' if one.better == 'down' else '>='} bool {goal:g})")
            for one in self._rows
            if (goal := self._target(one)) is not None
        )

    def _where(self, one: Measured) -> dict[str, str]:
        return {**where(one.kpi, window=of_window(one.kpi)), **self._who, **one.own}

    def _rank(self, one: Measured) -> str:
        return f"max({rank(one.kpi, self._level, self._where(one))})"

    def _ranked(self, one: Measured) -> str:
        return f"count({ranked(one.kpi, self._level, self._where(one))})"
