"""Working time by a second reader of the calendar file (its format: metrics/calendar.py), day by day, no short cuts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Intervals = tuple[tuple[int, int], ...]
"""Working intervals of a day, in minutes after its midnight on the wall clock."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFICE: Intervals = ((9 * 60, 18 * 60),)


@dataclass(frozen=True)
class Week:
    """Weekly hours, holidays (free whatever the week says) and single days (stronger than both)."""

    hours: Mapping[str, Intervals]
    holidays: frozenset[date] = frozenset()
    days: Mapping[date, Intervals] = field(default_factory=dict)

    def of(self, day: date) -> Intervals:
        """The intervals worked on a local day."""
        if day in self.days:
            return self.days[day]
        if day in self.holidays:
            return ()
        return self.hours.get(WEEK[day.weekday()], ())


@dataclass(frozen=True)
class PlainCalendar:
    """The company's week and those of teams: their hours replace the company's, holidays and days add to them."""

    zone: ZoneInfo
    company: Week = field(default_factory=lambda: Week(dict.fromkeys(WEEK[:5], _OFFICE)))
    teams: Mapping[str, Week] = field(default_factory=dict)

    def week(self, team: str) -> Week:
        """The week of a team; the company's when it has none of its own."""
        return self.teams.get(team, self.company)

    def is_working_day(self, day: date, team: str = "") -> bool:
        """Whether any of a local day is worked."""
        return bool(self.week(team).of(day))

    def working_us(self, start: int, end: int, team: str = "") -> int:
        """Working time between two moments, us; 0 when the end is not after the start."""
        if end <= start:
            return 0
        total = 0
        day = (_EPOCH + timedelta(microseconds=start)).astimezone(self.zone).date()
        last = (_EPOCH + timedelta(microseconds=end)).astimezone(self.zone).date()
        while day <= last:
            for opens, closes in self.week(team).of(day):
                begins, ends = self._moment(day, opens), self._moment(day, closes)
                total += max(0, min(ends, end) - max(begins, start))
            day += timedelta(days=1)
        return total

    def _moment(self, day: date, minute: int) -> int:
        """The moment (us) of a minute of a local day; minute 1440 is the next midnight. A skipped one is the next."""
        wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - a wall clock has no zone yet
        while wall.replace(tzinfo=self.zone).astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != wall:
            wall += timedelta(minutes=1)
        return int(wall.replace(tzinfo=self.zone).timestamp()) * 10**6


def read(path: Path | None, zone: ZoneInfo) -> PlainCalendar:
    """Read a calendar file that `metrics.calendar` accepts; Mon-Fri 09:00-18:00 without one. Raises OSError."""
    if path is None:
        return PlainCalendar(zone)
    return of(yaml.safe_load(path.read_text(encoding="utf-8")) or {}, zone)


def of(content: Mapping[str, Any], zone: ZoneInfo) -> PlainCalendar:
    """Make the calendar that the content of a file describes."""
    company = _week(content, PlainCalendar(zone).company)
    teams = {str(name): _week(own or {}, company) for name, own in (content.get("teams") or {}).items()}
    return PlainCalendar(zone, company, teams)


def _week(own: Mapping[str, Any], base: Week) -> Week:
    hours, holidays, days = own.get("hours"), own.get("holidays"), own.get("days")
    return Week(
        base.hours if hours is None else {str(name): _intervals(value) for name, value in hours.items()},
        base.holidays | {_date(day) for day in holidays or ()},
        {**base.days, **{_date(day): _intervals(value) for day, value in (days or {}).items()}},
    )


def _date(value: str | date) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _intervals(value: list[str] | None) -> Intervals:
    return tuple((_minute(text.split("-")[0]), _minute(text.split("-")[1])) for text in value or ())


def _minute(text: str) -> int:
    hours, minutes = text.strip().split(":")
    return int(hours) * 60 + int(minutes)
