"""Which buckets of which cells each window holds at a moment, by the table in the specification."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from metrics.errors import WindowError
from metrics.family import PERIODS

MINUTES = {"5m": 5, "15m": 15, "1h": 60}
DAYS_HELD = 800
"""Local days that day cells reach back."""
WITH_HOURS = ("day", "week")
DAYS_WITH_HOURS = 8
"""The windows that need hour cells, and the days back within which they can be cut."""

_MINUTE = 60
_NOTHING = range(0)


@dataclass(frozen=True, slots=True)
class Window:
    """The buckets of one window and period. minutes, hours: Unix seconds of their starts; days: ordinals of local days.

    A bucket is in when its number lies in the range of its kind: the ranges say bounds, steps are those of the cells.
    """

    name: str
    period: str
    minutes: range = _NOTHING
    hours: range = _NOTHING
    days: range = _NOTHING

    def holds(self, kind: str, bucket: int) -> bool:
        """Whether a bucket of kind m, h or d is part of it."""
        span = self.minutes if kind == "m" else self.hours if kind == "h" else self.days if kind == "d" else _NOTHING
        return span.start <= bucket < span.stop

    def meets(self, other: "Window") -> bool:
        """Whether it has a bucket in common with another."""
        pairs = ((self.minutes, other.minutes), (self.hours, other.hours), (self.days, other.days))
        return any(max(one.start, two.start) < min(one.stop, two.stop) for one, two in pairs)


def local_day(moment: int, zone: ZoneInfo) -> int:
    """Ordinal of the local day of a moment (Unix seconds)."""
    return datetime.fromtimestamp(moment, zone).toordinal()


def hour_start(moment: int, zone: ZoneInfo) -> int:
    """Unix second at which the local hour of a moment starts."""
    offset = datetime.fromtimestamp(moment, zone).utcoffset() or timedelta()
    return moment - (moment + int(offset.total_seconds())) % 3600


def _instant(day: date, zone: ZoneInfo, hour: int = 0) -> int:
    """Unix second at which a local day's wall clock reaches a full hour (24: the day's end)."""
    wall = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(hours=hour)
    return int(wall.astimezone(UTC).timestamp())


def period_start(window: str, day: date) -> date:
    """First local day of the day, week, month, quarter or year that a day lies in."""
    match window:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)
    raise WindowError(f"{window!r} is not a calendar window; use day, week, month, quarter or year")


def period_end(window: str, day: date) -> date:
    """First local day after the period that a day lies in."""
    # The length of the longest: from the first day of any period it leads into the next one, and never over it.
    start = period_start(window, day)
    reach = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}[window]
    return period_start(window, start + timedelta(days=reach))


def _days(first: date, last: date) -> range:
    """Days from first to last, both in."""
    return range(first.toordinal(), last.toordinal() + 1)


def _until_hour(name: str, period: str, first: date, last: date, zone: ZoneInfo, hour: int) -> Window:
    """Whole days before `last`, and of that day the hours up to and including a wall-clock hour."""
    hours = range(_instant(last, zone), max(_instant(last, zone), _instant(last, zone, hour + 1)))
    return Window(name, period, hours=hours, days=range(first.toordinal(), last.toordinal()))


def _calendar(now: int, zone: ZoneInfo, *, cut: bool) -> list[Window]:
    local = datetime.fromtimestamp(now, zone)
    today, found = local.date(), []
    for name in WITH_HOURS:
        first, end = period_start(name, today), period_end(name, today)
        length = end - first
        if cut:
            found.append(_until_hour(name, "current", first, today, zone, local.hour))
        else:
            found.append(Window(name, "current", days=_days(first, end - timedelta(days=1))))
        found.append(_until_hour(name, "previous", first - length, today - length, zone, local.hour))
    found += _months(today, cut=cut)
    return found


def _months(today: date, *, cut: bool) -> Iterator[Window]:
    """Month, quarter and year, whose previous period ends with the same ordinal day."""
    for name in ("month", "quarter", "year"):
        first = period_start(name, today)
        last = today if cut else period_end(name, today) - timedelta(days=1)
        yield Window(name, "current", days=_days(first, last))
        before = period_start(name, first - timedelta(days=1))
        same = min(before + (today - first), first - timedelta(days=1))
        yield Window(name, "previous", days=_days(before, same))


def windows(now: int, zone: ZoneInfo) -> tuple[Window, ...]:
    """Every window and period as it stands now (Unix seconds)."""
    found = []
    running = now - now % _MINUTE
    for name, minutes in MINUTES.items():
        start = running - (minutes - 1) * _MINUTE
        found.append(Window(name, "current", minutes=range(start, running + _MINUTE)))
        found.append(Window(name, "previous", minutes=range(start - minutes * _MINUTE, start)))
    found += _calendar(now, zone, cut=False)
    today = local_day(now, zone)
    found.append(Window("90d", "current", days=range(today - 90, today)))
    return tuple(found)


def windows_at(at: int, now: int, zone: ZoneInfo, wanted: Container[str] | None = None) -> tuple[Window, ...]:
    """The calendar windows as they stood at a moment: `current` is cut as `previous` is. wanted: these, None for all.

    More than 8 days back there is day and week only at the last second of a local day, when days are whole.
    Raises WindowError where one that is wanted is not held, and before the day cells.
    """
    back = local_day(now, zone) - local_day(at, zone)
    if back > DAYS_HELD:
        raise WindowError(f"at lies {back} days back; the days are held for {DAYS_HELD}")
    found = _calendar(at, zone, cut=True)
    if now - at > DAYS_WITH_HOURS * 86400:
        found = [window for window in found if window.name not in WITH_HOURS]
        if local_day(at, zone) != local_day(at + 1, zone):
            found += _whole_days(datetime.fromtimestamp(at, zone).date())
        elif any(wanted is None or name in wanted for name in WITH_HOURS):
            raise WindowError(
                f"at= lies more than {DAYS_WITH_HOURS} days back, where day and week are given for the last second of "
                "a local day only (23:59:59); for another moment ask for the others alone: window=month"
            )
    return tuple(window for window in found if wanted is None or window.name in wanted)


def windows_after(day: date) -> tuple[Window, ...]:
    """The calendar windows at the end of a local day, when its hours are all in."""
    return (*_whole_days(day), *_months(day, cut=True))


def last_second(day: date, zone: ZoneInfo) -> int:
    """Unix second at which a local day shows what it has come to."""
    return _instant(day, zone, 24) - 1


def _whole_days(today: date) -> Iterator[Window]:
    """Day and week at the end of a day."""
    for name in WITH_HOURS:
        first = period_start(name, today)
        length = period_end(name, today) - first
        yield Window(name, PERIODS[0], days=_days(first, today))
        yield Window(name, PERIODS[1], days=_days(first - length, today - length))
