"""How far the log is read: what is still to be read of it, as of when all was, and when it is expected to be again."""

from collections import deque
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime

_LOOKS_BACK = 30.0
"""Seconds over which the rate is taken."""

Offsets = Mapping[Hashable, int]
"""Partition → the next offset."""


class ReadingProgress:
    """Positions in partitions, and how fast they move. Moments are Unix seconds."""

    def __init__(self) -> None:
        self.whole: float | None = None
        """All that was in the log at this moment is in the index."""
        self._reached: Offsets = {}
        self._ends: Offsets = {}
        self._asked = 0.0
        self._read: deque[tuple[float, int]] = deque()

    def reached(self, positions: Offsets, now: float) -> None:
        """All before these is in the index."""
        self._reached = dict(positions)
        self._read.append((now, sum(positions.values())))
        while now - self._read[0][0] > _LOOKS_BACK:
            self._read.popleft()
        self._note()

    def end(self, ends: Offsets, asked: float) -> None:
        """The log ends here or later, as of when it was asked."""
        if asked > self._asked:
            self._ends, self._asked = dict(ends), asked
        self._note()

    def _note(self) -> None:
        if self.left() == 0:
            self.whole = max(self.whole or 0.0, self._asked)

    def left(self, ends: Offsets | None = None) -> int | None:
        """Records before these ends, or the last ones heard, that are not in the index; None while none are known."""
        ends = self._ends if ends is None else ends
        if not ends or not self._reached:
            return None
        return sum(max(0, end - self._reached.get(one, 0)) for one, end in ends.items())

    def rate(self) -> float:
        """Records a second, as of late."""
        if not self._read:
            return 0.0
        (began, first), (ended, last) = self._read[0], self._read[-1]
        return (last - first) / (ended - began) if ended > began else 0.0

    def told(self, now: float) -> str:
        """How far behind it is, for people."""
        left, rate = self.left(), self.rate()
        if left is None:
            return "the ledger does not know yet where the log ends"
        if not left:
            return "the ledger was behind a moment ago; ask again"
        behind = f"the ledger is behind: {left:,} records are still to be read"
        if rate <= 0:
            return f"{behind}; how long that takes is not known yet"
        seconds = left / rate
        return f"{behind}, {rate:,.0f} a second; expected to be there in {_length(seconds)}, at {clock(now + seconds)}"


def clock(moment: float) -> str:
    """A moment for people."""
    return f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S} UTC"


def _length(seconds: float) -> str:
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60):,} min"
