"""Working time between two moments, from running sums by the hour: most waits that are asked about span some."""

from typing import Final

from metrics.calendar import Hours
from streams.fold.localtime import HOUR, SECOND, LocalTime

_REMEMBERED: Final = 20_000
"""Hours, and days of `next_end`."""
_LONGEST_DAYS: Final = 2_000
"""From the first day that was asked for; what lies beyond is worked out each time."""
_STEADY: Final = (-4 * HOUR, -3 * HOUR, -2 * HOUR, -HOUR, 0, HOUR)
"""Around the start of an hour: where the offset is the same at all of them, no day has just returned."""
_IRREGULAR: Final = 0, -1
_ALL_OR_NOTHING: Final = 0, HOUR


class WorkingTime:
    """Of one team, or of the company: what is worked out once is kept."""

    __slots__ = ("_ahead", "_behind", "_ends", "_first", "_hours", "_local", "_sums")

    def __init__(self, hours: Hours, local: LocalTime) -> None:
        self._hours = hours
        self._local = local
        self._sums: dict[int, tuple[int, int]] = {}
        self._ends: dict[int, int] = {}
        self._first = 0
        self._ahead = [0]
        self._behind = [0]

    def between(self, start: int, end: int) -> int:
        """Working time between two moments, us."""
        if end <= start:
            return 0
        first, last = start // HOUR, end // HOUR
        sums = self._sums
        since, worked = sums.get(first) or self._learn(first)
        if first == last and worked in _ALL_OR_NOTHING:
            return end - start if worked else 0
        until, worked_last = sums.get(last) or self._learn(last)
        if worked < 0 or worked_last < 0:
            return self._exact(start, end)
        if worked:
            since += start - first * HOUR if worked == HOUR else self._exact(first * HOUR, start)
        if worked_last:
            until += end - last * HOUR if worked_last == HOUR else self._exact(last * HOUR, end)
        return until - since

    def next_end(self, day: int) -> int:
        """`Hours.next_end` of a local day."""
        found = self._ends.get(day)
        if found is None:
            if len(self._ends) >= _REMEMBERED:
                self._ends.clear()
            found = self._ends[day] = self._hours.next_end(day)
        return found

    def _learn(self, hour: int) -> tuple[int, int]:
        """Of an hour (UTC): the working time up to its start, and in it."""
        if len(self._sums) >= _REMEMBERED:
            self._sums.clear()
        found = self._sums[hour] = self._work_out(hour * HOUR)
        return found

    def _work_out(self, start: int) -> tuple[int, int]:
        day, offset = self._local.day(start), self._local.offset
        self._first = self._first or day
        is_steady = len({offset((start + away) // SECOND) for away in _STEADY}) == 1
        if not is_steady or self._local.day(start + HOUR - 1) != day or abs(day - self._first) > _LONGEST_DAYS:
            return _IRREGULAR
        spans = self._hours.spans(day)
        before = sum(max(0, min(finish, start) - begin) for begin, finish in spans)
        return self._up_to(day) + before, self._exact(start, start + HOUR)

    def _up_to(self, day: int) -> int:
        """Working time from the start of the first day that was asked for up to that of another; negative before it."""
        ahead, behind, first, day_us = self._ahead, self._behind, self._first, self._hours.day_us
        while len(ahead) <= day - first:
            ahead.append(ahead[-1] + day_us(first + len(ahead) - 1))
        while len(behind) <= first - day:
            behind.append(behind[-1] - day_us(first - len(behind)))
        return ahead[day - first] if day >= first else behind[first - day]

    def _exact(self, start: int, end: int) -> int:
        day, last = self._local.day(start), self._local.day(end)
        if day != last:
            return self._hours.worked(start, end, (day, last))
        total = 0
        for begin, finish in self._hours.spans(day):
            low, high = max(start, begin), min(end, finish)
            if low < high:
                total += high - low
        return total
