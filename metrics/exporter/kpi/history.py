"""How a number developed: its value in each whole local day, week, month, quarter or year that day cells hold.

The same sums and formulas as on the wall, over other runs of days: a month's point is what the wall says of that month.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate, repeat
from operator import add
from typing import Any, NamedTuple

from metrics.catalogue import BY_EXPOSED, KPIS
from metrics.catalogue.plan import ACTUALS
from metrics.errors import AskedError
from metrics.exporter.held import plans
from metrics.exporter.held.days import SumSelection
from metrics.exporter.held.items import BITS
from metrics.exporter.held.numbers import Histogram, quantile
from metrics.exporter.held.view import HeldView, Row
from metrics.exporter.kpi import tables
from metrics.exporter.kpi.kpis import Evaluation, Key, key_of
from metrics.exporter.kpi.levels import people_of_days, place, rows
from metrics.exporter.kpi.made_of import parts
from metrics.exporter.kpi.runs import Run, check, oldest, plan_samples
from metrics.family import CALENDAR_WINDOWS, PERIODS, PLAN_WINDOWS, QUANTILES, Family, Source
from metrics.kpi import Formula, Level
from metrics.windows import period_end, period_start

_BY_ID = {kpi.id: kpi for kpi in KPIS}
_BACK = {"day": 29, "week": 7 * 11, "month": 335, "quarter": 640, "year": 730}
"""Days before the last one that are shown when nobody says from when."""
_MOST_VALUES = 200_000
"""People or teams, times periods, of one answer."""
_MOST_QUESTIONS = 64
_NOT_ITS_OWN = ("manager", "team", "window", "period")
"""Labels of a series that the level and the step of a question stand for."""
_PLANNED = {kpi.id: measure for measure, actual in ACTUALS.items() for kpi in KPIS if kpi.formula == actual}
"""KPI → measure of the plan that its value of a month, quarter or year is compared with."""


class Value(NamedTuple):
    """One number of a period. target: of the plan, where there is one."""

    labels: dict[str, str]
    value: float
    target: float | None


@dataclass(frozen=True)
class Question:
    """What is asked: a KPI, or a family's series as exposed; whose; by which step.

    name: one team or manager, "" for all of the level. teams: those that may be seen, None for all.
    """

    kpi: str
    series: str
    level: Level
    name: str
    step: str
    teams: frozenset[str] | None = None

    @property
    def only(self) -> tuple[str, str] | None:
        """Label and value of the one who is asked for."""
        return (self.level.value, self.name) if self.name else None

    @property
    def formula(self) -> Formula | None:
        """Of the KPI."""
        return _BY_ID[self.kpi].formula if self.kpi else None

    @property
    def family(self) -> Family:
        """Whose series it is, of a question about one."""
        return BY_EXPOSED[self.series]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of a value's labels, in order."""
        if self.kpi:
            return (*self.level.labels, *_BY_ID[self.kpi].by)
        # Of sizes /metrics keeps fewer labels than there are.
        own = (*self.family.labels, "le") if self.family.by_team else self.family.labels_of(self.series)
        return (*self.level.labels, *(label for label in own if label not in _NOT_ITS_OWN))

    @property
    def unit(self) -> str:
        """Grafana's name of the unit."""
        if self.kpi:
            return _BY_ID[self.kpi].unit
        counted = {self.family.count, self.family.team_count, self.family.bucket}
        return "short" if self.series in counted else self.family.unit

    @cached_property
    def share(self) -> SumSelection:
        """The sums that it needs."""
        names = [part["family"] for part in parts(self.formula)] if self.formula else [self.series]
        mask = 0
        for name in names:
            mask |= BITS[BY_EXPOSED[name]]
        if self.level is Level.MANAGER:
            return SumSelection(mask, manager=self.name)
        return SumSelection(mask, "", together=True, whole=self.level is Level.COMPANY and self.teams is None)


