"""The floor's sense of time: local hours, how busy they are, and RFC 3339 text, all fast enough for millions."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

_OFFICE = {8: 0.3, 9: 0.9, 10: 1.35, 11: 1.45, 12: 1.2, 13: 0.65, 14: 1.05, 15: 1.3, 16: 1.25, 17: 1.0, 18: 0.45}
_NIGHT_OFFICE, _WEEKEND_OFFICE = 0.004, 0.04
_NIGHT_SHIFTS, _WEEKEND_SHIFTS = 0.5, 0.75


@lru_cache(maxsize=4096)
def _day_text(day: int) -> str:
    return date.fromordinal(_EPOCH_ORDINAL + day).isoformat()


def rfc3339(us: int) -> str:
    """Return a moment (microseconds since the epoch, UTC) as text with milliseconds."""
    seconds, fraction = divmod(us, SECOND)
    day, second = divmod(seconds, 86_400)
    return f"{_day_text(day)}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{fraction // 1000:03d}Z"


def to_datetime(us: int) -> datetime:
    """Return microseconds since the epoch as an aware moment in UTC."""
    return _EPOCH + timedelta(microseconds=us)


class Rhythm:
    """How busy the floor is at a moment of local time, and where its local days begin.

    `always_open` floors work in shifts around the clock; others keep office hours, Monday to Friday. `flat`
    ones are as busy at any hour.
    """

    def __init__(self, zone: str, *, always_open: bool, flat: bool = False) -> None:
        self.zone = ZoneInfo(zone)
        self.always_open = always_open
        self._flat = flat
        self._offsets: dict[int, int] = {}
        self._total = sum(self._hour_weight(hour) for hour in range(24))

    def _hour_weight(self, hour: int) -> float:
        day = _OFFICE.get(hour, _NIGHT_OFFICE)
        return max(day, _NIGHT_SHIFTS) if self.always_open else day

    def local(self, us: int) -> int:
        """Return the moment as it stands on the local clock, in microseconds as if it were UTC."""
        hour = us // (15 * MINUTE)
        offset = self._offsets.get(hour)
        if offset is None:
            at = to_datetime(hour * 15 * MINUTE).astimezone(self.zone).utcoffset() or timedelta()
            offset = self._offsets[hour] = at // timedelta(microseconds=1)
        return us + offset

    def day(self, us: int) -> date:
        """Return the local date of a moment."""
        return date.fromordinal(_EPOCH_ORDINAL + self.local(us) // DAY)

    def share(self, us: int) -> float:
        """Return which part of a full working day's volume falls into the hour that this moment is in."""
        if self._flat:
            return 1 / 24
        day, inside = divmod(self.local(us), DAY)
        weekend = (day + 3) % 7 >= 5  # the epoch was a Thursday
        quiet = (_WEEKEND_SHIFTS if self.always_open else _WEEKEND_OFFICE) if weekend else 1.0
        return quiet * self._hour_weight(inside // HOUR) / self._total

    def hours(self, us: int, luck: float) -> int:
        """Move a moment that nobody works at to the next working morning; `luck` in 0..1 spreads them."""
        if self.always_open:
            return us
        local = self.local(us)
        day, inside = divmod(local, DAY)
        late = inside >= 19 * HOUR
        opened = day + late
        while (opened + 3) % 7 >= 5:
            opened += 1
        if opened == day and inside >= 9 * HOUR:
            return us
        return us + opened * DAY + 9 * HOUR + int(luck * 3 * HOUR) // 1000 * 1000 - local
