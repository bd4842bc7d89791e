"""The values of KPIs at the end of each local day: one walk over the days, each read once, while windows run along.

The same sums, rows and formulas as in `metrics.exporter.kpi.history`: at the end of a period both say the same number.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import groupby, product
from math import nan
from typing import NamedTuple

from metrics.catalogue import KPIS
from metrics.exporter.board import Board
from metrics.exporter.held.aggregates import Sums
from metrics.exporter.held.days import SumSelection, put_together
from metrics.exporter.held.numbers import Shown
from metrics.exporter.held.places import Places
from metrics.exporter.held.plans import manager_of
from metrics.exporter.held.view import Row
from metrics.exporter.kpi.kpis import Evaluation, Key
from metrics.exporter.kpi.levels import Place, place, rows
from metrics.exporter.kpi.runs import Whose, has_history, oldest, plan_samples, share_of
from metrics.family import CALENDAR_WINDOWS, PERIODS, Family
from metrics.kpi import Kpi, Level, PerManager, Quantile
from metrics.windows import local_day, period_start, windows_after

RECORDED = tuple(kpi for kpi in KPIS if has_history(kpi))
"""KPIs of periods: what is about now has no past."""
_MOST_VALUES = 25_000_000
"""Held at once, 8 bytes each: of a large company KPIs are worked out in several walks."""

Course = Mapping[str, "array[float]"]
"""Window → the value at the end of each day, by the number of the day; NaN where there is none."""
Courses = dict[tuple[str, Level], dict[Key, dict[str, "array[float]"]]]


class DayEnds(NamedTuple):
    """The days that are worked out, by ordinals, and the part of them that is wanted: the rest is compared with."""

    first: int
    wanted: int
    last: int
    before: Mapping[str, Sequence[int]]
    """Window → of each wanted day the number of the day at whose end the previous period is cut; -1 if not held."""

    @property
    def size(self) -> int:
        """How many days are worked out."""
        return self.last + 1 - self.first

    @property
    def days(self) -> range:
        """Numbers of the days wanted."""
        return range(self.wanted - self.first, self.size)

    def date(self, number: int) -> date:
        """The day with a number."""
        return date.fromordinal(self.first + number)


def held(board: Board, now: float) -> tuple[date, date] | None:
    """First and last day of which an end can be told: days that are over, since the first of which anything is held."""
    today = local_day(int(now), board.zone)
    first = board.first_day()
    if first is None or first >= today:
        return None
    since = oldest(date.fromordinal(today))
    return max(since, date.fromordinal(first)), date.fromordinal(today - 1)


def ends(first: date, last: date, since: date) -> DayEnds:
    """The ends of a run of days. since: the first day that is held; a period that begins before it is not told."""
    found: dict[str, list[int]] = {window: [] for window in CALENDAR_WINDOWS}
    for day in range(first.toordinal(), last.toordinal() + 1):
        for window in windows_after(date.fromordinal(day)):
            if window.period == PERIODS[1]:
                is_held = window.days.start >= since.toordinal()
                found[window.name].append(window.days.stop - 1 if is_held else -1)
    base = min(first.toordinal(), *(day for days in found.values() for day in days if day >= 0))
    before = {name: [day - base if day >= 0 else -1 for day in days] for name, days in found.items()}
    return DayEnds(base, first.toordinal(), last.toordinal(), before)


def bundles(board: Board, count: int, names: Places) -> Iterator[tuple[Kpi, ...]]:
    """KPIs that are worked out in one walk over so many days: all of them, unless that would be too much to hold."""
    shown = {("" if manager in names.others else manager, team) for manager, team in board.credits()}
    room = each = _MOST_VALUES // ((len(shown) + 1) * count * len(CALENDAR_WINDOWS))
    found: list[Kpi] = []
    for _, alike in groupby(RECORDED, _told_together):
        kpis = list(alike)
        if found and len(kpis) > room:
            yield tuple(found)
            found, room = [], each
        found += kpis
        room -= len(kpis)
    yield tuple(found)


def _told_together(kpi: Kpi) -> str:
    """People's percentiles of one distribution are series of one name."""
    return kpi.formula.family.name if isinstance(kpi.formula, Quantile) else kpi.id


