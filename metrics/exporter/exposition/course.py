"""Sums by hour and by day, moved by what changes: how today and this month have gone, as text.

A histogram over time needs every hour, corrected as late events correct it; samples that Prometheus took at full hours
are neither complete (it may have been away, or new) nor corrected.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from metrics.calendar import Calendar
from metrics.catalogue import course
from metrics.catalogue.plan import PLAN_MEASURES
from metrics.exporter.exposition.lines import Column
from metrics.exporter.exposition.table import Table
from metrics.exporter.exposition.text import header
from metrics.exporter.held import plans
from metrics.exporter.held.aggregates import Sums, add
from metrics.exporter.held.counted import Exact, Numbers, counted, measures_of
from metrics.exporter.held.items import Items
from metrics.exporter.held.numbers import to_float
from metrics.exporter.held.parts import Bucket
from metrics.family import MONEY_SCALE, Family
from metrics.reference import Reference
from metrics.windows import period_end, period_start

CourseRow = tuple[tuple[str, ...], float]
_KEPT = {"h": 24 * 9, "d": 40}
"""Newest buckets of hours and days that are held: a week before today, and the longest month."""
_MONTH = "month"


class Course:
    """Not safe for threads: one event loop uses it."""

    def __init__(self, items: Items, zone: ZoneInfo, calendar: Calendar) -> None:
        self._items = items
        self._zone = zone
        self.calendar = calendar
        self._sums: dict[str, dict[int, Sums]] = {kind: {} for kind in _KEPT}
        self._numbers: dict[Bucket, Numbers] = {}
        self._reference: Reference | None = None
        self._shown: date | None = None
        self._planned: date | None = None
        self._tables = {family: Table(family) for family in course.COURSE_FAMILIES}

    def put(self, bucket: Bucket, gained: Sums) -> None:
        """Take what a bucket has gained, by credit."""
        kind, number = bucket
        if kind not in _KEPT:
            return
        held = self._held(kind, number)
        if held is None:
            return
        items = self._items.all
        for (manager, team), deltas in gained.items():
            wanted = [(n, value) for n, value in deltas.items() if measures_of(items[n].measure)]
            if wanted:
                # The manager says only which team it is, where that was not stated.
                add(held, ("" if team else manager, team), wanted)
                self._numbers.pop(bucket, None)
                self._shown = None

    def _held(self, kind: str, number: int) -> Sums | None:
        """Sums of a bucket; None for one that is older than all that are kept."""
        buckets = self._sums[kind]
        if number not in buckets:
            if len(buckets) >= _KEPT[kind]:
                oldest = min(buckets)
                if number < oldest:
                    return None
                del buckets[oldest]
                self._numbers.pop((kind, oldest), None)
            buckets[number] = {}
        return buckets[number]

    def pieces(self, now: float, reference: Reference) -> Iterator[bytes | Column]:
        """Headings and lines of all its families at a moment (Unix seconds)."""
        today = datetime.fromtimestamp(now, self._zone).date()
        if self._shown != today or self._reference is not reference:
            is_planned = self._planned == today and self._reference is reference
            for family, rows in self.rows(today, reference, planned=not is_planned).items():
                self._tables[family].show(rows)
            self._planned = today
            self._shown = today
        for family, table in self._tables.items():
            if table.column.filled:
                yield header(family.name, family.help).encode()
                yield table.column

    def rows(self, today: date, reference: Reference, *, planned: bool = True) -> dict[Family, list[CourseRow]]:
        """Labels and value of every line. planned: those of plans as well, which no event changes."""
        if self._reference is not reference:
            # Teams and rates may have changed.
            self._reference = reference
            self._numbers.clear()
        hours, week = self._by_hour(today, reference)
        found = {
            course.HOURS: hours,
            course.WEEK_HOURS: week,
            course.DAYS: self._by_day(today, reference),
            course.MONTH_TO_DAY: list(self._month_to_day(today, reference)),
        }
        if planned:
            found[course.PLAN_COURSE] = list(plan_course(today, reference, self.calendar))
        return found

    def _by_hour(self, today: date, reference: Reference) -> tuple[list[CourseRow], list[CourseRow]]:
        # Added up, since an hour comes twice where the clock is put back.
        hours: dict[tuple[str, ...], Exact] = defaultdict(int)
        week: dict[tuple[str, ...], Exact] = defaultdict(int)
        for number in self._sums["h"]:
            local = datetime.fromtimestamp(number, self._zone)
            back = (today - local.date()).days
            if not 0 <= back <= 7:
                continue
            hour, weekday = f"{local:%H}", f"{local.isoweekday()} {local:%a}"
            for (team, measure), value in self._of(("h", number), reference).items():
                if measure not in course.HOUR_MEASURES:
                    continue
                if back in {0, 7}:
                    hours[team, measure, course.WEEK_BEFORE if back else course.TODAY, hour] += value
                if back:
                    week[measure, weekday, hour] += value
        return list(_rows(hours, 1)), list(_rows(week, 0))

    def _by_day(self, today: date, reference: Reference) -> list[CourseRow]:
        days: dict[tuple[str, ...], Exact] = defaultdict(int)
        for number in self._sums["d"]:
            if 0 <= today.toordinal() - number < course.SHOWN_DAYS:
                day = date.fromordinal(number).isoformat()
                for (_, measure), value in self._of(("d", number), reference).items():
                    if measure in course.DAY_MEASURES:
                        days[measure, day] += value
        return list(_rows(days, 0))

    def _month_to_day(self, today: date, reference: Reference) -> Iterator[CourseRow]:
        total: Numbers = defaultdict(int)
        first = today.replace(day=1)
        for day in (first + timedelta(days=n) for n in range(today.day)):
            if day.toordinal() in self._sums["d"]:
                for (team, measure), value in self._of(("d", day.toordinal()), reference).items():
                    if measure in PLAN_MEASURES:
                        total["company", "", measure] += value
                    if measure in course.TEAM_MEASURES:
                        total["team", team, measure] += value
            yield from (((*labels, day.isoformat()), value) for labels, value in _rows(total, 2))

    def _of(self, bucket: Bucket, reference: Reference) -> Numbers:
        found = self._numbers.get(bucket)
        if found is None:
            found = self._numbers[bucket] = counted(self._sums[bucket[0]][bucket[1]], self._items, reference)
        return found


def _rows(exact: Mapping[tuple[str, ...], Exact], measure: int) -> Iterator[CourseRow]:
    """Rows as they are shown. measure: which of the labels names it."""
    for labels, value in exact.items():
        yield labels, to_float(value, MONEY_SCALE if labels[measure].endswith("_amount") else 1)


def plan_course(today: date, reference: Reference, calendar: Calendar) -> Iterator[CourseRow]:
    """The plan to date of company and teams, as far as it is shown, at the end of every day of the month."""
    first, end = period_start(_MONTH, today), period_end(_MONTH, today)
    days = [first + timedelta(days=n) for n in range((end - first).days)]
    shares: dict[int, Mapping[date, Fraction]] = {}
    for plan in reference.plans.values():
        level, team = plan.scope
        is_shown = level == "company" or (level == "team" and plan.measure in course.TEAM_MEASURES)
        if plan.period != plans.period_name(_MONTH, today) or not is_shown:
            continue
        target = plans.target_of(plan, reference, first)
        if target is None:
            continue
        hours = calendar.of(team)
        if id(hours) not in shares:
            shares[id(hours)] = plans.shares_by_day(hours, days)
        for day, share in shares[id(hours)].items():
            yield (level, team, plan.measure, day.isoformat()), float(target * share)
