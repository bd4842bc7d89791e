"""When to fetch and render: shortly before somebody is expected to look, at once for a wall, seldom for nobody.

What is fetched later covers more changes of the same part, so the busier the floor, the less each event costs. Nobody
sees old numbers by it: who looks unexpectedly waits until the view has been caught up with.
"""

_LIVELY = (0.05, 0.6)
"""Shortest and longest pause while somebody watches, seconds."""
_SHARE = 10
"""A pause is this many times the work before it: a tenth of a core at most while somebody watches."""
_IDLE_SECONDS = 5.0
_LEAD_SECONDS = 0.3
_REGULAR = 0.1
"""Looks are regular when two gaps differ by less than this share."""


class Pace:
    """Moments are seconds of any steady clock."""

    def __init__(self) -> None:
        self.watchers = 0
        self._looks: tuple[float, ...] = ()
        self._done = 0.0
        self._took = 0.0

    def looked(self, now: float) -> None:
        """Somebody read the numbers."""
        self._looks = (*self._looks[-2:], now)

    def worked(self, now: float, took: float) -> None:
        """Changes were fetched; it took so many seconds."""
        self._done, self._took = now, took

    def rendered(self, took: float) -> None:
        """Rendering ahead took so many seconds more."""
        self._took += took

    def expected(self) -> float | None:
        """When the next look is due, if looks are regular."""
        if len(self._looks) < 3:
            return None
        first, second, last = self._looks
        gap = last - second
        if gap <= 0 or abs(gap - (second - first)) > _REGULAR * gap:
            return None
        return last + gap

    def due(self) -> float:
        """When to work next."""
        if self.watchers:
            shortest, longest = _LIVELY
            return self._done + min(max(_SHARE * self._took, shortest), longest)
        ordinary = self._done + max(_IDLE_SECONDS, _SHARE * self._took)
        look = self.expected()
        if look is not None:
            before = look - _LEAD_SECONDS - 2 * self._took
            if self._done < before < ordinary:
                return before
        return ordinary
