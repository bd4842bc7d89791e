"""Which moments each window holds, straight from the table in numbers.md."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from streams.plain.rules import PlainRules

_MINUTE = 60 * 10**6
_EVER = (0, 1 << 62)
_ANY_DAY = (date.min.toordinal(), date.max.toordinal())


class PlainWindow(NamedTuple):
    """Local days (ordinals, both included) and, within them, moments (us, the end excluded)."""

    window: str
    period: str
    first_day: int
    last_day: int
    start: int
    end: int

    def holds(self, moment: int, day: int) -> bool:
        """Whether a moment, whose local day is `day`, counts in this window."""
        return self.first_day <= day <= self.last_day and self.start <= moment < self.end


def first_day(window: str, day: date) -> date:
    """The first day of the day, week, month, quarter or year that a day lies in."""
    match window:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        case _:
            return date(day.year, 1, 1)


def next_first_day(window: str, day: date) -> date:
    """The first day of the period after the one that a day lies in."""
    longest = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}[window]
    return first_day(window, first_day(window, day) + timedelta(days=longest))


def windows(now: int, rules: PlainRules, *, at: bool = False) -> list[PlainWindow]:
    """All windows as they stand at a moment (us).

    at: only the calendar windows, and the current ones cut as the previous ones are: after the running
    local hour (day, week) or the running local day (month, quarter, year).
    """
    today = rules.local(now).date()
    found: list[PlainWindow] = []
    for window in ("day", "week"):
        first = first_day(window, today)
        length = next_first_day(window, today) - first
        until = today if at else first + length - timedelta(days=1)
        end = _end_of_hour(today, now, rules) if at else _EVER[1]
        found.append(PlainWindow(window, "current", first.toordinal(), until.toordinal(), 0, end))
        first, until = first - length, today - length
        end = _end_of_hour(until, now, rules)
        found.append(PlainWindow(window, "previous", first.toordinal(), until.toordinal(), 0, end))
    for window in ("month", "quarter", "year"):
        first = first_day(window, today)
        until = today if at else next_first_day(window, today) - timedelta(days=1)
        found.append(PlainWindow(window, "current", first.toordinal(), until.toordinal(), *_EVER))
        before = first_day(window, first - timedelta(days=1))
        until = min(before + (today - first), first - timedelta(days=1))
        found.append(PlainWindow(window, "previous", before.toordinal(), until.toordinal(), *_EVER))
    if at:
        return found
    running = now - now % _MINUTE
    for window, minutes in (("5m", 5), ("15m", 15), ("1h", 60)):
        start = running - (minutes - 1) * _MINUTE
        found.append(PlainWindow(window, "current", *_ANY_DAY, start, running + _MINUTE))
        found.append(PlainWindow(window, "previous", *_ANY_DAY, start - minutes * _MINUTE, start))
    ninety = today - timedelta(days=90), today - timedelta(days=1)
    found.append(PlainWindow("90d", "current", ninety[0].toordinal(), ninety[1].toordinal(), *_EVER))
    return found


def _end_of_hour(day: date, now: int, rules: PlainRules) -> int:
    """The moment (us) at which the wall clock of a day ends the hour that it now shows."""
    wall = datetime(day.year, day.month, day.day) + timedelta(hours=rules.local(now).hour + 1)  # noqa: DTZ001 - a wall clock
    return int(wall.replace(tzinfo=rules.zone).timestamp()) * 10**6
