"""OpenMetrics text of the past: what Prometheus keeps of each KPI, with a sample at the end of each local day.

One family after the other, in each one series after the other, in each one sample after the other: as the standard
wants it, and so that the text can be cut by time into files without holding it.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from math import isnan
from typing import NamedTuple

from metrics.exporter.board import Board
from metrics.exporter.exposition.text import escape, number
from metrics.family import CALENDAR_WINDOWS, PERIODS
from metrics.kpi import Kpi, Level, Quantile
from metrics.other import MANAGER, manager_name
from metrics.past.names import names
from metrics.past.values import Course, Courses, DayEnds, Walk, bundles
from metrics.windows import last_second

END = "# EOF\n"
Values = list[tuple[int, float]]
"""(number of the day, value at its end), NaN where there is none."""


class PastSeries(NamedTuple):
    """One series: name and labels as text, and its samples, as (number of the day, value)."""

    name: str
    samples: Values


class PastFamily(NamedTuple):
    """All series of one name."""

    head: str
    series: Iterator[PastSeries]


class _Told(NamedTuple):
    """What a name shows: a KPI at a level, with labels beside those of the level."""

    kpi: Kpi
    level: Level
    extra: str = ""


def families(kpis: Sequence[Kpi], courses: Courses, span: DayEnds, days: range) -> Iterator[PastFamily]:
    """Every name with its series, one after the other. days: numbers of those that are written."""
    for name, told in _names(kpis).items():
        yield PastFamily(_head(name, told[0].kpi.help), _series(name, told, courses, span, days))


def document(board: Board, span: DayEnds, since: date, now: float) -> Iterator[str]:
    """The whole past as one document, piece by piece. since: the first day that is held. now: Unix seconds."""
    seconds, shown = stamps(span, board), names(board, now)
    for kpis in bundles(board, span.size, shown):
        walk = Walk(board, kpis, span, since, now, shown)
        for _ in walk.steps():
            pass
        for family in families(kpis, walk.courses, span, span.days):
            yield from text(family, seconds)
    yield END


def text(family: PastFamily, seconds: Sequence[int]) -> Iterator[str]:
    """The text of a family, series by series; nothing where it has none."""
    head = family.head
    for series in family.series:
        yield head + lines(series, seconds)
        head = ""


def stamps(span: DayEnds, board: Board) -> list[int]:
    """Unix second of the end of each day, by its number."""
    return [last_second(span.date(number), board.zone) for number in range(span.size)]


def lines(series: PastSeries, seconds: Sequence[int]) -> str:
    """The text of a series."""
    return "".join([f"{series.name} {number(value)} {seconds[day]}\n" for day, value in series.samples])


def _head(name: str, about: str) -> str:
    about = about.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return f"# HELP {name} {about}\n# TYPE {name} gauge\n"


def _names(kpis: Sequence[Kpi]) -> dict[str, list[_Told]]:
    """Name → what it shows: of people what the exporter shows of them, where percentiles of a family share one."""
    found: dict[str, list[_Told]] = {}
    for kpi in kpis:
        for level in kpi.levels:
            extra = ""
            if isinstance(kpi.formula, Quantile) and not kpi.is_recorded(level):
                extra = f',quantile="{kpi.formula.q:g}"'
            name = kpi.kept_as(level).partition("{")[0]
            found.setdefault(name, []).append(_Told(kpi, level, extra))
    return found


def _series(name: str, told: Sequence[_Told], courses: Courses, span: DayEnds, days: range) -> Iterator[PastSeries]:
    for one in told:
        labels = (*one.level.labels, *one.kpi.by)
        for key, course in sorted(courses.get((one.kpi.id, one.level), {}).items()):
            head = "".join(f'{label}="{_value(label, value)}",' for label, value in zip(labels, key, strict=True))
            for window in CALENDAR_WINDOWS:
                for period, values in _periods(one, course, window, span, days):
                    samples = [(day, value) for day, value in values if not isnan(value)]
                    if samples:
                        yield PastSeries(f'{name}{{{head}window="{window}"{period}{one.extra}}}', samples)


def _value(label: str, value: str) -> str:
    return escape(manager_name(value) if label == MANAGER else value)


def _periods(told: _Told, course: Course, window: str, span: DayEnds, days: range) -> Iterator[tuple[str, Values]]:
    """The values of each period, with the label that says which."""
    mine = course.get(window)
    if mine is None:
        return
    current = [(day, mine[day]) for day in days]
    if told.kpi.is_planned:
        yield "", current
        return
    yield f',period="{PERIODS[0]}"', current
    before, start = span.before[window], span.days.start
    yield f',period="{PERIODS[1]}"', [(day, mine[at]) for day in days if (at := before[day - start]) >= 0]
