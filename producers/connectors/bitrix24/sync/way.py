"""How far a long run is: the share of all that is behind, and how long the rest takes at the pace so far."""

from collections.abc import Callable

_MINUTE = 60


class RunWay:
    """Of `total` units of work. `now` is in seconds."""

    def __init__(self, total: int, now: Callable[[], float]) -> None:
        self._total = total
        self._now = now
        self._began = now()
        self.done = 0

    def text(self) -> str:
        """Like `12 % of all, 1 h 05 min left`."""
        share = min(1.0, self.done / self._total) if self._total else 1.0
        if share <= 0:
            return "0 % of all"
        left = (self._now() - self._began) * (1 - share) / share
        # Never 100 % before its end.
        return f"{int(100 * share)} % of all, {_duration(left)} left" if share < 1 else "100 % of all"


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{int(seconds)} s"
    hours, minutes = divmod(round(seconds / _MINUTE), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