def question(
    kpi: str | None, family: str | None, level: Level, name: str, step: str, teams: frozenset[str] | None = None
) -> Question:
    """What is asked for, checked against the catalogue. Raises AskedError."""
    if (kpi is None) is (family is None):
        raise AskedError("state one of kpi= and family=; GET /api/v1/kpis names the KPIs")
    if step not in CALENDAR_WINDOWS:
        raise AskedError(f"step={step!r} does not exist; use one of {', '.join(CALENDAR_WINDOWS)}")
    if name and level is Level.COMPANY:
        raise AskedError(f"name={name!r} contradicts level=company; leave it out")
    if kpi is not None:
        found = _BY_ID.get(kpi)
        if found is None:
            raise AskedError(f"there is no kpi={kpi!r}; there are {', '.join(sorted(_BY_ID))}")
        _stepped(kpi, found.windows, step)
    else:
        declared = BY_EXPOSED.get(family or "")
        if declared is None:
            raise AskedError(f"there is no family={family!r}; metrics/REFERENCE.md lists them")
        _stepped(f"{family}", declared.windows if declared.source is Source.CELLS else (), step)
        if family not in declared.names:
            raise AskedError(f"family={family!r} is a distribution; use {', '.join(declared.names)}, or kpi=")
    return Question(kpi or "", family or "", level, name, step, teams)


def _stepped(name: str, windows: tuple[str, ...], step: str) -> None:
    steps = [window for window in windows if window in CALENDAR_WINDOWS]
    if not steps:
        raise AskedError(f"{name} is about now and has no history")
    if step not in steps:
        raise AskedError(f"step={step!r} does not exist for {name}; use one of {', '.join(steps)}")


def day(name: str, value: str | None) -> date | None:
    """A local date of a parameter. Raises AskedError."""
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise AskedError(f"{name}={value!r} is not a date; write it like 2026-11-23") from error


def span(asked: Question, first: date | None, last: date | None, today: date) -> list[date]:
    """First days of the periods that dates lie in, up to the running one. Raises AskedError."""
    last = min(last or today, today)
    first = max(oldest(today), last - timedelta(days=_BACK[asked.step])) if first is None else first
    check(Run(first, last), today)
    found = [period_start(asked.step, first)]
    while (following := period_end(asked.step, found[-1])) <= last:
        found.append(following)
    return found


class History:
    """Answers about one board; what a period that is over has said is kept until a day of it changes."""

    def __init__(self, board: HeldView) -> None:
        self._board = board
        self._values: OrderedDict[Question, dict[date, tuple[object, list[Value]]]] = OrderedDict()

    def making(self, asked: Question, periods: list[date], now: float) -> Iterator[None]:
        """Work out what is not known yet, in steps: others get their turn in between. Raises AskedError."""
        self._board.follow_clock(now)
        today = self._board.today(now)
        self._fits(asked, periods)
        for first in periods:
            yield from self._board.making_days(asked.share, _days(asked, first))
            if period_end(asked.step, first) <= today:
                self._of(asked, first, today, now)
            yield

    def points(self, asked: Question, periods: list[date], now: float) -> list[dict[str, Any]]:
        """The value of each period, by its first day, as it stands now. Nothing changes while it is worked out."""
        today = self._board.today(now)
        found = []
        for first in periods:
            end = period_end(asked.step, first)
            values = self._of(asked, first, today, now)
            found.append(
                {
                    "from": first.isoformat(),
                    "to": (end - timedelta(days=1)).isoformat(),
                    "complete": end <= today and first >= oldest(today),
                    "values": [_plain(value) for value in values],
                }
            )
        self._board.trim_days()
        return found

    def _fits(self, asked: Question, periods: list[date]) -> None:
        if asked.name or asked.level is Level.COMPANY:
            return
        names = {manager if asked.level is Level.MANAGER else team for manager, team in self._board.credits()}
        if len(names) * len(periods) > _MOST_VALUES:
            raise AskedError(
                f"{len(names)} of level={asked.level} times {len(periods)} periods are more than {_MOST_VALUES} values;"
                " ask for one by name=, for a longer step= or for fewer days"
            )

    def _of(self, asked: Question, first: date, today: date, now: float) -> list[Value]:
        kept = self._values.setdefault(asked, {})
        self._values.move_to_end(asked)
        while len(self._values) > _MOST_QUESTIONS:
            self._values.popitem(last=False)
        is_over = period_end(asked.step, first) <= today
        state = self._board.state_of_days(_days(asked, first))
        known = kept.get(first)
        if is_over and known is not None and known[0] == state:
            return known[1]
        found = list(self._worked_out(asked, first, now))
        if is_over:
            kept[first] = state, found
        return found

    def _worked_out(self, asked: Question, first: date, now: float) -> Iterator[Value]:
        board, level = self._board, asked.level
        end = period_end(asked.step, first)
        days = _days(asked, first)
        sums = board.sums_of_days(asked.share, days)
        where, slot = place(level, asked.only, asked.teams), (asked.step, PERIODS[0])
        found = rows(board, sums, slot, where, asked.share.mask)
        targets: dict[Key, float] = {}
        if asked.kpi:
            kpi = _BY_ID[asked.kpi]
            samples: list[plans.Sample] = []
            if asked.step in PLAN_WINDOWS and (kpi.is_planned or kpi.id in _PLANNED):
                planned = plans.PlanSelection((asked.step,), level.value, asked.name)
                samples = plans.of_teams(plan_samples(board, end, now, planned), asked.teams)
            evaluation = Evaluation(
                level, asked.step, found, [], samples, people_of_days(board, sums, days, level, where), self._home
            )
            values = evaluation.of(kpi)
            if kpi.id in _PLANNED:
                targets = evaluation.targets(_PLANNED[kpi.id])
        else:
            values = dict(_series(found, asked))
        for key, value in sorted(values.items()):
            if not asked.name or key[0] == asked.name:
                labels = dict(zip(asked.labels, self._named(asked, key), strict=True))
                yield Value(labels, value, targets.get(self._planned(asked, key)))

    def _home(self, manager: str) -> str:
        return self._board.reference.team_of(manager, "")

    def _named(self, asked: Question, key: Key) -> Key:
        """One person's numbers of all teams are shown under the team that he is in."""
        if asked.level is Level.MANAGER and asked.name:
            return (key[0], self._home(key[0]), *key[2:])
        return key

    def _planned(self, asked: Question, key: Key) -> Key:
        return (key[0], self._home(key[0])) if asked.level is Level.MANAGER else key[: len(asked.level.labels)]