class Walk:
    """One walk over the days for some KPIs. since: the first day that is held. now: Unix seconds.

    names: whoever has none of his own is counted in one row of his team, that of the manager "".
    """

    def __init__(
        self, board: Board, kpis: Sequence[Kpi], span: DayEnds, since: date, now: float, names: Places
    ) -> None:
        self._board, self._span, self._now, self._names = board, span, now, names
        self._since = since
        self._people = share_of(kpis, Whose(Level.MANAGER))
        self._together = self._people._replace(together=True)
        self._sums = {
            window: {share: Sums() for share in (self._people, self._together)} for window in CALENDAR_WINDOWS
        }
        self._kpis = {window: [kpi for kpi in kpis if window in kpi.windows] for window in CALENDAR_WINDOWS}
        places = product(CALENDAR_WINDOWS, Level)
        self._groups = {place: list(self._grouped(*place)) for place in places}
        self._planned = any(kpi.is_planned for kpi in kpis)
        wanted = set(span.days)
        self._needed = {window: wanted | set(span.before[window]) for window in CALENDAR_WINDOWS}
        self.courses: Courses = {}

    def steps(self) -> Iterator[int]:
        """Walk; says the number of each day that is done, below 0 before those that are worked out."""
        since = self._since.toordinal()
        starts = [
            period_start(window, self._span.date(number)).toordinal()
            for window, numbers in self._needed.items()
            for number in numbers
            if number >= 0
        ]
        counted = self._board.first_day() or self._span.last
        for day in range(max(since, min(counted, self._span.wanted), min(starts)), self._span.last + 1):
            self._add(day)
            number = day - self._span.first
            windows = [
                window
                for window in CALENDAR_WINDOWS
                if number in self._needed[window]
                and number >= 0
                and period_start(window, date.fromordinal(day)).toordinal() >= since
            ]
            self._evaluate(windows, number, date.fromordinal(day))
            yield number

    def _add(self, day: int) -> None:
        start = date.fromordinal(day)
        of = {share: self._board.sums_of_day(share, day) for share in (self._people, self._together)}
        for window, sums in self._sums.items():
            is_new = period_start(window, start) == start
            for share, gained in of.items():
                if is_new:
                    sums[share] = Sums()
                for credit, items in gained.items():
                    put_together(sums[share], share, credit, items)

    def _evaluate(self, windows: Sequence[str], number: int, day: date) -> None:
        board = self._board
        if not windows:
            return
        # What is compared with a plan has no previous period, for which alone earlier days are worked out.
        is_wanted = number in self._span.days
        samples = plan_samples(board, day + timedelta(days=1), self._now) if self._planned and is_wanted else []
        samples = [one for one in samples if manager_of(one) not in self._names.others]
        for window in windows:
            plans = [one for one in samples if window in one.labels]
            everybody: list[Row] = []
            for level in Level:
                for share, mask, kpis in self._groups[window, level]:
                    where = self._place(level, share)
                    found = rows(board, self._sums[window][share], (window, PERIODS[0]), where, mask)
                    if level is Level.MANAGER:
                        everybody = found
                    active = partial(_active, everybody, where)
                    evaluation = Evaluation(level, window, found, [], plans, active, self._home)
                    for kpi in kpis:
                        if is_wanted or not kpi.is_planned:
                            self._note(kpi, level, window, number, evaluation.of(kpi))

    def _grouped(self, window: str, level: Level) -> Iterator[tuple[SumSelection, int, list[Kpi]]]:
        """KPIs of a window by the sums that they read, with the mask of their families."""
        for share in (self._people, self._together):
            if kpis := [kpi for kpi in self._kpis[window] if self._share(kpi, level) is share]:
                yield share, share_of(kpis, Whose(level)).mask, kpis

    def _share(self, kpi: Kpi, level: Level) -> SumSelection:
        of_people = level is Level.MANAGER or isinstance(kpi.formula, PerManager)
        return self._people if of_people else self._together

    def _place(self, level: Level, share: SumSelection) -> Place:
        """Rows of a level. Of people only those who have a name are counted as such: the rest is many."""
        whole, others = place(level), self._names.others

        def found(shown: Shown) -> Shown | None:
            if shown[0] and shown[0] not in others:
                return whole(shown)
            return ("", shown[1]) if level is Level.MANAGER else None

        return found if others and not share.together else whole

    def _home(self, manager: str) -> str:
        return self._board.reference.team_of(manager, "")

    def _note(self, kpi: Kpi, level: Level, window: str, number: int, values: Mapping[Key, float]) -> None:
        courses = self.courses.setdefault((kpi.id, level), {})
        is_of_people = level is Level.MANAGER and isinstance(kpi.formula, PerManager)
        for key, value in values.items():
            if is_of_people and not key[0]:
                continue
            course = courses.setdefault(key, {})
            if window not in course:
                course[window] = array("d", [nan]) * self._span.size
            course[window][number] = value


def _active(everybody: Iterable[Row], where: Place, family: Family) -> dict[Shown, int]:
    """How many people of each row of a level have any of a family, from the rows of all people."""
    found: dict[Shown, set[str]] = {}
    for row in everybody:
        if family in row.block and (place := where(row.shown)) is not None:
            found.setdefault(place, set()).add(row.shown[0])
    return {place: len(people) for place, people in found.items()}
