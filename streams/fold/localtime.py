"""Local days and hours of moments as integers, because datetime arithmetic per event costs more than the fold."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL: Final = _EPOCH.toordinal()
_REMEMBERED_HOURS: Final = 50_000
_REMEMBERED_DAYS: Final = 5_000
_VARIES: Final = 1 << 40
"""Stands for an offset that changes within the hour."""


class LocalTime:
    """Days (date ordinals) and hours of one zone. Moments are microseconds since the epoch (us)."""

    __slots__ = ("_offsets", "_starts", "zone")

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._offsets: dict[int, int] = {}
        self._starts: dict[int, int] = {}

    def day(self, moment: int) -> int:
        """Ordinal of the local day."""
        second = moment // SECOND
        return (second + self.offset(second)) // 86_400 + _EPOCH_ORDINAL

    def place(self, second: int) -> tuple[tuple[int, int], bool]:
        """Local hour (its first UTC epoch second) and day of an epoch second; whether all its quarter lies there."""
        offset = self.offset(second)
        local = second + offset
        is_quarter = offset % 900 == 0 and self._offsets[second // 3600] != _VARIES
        return (second - local % 3600, local // 86_400 + _EPOCH_ORDINAL), is_quarter

    def offset(self, second: int) -> int:
        """Seconds that the zone is ahead of UTC at an epoch second."""
        hour = second // 3600
        found = self._offsets.get(hour)
        if found is None:
            found = self._learn(hour)
        return found if found != _VARIES else self._exact(second)

    def _learn(self, hour: int) -> int:
        if len(self._offsets) >= _REMEMBERED_HOURS:
            self._offsets.clear()
        first, last = self._exact(hour * 3600), self._exact(hour * 3600 + 3599)
        found = first if first == last else _VARIES
        self._offsets[hour] = found
        return found

    def _exact(self, second: int) -> int:
        offset = (_EPOCH + timedelta(seconds=second)).astimezone(self.zone).utcoffset()
        return 0 if offset is None else offset.days * 86_400 + offset.seconds

    def reached(self, moment: int) -> int:
        """The latest local day seen by `moment`: where clocks go back over midnight, a day does not return."""
        if self.offset(moment // SECOND) == self.offset((moment - 3 * HOUR) // SECOND):
            return self.day(moment)
        return max(self.day(moment - back) for back in range(0, 3 * HOUR, MINUTE))

    def start(self, day: int) -> int:
        """The first moment by which a local day is reached, to the minute."""
        found = self._starts.get(day)
        if found is None:
            if len(self._starts) >= _REMEMBERED_DAYS:
                self._starts.clear()
            found = self._starts[day] = self._start(day)
        return found

    def stays(self, day: int) -> int:
        """From which moment on the day before does not return, as it does where clocks go back over midnight."""
        start = self.start(day)
        before, at, after = (self.offset((start + hours * HOUR) // SECOND) for hours in (-3, 0, 3))
        return start if before <= at <= after else start + 3 * HOUR

    def _start(self, day: int) -> int:
        low = (day - _EPOCH_ORDINAL - 2) * 1440
        high = low + 4 * 1440
        while low < high:
            middle = (low + high) // 2
            if self.reached(middle * MINUTE) >= day:
                high = middle
            else:
                low = middle + 1
        return low * MINUTE
