"""Working time: when a sales department works, and how much of it lies between two moments.

The YAML file that `SALES_CALENDAR` names:

    hours:                       # the week; a day that is not named is free
      mon: ["09:00-13:00", "14:00-18:00"]
      tue: ["09:00-18:00"]
    holidays: ["2027-01-01"]     # free, whatever the week says
    days:                        # extra or changed days, stronger than the two above
      "2026-12-26": ["10:00-15:00"]
    teams:                       # a team that works otherwise: its hours replace the company's,
      night:                     # its holidays and days add to them
        hours: {mon: ["20:00-24:00"]}
        holidays: ["2027-01-07"]

Several intervals a day; "24:00" ends a day. Times are wall-clock times of `SALES_TIMEZONE`: on the days that
daylight saving begins or ends, an interval over the change is an hour shorter or longer. A time that the clock skips
is the moment at which it does so; one that it shows twice is the first of the two.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from metrics.errors import CalendarError
from metrics.family import SECOND

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIDNIGHT = 24 * 60
_LOOKS_AHEAD = 800
_NEVER = 1 << 62

Interval = tuple[int, int]
"""Minutes of the local day: from, to."""


def _minute(text: str) -> int:
    hours, _, minutes = text.strip().partition(":")
    if not (hours.isdigit() and minutes.isdigit() and len(minutes) == 2 and int(minutes) < 60):
        raise ValueError(f"{text.strip()!r} is not a time; write it like 09:00")
    minute = int(hours) * 60 + int(minutes)
    if minute > _MIDNIGHT:
        raise ValueError(f"{text.strip()!r} is past the end of the day, 24:00")
    return minute


def _intervals(value: object) -> tuple[Interval, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ValueError('write a list of intervals like ["09:00-13:00", "14:00-18:00"]')  # noqa: TRY004 - pydantic reports ValueError
    result: list[Interval] = []
    for item in value:
        start, dash, end = str(item).partition("-")
        if not dash:
            raise ValueError(f"{item!r} is not a interval; write it like 09:00-18:00")
        interval = (_minute(start), _minute(end))
        if interval[0] >= interval[1]:
            raise ValueError(f"{item!r} ends before it begins; split a night at 24:00")
        if result and interval[0] < result[-1][1]:
            raise ValueError(f"{item!r} overlaps the interval before it; write them in order")
        result.append(interval)
    return tuple(result)


class _Week(BaseModel):
    """One calendar as it stands in the file."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    hours: dict[str, tuple[Interval, ...]] | None = None
    holidays: frozenset[date] | None = None
    days: dict[date, tuple[Interval, ...]] | None = None

    @field_validator("hours", mode="before")
    @classmethod
    def _read_hours(cls, value: object) -> object:
        if not isinstance(value, dict):
            raise ValueError("write the days of the week, mon to sun, each with a list of intervals")  # noqa: TRY004
        unknown = sorted(str(day) for day in value if day not in WEEKDAYS)
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no day of the week; use {' '.join(WEEKDAYS)}")
        return {day: _intervals(value.get(day)) for day in WEEKDAYS}

    @field_validator("days", mode="before")
    @classmethod
    def _read_days(cls, value: object) -> object:
        if not isinstance(value, dict):
            raise ValueError("write dates, each with a list of intervals")  # noqa: TRY004
        return {day: _intervals(intervals) for day, intervals in value.items()}


class CalendarFile(_Week):
    """The whole file: the company's calendar and those of teams that work otherwise."""

    teams: dict[str, _Week] = {}


_DEFAULT_HOURS = {day: ((540, 1080),) if i < 5 else () for i, day in enumerate(WEEKDAYS)}


