"""How much of its time each method has used, as every good answer says, and how long to leave it alone.

A method may work for 480 s in ten minutes. Over that the portal refuses it and does not say for how long: only good
answers are dated (`operating_reset_at`). So a method is left alone a little before, until that moment.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

_ENOUGH: Final = 400.0
"""Seconds of ten minutes after which a method is left alone: a batch of fifty calls fits into what is left of 480."""
LONGEST: Final = 600.0
"""Seconds that a block lasts at most."""


class _Used(NamedTuple):
    seconds: float
    until: float


class Operating:
    """Of one portal. All times are seconds since the epoch, by the portal's clock."""

    def __init__(self) -> None:
        self._methods: dict[str, _Used] = {}

    def learn(self, method: str, times: Any) -> None:
        """Take note of the `time` of a good answer; it may say nothing of this."""
        if not isinstance(times, Mapping) or not times.get("operating_reset_at"):
            return
        self._methods[method] = _Used(float(times.get("operating") or 0), float(times["operating_reset_at"]))

    def block(self, method: str, now: float) -> float:
        """The portal has refused a method for its time: how long to leave it alone."""
        used = self._methods.get(method)
        wait = used.until - now if used is not None and used.until > now else LONGEST
        self._methods[method] = _Used(float("inf"), now + min(wait, LONGEST))
        return min(wait, LONGEST)

    def forget(self, method: str) -> None:
        """It was left alone for as long as it had to be."""
        self._methods.pop(method, None)

    def wait(self, methods: Iterable[str], now: float) -> tuple[float, str]:
        """How long to leave these alone, and which of them it is for; 0.0 where they may be asked."""
        waits = [
            (min(LONGEST, used.until - now), method)
            for method in methods
            if (used := self._methods.get(method)) is not None and used.seconds >= _ENOUGH and used.until > now
        ]
        return max(waits, default=(0.0, ""))
