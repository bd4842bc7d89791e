"""Which minutes and hours are kept: those that a clock may still ask for.

Windows go by event time. But of how short a time ago somebody can ask goes by clocks, and these only go on: a minute
that was long past when its event reached the broker is shown by nobody, however young partition time is. A broker's
clock may be wrong, too; within a day and a time zone nobody misses anything by that.
"""

from typing import Final, NamedTuple

from producers.events.rules import AHEAD_MS
from streams.fold.localtime import DAY, HOUR, MINUTE, SECOND

MINUTES_KEPT: Final = 3 * HOUR
HOURS_KEPT: Final = 16 * DAY + 2 * HOUR
"""A week before a moment of eight days ago, from the start of its day on, which clocks may have changed since."""
CLOCKS_APART: Final = 26 * HOUR
"""By how much a broker's clock may be ahead of those that ask: a day too far, in a zone of its own, or both in part."""
_AHEAD: Final = AHEAD_MS * 1000
"""How far beyond partition time anything may count: by so much times in `data` may lie after their event's."""


class Kept(NamedTuple):
    """The first minutes and hours that are kept: no bucket that starts before (UTC second)."""

    minutes: int
    hours: int


class Keeping:
    """By what minutes and hours of one partition are kept: the later of its time and what a broker's says for sure.

    Moments are us.

    stamp: the broker's time of the last record that bears one. turns: from when on it is another minute.
    gone: up to which start minutes and hours had gone when the broker's time last went back, as it does where another
    broker leads. What is gone never comes back half filled.
    """

    __slots__ = ("gone", "stamp", "turns")

    def __init__(self) -> None:
        self.stamp = self.turns = 0
        self.gone = (0, 0)

    def hear(self, stamp: int, time: int) -> None:
        """Take note of a record's `stamp`, before its event is folded. time: partition time."""
        if stamp < self.stamp:
            # Nothing counts yet beyond the reach of partition time: a broker whose clock was wrong for a time, be it
            # by a year, costs no minute of those that come after it.
            now, reach = self._now(time), time + _AHEAD
            minutes, hours = self.gone
            self.gone = max(minutes, min(now - MINUTES_KEPT, reach)), max(hours, min(now - HOURS_KEPT, reach))
        self.stamp = stamp
        self.turns = stamp - stamp % MINUTE + MINUTE

    def kept(self, time: int) -> Kept:
        """What is kept now. time: partition time."""
        now = self._now(time)
        minutes, hours = self.gone
        return Kept(
            max(minutes, now - MINUTES_KEPT) // SECOND + 1,
            max(hours, now - HOURS_KEPT) // SECOND + 1,
        )

    def is_long_past(self, time: int) -> bool:
        """Whether even the hours before partition time are kept no longer, so that all that happened is in days."""
        return time < self.kept(time).hours * SECOND

    def _now(self, time: int) -> int:
        """Before which no clock is that asks."""
        return max(time, self.stamp - CLOCKS_APART)
