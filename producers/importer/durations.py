"""How long something took, as reports of calls say it; added to when it began, it is when it ended."""

import re
from datetime import timedelta
from typing import Literal

from producers.errors import Refused
from producers.importer.cells import Cell, text

Clock = Literal["m:ss", "h:mm"]

_THREE = re.compile(r"(?:(\d{1,9}) days?, )?(\d{1,9}):([0-5]?\d):([0-5]?\d(?:[.,]\d+)?)", re.ASCII).fullmatch
_TWO = re.compile(r"(\d{1,9}):([0-5]\d)", re.ASCII).fullmatch
_SECONDS = re.compile(r"\d{1,9}(?:[.,]\d+)?", re.ASCII).fullmatch
_LONGEST = 10 * 365 * 86_400
_UNITS = {"d": 86_400, "д": 86_400, "h": 3600, "ч": 3600, "m": 60, "м": 60, "s": 1, "с": 1}
"""By their first letters: 2 min 5 sec, 1 ч 2 мин."""
_WORD = re.compile(r"(\d{1,9})\s*([dhmsдчмс])[^\W\d_]*\.?[\s,]*", re.IGNORECASE)


def duration(name: str, cell: Cell, clock: Clock | None) -> timedelta:
    """The duration in a cell: h:mm:ss, seconds, or with units; none is 0. Raises Refused.

    clock: what 2:05 means.
    """
    said = text(cell)
    if not said:
        return timedelta()
    seconds = _seconds(said, clock)
    if seconds is not None and seconds <= _LONGEST:
        return timedelta(seconds=seconds)
    if _TWO(said):
        raise Refused(
            "invalid_data", f'{name}: {said!r} is minutes with clock: "m:ss" and hours with clock: "h:mm"; say which'
        )
    raise Refused("invalid_data", f"{name}: {said!r} is not a duration like 0:02:05, 125 (seconds) or 2 min 5 s")


def _seconds(said: str, clock: Clock | None) -> float | None:
    """None for what is not a duration. What is less than 1 may be a part of a day or of a second."""
    if found := _THREE(said):
        days, hours, minutes, rest = found.groups(default="0")
        return int(days) * 86_400 + int(hours) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))
    if clock and (found := _TWO(said)):
        large, small = int(found[1]), int(found[2])
        return large * 60 + small if clock == "m:ss" else large * 3600 + small * 60
    if _SECONDS(said):
        seconds = float(said.replace(",", "."))
        return seconds if seconds == 0 or seconds >= 1 else None
    if said and not _WORD.sub("", said):
        return sum(int(number) * _UNITS[unit.casefold()] for number, unit in _WORD.findall(said))
    return None