def _days(asked: Question, first: date) -> range:
    return range(first.toordinal(), period_end(asked.step, first).toordinal())


def _plain(value: Value) -> dict[str, Any]:
    found = {"labels": value.labels, "value": value.value}
    return found if value.target is None else found | {"target": value.target}


def _series(found: list[Row], asked: Question) -> Iterator[tuple[Key, float]]:
    family = asked.family
    sums: dict[Key, list[int]] = {}
    for row in found:
        for labels, number in row.block.get(family, {}).items():
            key = (*key_of(row.shown, asked.level), *labels)
            if not isinstance(number, Histogram):
                yield key, number
            elif asked.series == family.name:
                own = dict(zip(family.labels, labels, strict=True))
                kept = (*key_of(row.shown, asked.level), *(own[name] for name in family.keeps))
                sums[kept] = list(map(add, sums.get(kept, repeat(0)), number.bins))
            else:
                yield from ((key + rest, value) for rest, value in _parts(number, asked))
    for key, bins in sums.items():
        cumulative = list(accumulate(bins))
        if cumulative[-1]:
            yield from (((*key, str(q)), quantile(q, cumulative, family.bounds)) for q in QUANTILES)


def _parts(number: Histogram, asked: Question) -> Iterator[tuple[Key, float]]:
    family = asked.family
    if asked.series in {family.sum, family.team_sum}:
        yield (), number.sum
    elif asked.series in {family.count, family.team_count}:
        yield (), float(number.count)
    else:
        yield from (((le,), float(below)) for le, below in zip(family.le, accumulate(number.bins), strict=True))


def table(asked: Question, points: list[dict[str, Any]], name_of: Callable[[str], str]) -> str:
    """The same as CSV: a row for each value, and one without a value for a period that has none."""
    named = asked.level is Level.MANAGER
    head = ["from", "to", "complete", *(["name"] if named else []), *asked.labels, "value", "target"]
    return tables.table(head, _lines(asked, points, name_of if named else None))


def _lines(
    asked: Question, points: list[dict[str, Any]], name_of: Callable[[str], str] | None
) -> Iterator[list[object]]:
    for point in points:
        period = [point["from"], point["to"], str(point["complete"]).lower()]
        for one in point["values"] or [{"labels": {}, "value": ""}]:
            labels = [one["labels"].get(label, "") for label in asked.labels]
            name = [name_of(labels[0]) if labels[0] else ""] if name_of else []
            yield [*period, *name, *labels, one["value"], one.get("target", "")]