@dataclass(frozen=True)
class Hours:
    """The working time of one team, or of the company. Moments are microseconds since the epoch (us)."""

    week: tuple[tuple[Interval, ...], ...]
    holidays: frozenset[date]
    days: dict[date, tuple[Interval, ...]]
    zone: tzinfo
    _spans: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict, compare=False, repr=False)
    _sums: list[int] = field(default_factory=lambda: [0], compare=False, repr=False)

    def intervals(self, day: date) -> tuple[Interval, ...]:
        """Working intervals of a local day, in minutes of the wall clock; empty on a free day."""
        if day in self.days:
            return self.days[day]
        return () if day in self.holidays else self.week[day.weekday()]

    def spans(self, day: int) -> tuple[tuple[int, int], ...]:
        """Working spans of a local day (ordinal) as moments (us from, us to)."""
        found = self._spans.get(day)
        if found is None:
            local = date.fromordinal(day)
            found = tuple(
                (self._moment(local, start), self._moment(local, end)) for start, end in self.intervals(local)
            )
            self._spans[day] = found
        return found

    def _moment(self, day: date, minute: int) -> int:
        if minute == _MIDNIGHT:
            day, minute = day + timedelta(days=1), 0
        local = datetime.combine(day, time(minute // 60, minute % 60), self.zone)
        moment = (local - _EPOCH) // _MICROSECOND
        # A time that the clock skips comes back as another one.
        if (_EPOCH + moment * _MICROSECOND).astimezone(self.zone).replace(tzinfo=None) != local.replace(tzinfo=None):
            moment = self._skip((local.replace(fold=1) - _EPOCH) // _MICROSECOND, moment)
        return moment

    def _skip(self, before: int, after: int) -> int:
        """When the clock went forward between two moments, to the second."""
        low, high = before // SECOND, after // SECOND
        offset = self._offset(high)
        while low < high:
            middle = (low + high) // 2
            if self._offset(middle) == offset:
                high = middle
            else:
                low = middle + 1
        return low * SECOND

    def _offset(self, second: int) -> timedelta | None:
        return (_EPOCH + timedelta(seconds=second)).astimezone(self.zone).utcoffset()

    def day_us(self, day: int) -> int:
        """Working time of a local day (ordinal)."""
        return sum(end - start for start, end in self.spans(day) if end > start)

    def working_us(self, start: int, end: int) -> int:
        """Working time between two moments; 0 when `end` is not after `start`."""
        return 0 if end <= start else self.worked(start, end, (self._day(start), self._day(end)))

    def worked(self, start: int, end: int, days: tuple[int, int]) -> int:
        """The same where the local days (ordinals) of both are known."""
        first, last = days
        if last - first > 3:
            whole = self._cumulative(last) - self._cumulative(first + 1)
            return whole + self._clip(first, start, end) + self._clip(last, start, end)
        return sum(self._clip(day, start, end) for day in range(first, last + 1))

    def _day(self, moment: int) -> int:
        return (_EPOCH + moment * _MICROSECOND).astimezone(self.zone).toordinal()

    def _clip(self, day: int, start: int, end: int) -> int:
        total = 0
        for begin, finish in self.spans(day):
            total += max(0, min(finish, end) - max(begin, start))
        return total

    def _cumulative(self, day: int) -> int:
        """Working time from the first of the year 2000 up to the start of a local day."""
        sums = self._sums
        origin = _ORIGIN
        if day < origin:
            return -sum(self.day_us(d) for d in range(day, origin))
        while len(sums) <= day - origin:
            sums.append(sums[-1] + self.day_us(origin + len(sums) - 1))
        return sums[day - origin]

    def next_end(self, day: int) -> int:
        """End of the next local day (ordinals) after `day` that has working hours, at most 14 days on; a moment."""
        later = range(day + 1, day + 15)
        found = next((one for one in later if self.intervals(date.fromordinal(one))), later[-1])
        return self._moment(date.fromordinal(found), _MIDNIGHT)

    def passed(self, start: int, working: int) -> int:
        """The last moment up to which no more than so much working time has gone by since `start`."""
        left, first = working, self._day(start)
        for day in range(first, first + _LOOKS_AHEAD):
            for begin, finish in self.spans(day):
                length = finish - max(begin, start)
                if length > left:
                    return max(begin, start) + left
                left -= max(0, length)
        return _NEVER

    def is_open(self, moment: int) -> bool:
        """Whether a moment lies in working time."""
        spans = self.spans(self._day(moment))
        index = bisect_right(spans, (moment, 1 << 63)) - 1
        return index >= 0 and spans[index][0] <= moment < spans[index][1]


_ORIGIN = date(2000, 1, 1).toordinal()


@dataclass(frozen=True)
class Calendar:
    """The company's working time and that of teams with hours of their own."""

    company: Hours
    teams: dict[str, Hours]

    def of(self, team: str = "") -> Hours:
        """The hours of a team; those of the company when it has none of its own, or is unknown."""
        return self.teams.get(team, self.company)

    def working_us(self, start: int, end: int, team: str = "") -> int:
        """Working time of a team between two moments, microseconds."""
        return self.of(team).working_us(start, end)

    @property
    def signature(self) -> str:
        """Text that changes when any working time does; states that depend on it carry it."""

        def one(hours: Hours) -> tuple[Any, ...]:
            return hours.week, sorted(hours.holidays), sorted(hours.days.items())

        return repr((str(self.company.zone), one(self.company), sorted((t, one(h)) for t, h in self.teams.items())))


def _hours(own: _Week, base: _Week, zone: tzinfo) -> Hours:
    hours = own.hours if own.hours is not None else base.hours
    week = hours if hours is not None else _DEFAULT_HOURS
    holidays = (base.holidays or frozenset()) | (own.holidays or frozenset())
    days = (base.days or {}) | (own.days or {})
    return Hours(tuple(week[day] for day in WEEKDAYS), holidays, days, zone)


def build(content: CalendarFile, zone: tzinfo) -> Calendar:
    """Make the calendar that a checked file describes."""
    teams = {team: _hours(week, content, zone) for team, week in content.teams.items()}
    return Calendar(_hours(content, content, zone), teams)


def parse(text: str, name: str = "calendar") -> CalendarFile:
    """Check the text of a calendar file. Raises CalendarError naming each place and what to write."""
    try:
        content = yaml.safe_load(text) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: what looks like a date and is none
        raise CalendarError(f"{name} is not YAML: {' '.join(str(error).split())}") from error
    try:
        return CalendarFile.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        raise CalendarError(f"{name}: {problems}") from error


def load(path: Path | None, zone: tzinfo) -> Calendar:
    """Read a calendar file; Mon-Fri 09:00-18:00 without one. Raises CalendarError."""
    if path is None:
        return build(CalendarFile(), zone)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CalendarError(f"SALES_CALENDAR: {path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise CalendarError(f"SALES_CALENDAR: {path} is not in UTF-8 (byte {error.start}); save it as UTF-8") from error
    return build(parse(text, str(path)), zone)
