"""The clock that a log was written by: local time or GMT, found out from the epoch in the ids of channels."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from producers.errors import Refused

_NEAR = 120
"""Seconds between a channel's begin and its first record, at the most."""
_MINUTES = re.compile(r":([0-5]\d):([0-5]\d)")
_SECONDS = re.compile(r"\d{9,10}(\.\d+)?")


class Clock:
    """Reads times. Local until an id shows that they are GMT, then GMT until one shows that they are not."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self.gmt = False
        self.seen_gmt = 0
        self._first: bool | None = None
        self._hours: dict[str, tuple[float, tuple[float, float]]] = {}

    def settle(self) -> None:
        """A file's head has been read, to find out which clock it has: what was found first holds from its begin on."""
        self.gmt = self._first or False
        self._first, self.seen_gmt = None, 0

    def read(self, column: str, text: str, born: int | None, near: int = _NEAR) -> float:
        """Return seconds since the epoch. `born`: when the channel came to be. Raises Refused.

        An hour that is there twice, when clocks are set back, is the one that does not lie before the channel's begin.
        """
        if _SECONDS.fullmatch(text):
            return float(text)
        gmt, local = self._readings(column, text)
        if born is None:
            return gmt if self.gmt else local[0]
        fits = local[0] if local[0] >= born - _NEAR else local[1]
        if -_NEAR <= fits - born <= near:
            self._found(gmt=False)
        elif -_NEAR <= gmt - born <= near:
            self._found(gmt=True)
        if self.gmt:
            self.seen_gmt += 1
            return gmt
        return fits

    def _readings(self, column: str, text: str) -> tuple[float, tuple[float, float]]:
        """What a text means as GMT, and as local time (twice, as one hour a year is there twice)."""
        hour, minutes = text[:13], _MINUTES.fullmatch(text, 13)
        if minutes is None:
            return self._parsed(column, text)
        known = self._hours.get(hour)
        if known is None:
            known = self._hours[hour] = self._parsed(column, f"{hour}:00:00")
        past = int(minutes[1]) * 60 + int(minutes[2])
        return known[0] + past, (known[1][0] + past, known[1][1] + past)

    def _parsed(self, column: str, text: str) -> tuple[float, tuple[float, float]]:
        try:
            said = datetime.fromisoformat(text)
        except ValueError:
            raise Refused("invalid_data", f"{column}: {text!r} is not a time like 2026-09-21 15:00:00") from None
        if said.tzinfo is not None:
            moment = said.timestamp()
            return moment, (moment, moment)
        first, second = (said.replace(tzinfo=self._zone, fold=fold).timestamp() for fold in (0, 1))
        return said.replace(tzinfo=UTC).timestamp(), (first, second)

    def _found(self, *, gmt: bool) -> None:
        self.gmt = gmt
        if self._first is None:
            self._first = gmt
