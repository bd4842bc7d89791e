"""When to fetch and render: shortly before somebody is expected to look, at once for a wall, seldom for nobody.

What is fetched later covers more changes of the same part, so the busier the floor, the less each event costs. Nobody
sees old numbers by it: who looks unexpectedly waits until the view has been caught up with.
"""

from collections.abc import Hashable

_LIVELY = (0.05, 0.6)
"""Shortest and longest pause while somebody watches, seconds."""
_SHARE = 10
"""A pause is this many times the work before it: a tenth of a core at most while somebody watches."""
_IDLE_SECONDS = 5.0
_LEAD_SECONDS = 0.15
_MARGIN = 1.2
_LONGEST_GAP = 120.0
_MUCH_SECONDS = 0.1
_JUST_NOW_SECONDS = 0.35
_JUST_NOW_SHARE = 0.25
"""Of the time between regular looks: what was fetched ahead of a look, on a busy floor, is not fetched again for it."""
_REGULAR = 0.1
"""Looks are regular when two gaps differ by less than this share."""


class Pace:
    """Moments are seconds of any steady clock.

    Who asks for other windows is somebody else: two who look regularly, each in his own time, are both expected.
    """

    def __init__(self) -> None:
        self.watchers = 0
        self._looks: dict[Hashable, tuple[float, ...]] = {}
        self._began = 0.0
        self._done = 0.0
        self._took = 0.0

    def looked(self, now: float, who: Hashable = None) -> None:
        """Somebody read the numbers."""
        self._looks = {one: looks for one, looks in self._looks.items() if now - looks[-1] <= _LONGEST_GAP}
        self._looks[who] = (*self._looks.get(who, ())[-2:], now)

    def worked(self, began: float, ended: float) -> None:
        """Changes were fetched, and rendered ahead."""
        self._began, self._done, self._took = began, ended, ended - began

    def expected(self) -> list[float]:
        """When the next looks are due of all who look regularly, the first one first."""
        return sorted(looks[-1] + gap for looks in self._looks.values() if (gap := _gap(looks)))

    def due(self) -> float:
        """When to work next."""
        if self.watchers:
            shortest, longest = _LIVELY
            return self._done + min(max(_SHARE * self._took, shortest), longest)
        for look in self.expected():
            if look - self._done > _LONGEST_GAP:
                break
            lead = _LEAD_SECONDS + _MARGIN * self._took
            if self._took > _MUCH_SECONDS:
                # It may take longer, or less, than the last time: aim at the middle of what counts as just now.
                lead = max(lead, self._just_now() / 2 + self._took)
            if look - lead > self._began and look - self._done > self._just_now():
                return look - lead
        return self._done + max(_IDLE_SECONDS, _SHARE * self._took)

    def is_fresh(self, now: float) -> bool:
        """Whether much was fetched just now: fetching more would keep who looks waiting for little."""
        return self._took > _MUCH_SECONDS and now - self._done < self._just_now()

    def _just_now(self) -> float:
        gaps = [] if self.watchers else list(filter(None, map(_gap, self._looks.values())))
        return max(_JUST_NOW_SECONDS, _JUST_NOW_SHARE * min(gaps, default=0.0))


def _gap(looks: tuple[float, ...]) -> float:
    """Seconds between regular looks; 0 where they are not."""
    if len(looks) < 3:
        return 0.0
    first, second, last = looks
    gap = last - second
    return gap if gap > 0 and abs(gap - (second - first)) <= _REGULAR * gap else 0.0
