"""Times in bulk: of a day that was read once, the others differ in their clock alone, and need no reading.

Tables have hundreds of thousands of times in a few hundred days; to read one as strptime does takes thirty times as
long as to look its hour up. A day's hours are remembered once its first and last moment were read and lie as far apart
in UTC as they are written, so that no change of the zone's clock lies between them.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from producers.errors import Refused
from producers.importer.cells import Cell

_MOST = 1 << 17
"""Hours that are remembered, of fifteen years: beyond, rows in no order of time are read one by one."""
_DIGITS = {"%d": 2, "%m": 2, "%y": 2, "%Y": 4, "%H": 2, "%M": 2, "%S": 2}
_DIRECTIVE = re.compile("%.?", re.DOTALL)
_ISO = ("%Y-%m-%d", *(f"%Y-%m-%d{t}%H:%M{rest}" for t in "T " for rest in ("", ":%S", ":%SZ")))
"""What is understood whatever forms are named."""

Read = Callable[[Cell], str]


class ByTheHour:
    """The same as `read`, which reads times in these forms, for less."""

    def __init__(self, read: Read, forms: Sequence[str], zone: ZoneInfo | None) -> None:
        self._read = read
        self._by_length = _usable(tuple(forms), zone and zone.key)

    def __call__(self, cell: Cell) -> str:
        """One time. Raises what `read` raises."""
        if type(cell) is not str:
            return self._read(cell)
        fitting = self._by_length.get(len(cell), ())
        for form in fitting:
            hour, tail = form.hours.get(cell[: form.behind]), form.tails.get(cell[form.behind :])
            if hour and tail:
                return hour + tail[0] if isinstance(hour, str) else _written(hour + tail[1])
        found = self._read(cell)
        for form in fitting:
            form.learn(cell, self._read)
        return found

    def many(self, cells: Sequence[str]) -> list[str]:
        """Many times; a day that is new is learnt from one of its times first."""
        fitting = self._by_length.get(len(cells[0]), ())
        for form in fitting:
            with suppress(KeyError):
                return form.many(cells)
        for form in fitting:
            for cell in {cell[: form.behind]: cell for cell in cells}.values():
                self(cell)
            with suppress(KeyError):
                return form.many(cells)
        return list(map(self, cells))


@lru_cache(maxsize=8)
def _usable(forms: tuple[str, ...], zone: str | None) -> "Mapping[int, Sequence[_Form]]":
    """Forms whose times can be told by their hour, by length; shared by all fields that are written alike."""
    del zone
    skeletons = [_DIRECTIVE.sub("#", form) for form in forms]
    # Of forms that differ in the order of their numbers only, who knows which one fits a time?
    usable = [form for form, skeleton in zip(forms, skeletons, strict=True) if skeletons.count(skeleton) == 1]
    usable += [form for form in _ISO if _DIRECTIVE.sub("#", form) not in skeletons]
    by_length: dict[int, list[_Form]] = defaultdict(list)
    for one in map(_Form, filter(_is_regular, usable)):
        by_length[one.length].append(one)
    return dict(by_length)


def _is_regular(form: str) -> bool:
    """Whether a form is a day, then perhaps the hour and what is within it, in numbers of a fixed width."""
    said = _DIRECTIVE.findall(form)
    day, within = sorted(said[:3]), said[3:]
    return day in (["%Y", "%d", "%m"], ["%d", "%m", "%y"]) and within in ([], ["%H"], ["%H", "%M"], ["%H", "%M", "%S"])


class _Form:
    """Times of one form, with all zeros written.

    length: how many characters they have. behind: how many of them say day and hour. hours: what is known of those, ""
    where nothing can be told. tails: what the rest says.
    """

    def __init__(self, form: str) -> None:
        day, hour, rest = form.rpartition("%H")
        self._day = day if hour else rest
        self._is_day = re.compile(_DIRECTIVE.sub(_digits, re.escape(self._day))).fullmatch
        self._before = len(_DIRECTIVE.sub(_zeros, self._day))
        self.behind = self._before + 2 * bool(hour)
        self._clock = tuple(f"{number:02}" for number in range(24)) if hour else ("",)
        self.tails = _tails(rest if hour else "")
        self._minutes = {tail: said for tail, (said, _) in self.tails.items()}
        self.hours: dict[str, str | datetime] = {}
        self._plain: dict[str, str] = {}
        self.length = len(_DIRECTIVE.sub(_zeros, form))

    def learn(self, cell: str, read: Read) -> None:
        """Remember the hours of the day of a time that was read, if the day's other times can be told from it."""
        day = cell[: self._before]
        if cell[: self.behind] in self.hours or cell[self.behind :] not in self.tails or not self._is_day(day):
            return
        if len(self.hours) >= _MOST:
            self.hours.clear()
            self._plain.clear()
        tails = list(self.tails)
        length = timedelta(hours=len(self._clock) - 1) + self.tails[tails[-1]][1]
        try:
            first = datetime.fromisoformat(read(day + self._clock[0] + tails[0]))
            is_even = datetime.fromisoformat(read(day + self._clock[-1] + tails[-1])) - first == length
        except Refused:  # the calendar ends in it
            is_even = False
        for number, hour in enumerate(self._clock):
            found = self.hours[day + hour] = _hour(first + timedelta(hours=number)) if is_even else ""
            if found and isinstance(found, str):
                self._plain[day + hour] = found

    def many(self, cells: Sequence[str]) -> list[str]:
        """Times of this form in hours that are known, and begin with one. Raises KeyError where one is not."""
        hours, minutes, behind = self._plain, self._minutes, self.behind
        return [hours[cell[:behind]] + minutes[cell[behind:]] for cell in cells]


def _hour(moment: datetime) -> str | datetime:
    """An hour as it is written in the contract, without what is within it; a moment where it begins at half of one."""
    return _written(moment).removesuffix("00:00Z") if not (moment.minute or moment.second) else moment


@lru_cache(maxsize=64)
def _tails(form: str) -> Mapping[str, tuple[str, timedelta]]:
    """What may be behind the hour → minutes and seconds as they are written in the contract, and how long they are."""
    minutes, seconds = (range(60) if directive in form else (0,) for directive in ("%M", "%S"))
    return {
        form.replace("%M", f"{minute:02}").replace("%S", f"{second:02}"): (
            f"{minute:02}:{second:02}Z",
            timedelta(minutes=minute, seconds=second),
        )
        for minute in minutes
        for second in seconds
    }


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _digits(directive: re.Match[str]) -> str:
    return f"[0-9]{{{_DIGITS[directive.group()]}}}"


def _zeros(directive: re.Match[str]) -> str:
    return "0" * _DIGITS[directive.group()]
