"""Times as people write them: RFC 3339 and its neighbours, forms that a mapping names, spreadsheet days, Unix time."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from producers.errors import Refused
from producers.importer.cells import Cell, text
from producers.importer.hours import ByTheHour

_DAY_ZERO = {"excel": datetime(1899, 12, 30), "excel-1904": datetime(1904, 1, 1)}  # noqa: DTZ001 - local days
_MILLISECONDS = 10**11
"""Unix times from here on are in milliseconds: in seconds it is the year 5138."""
_CACHED = 1 << 15
_FULL_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_ZONE = re.compile(r"\b(?:UTC|GMT)\b")
_UTC = re.compile(r"\s*\b(?:UTC|GMT)$")
_SAYS_UTC = re.compile(r"(?<=%[HMSf])Z$|\b(?:UTC|GMT)$")
"""How forms end that say UTC, which strptime would pass over."""
_WORD = re.compile(r"[^\W\d_]{3,}\.?")
_ENGLISH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RUSSIAN = ("янв", "фев", "мар", "апр", "мая", "июн", "июл", "авг", "сен", "окт", "ноя", "дек")
_MONTHS = {
    name.casefold(): english for english, *names in zip(_ENGLISH, _ENGLISH, _RUSSIAN, strict=True) for name in names
}
_MONTHS |= {"май": "May", "мае": "May"}


def time_reader(name: str, forms: Sequence[str], zone: ZoneInfo | None) -> Callable[[Cell], str]:
    """What reads a field's times as the contract writes them: by the first form that fits. It raises Refused."""
    return ByTheHour(one_by_one(name, forms, zone), [form for form in forms if form != "iso"], zone)


def one_by_one(name: str, forms: Sequence[str], zone: ZoneInfo | None) -> Callable[[Cell], str]:
    """The same, each time by itself."""
    tries = [_form(form) for form in forms if form != "iso"]

    @lru_cache(maxsize=_CACHED, typed=True)
    def read(cell: Cell) -> str:
        moment = cell if isinstance(cell, datetime) else _first(cell, tries)
        if moment is None:
            wanted = " or ".join(forms) if forms else "RFC 3339"
            hint = "; `format` may be a list of forms" if len(forms) < 2 else ""
            if not any(map(str.isdecimal, text(cell))):
                hint += "; a text that stands for no time is to be named in `empty`"
            raise Refused("invalid_data", f"{name}: {text(cell)!r} is not a time in the form {wanted}{hint}")
        if moment.tzinfo is None:
            if zone is None:
                raise Refused("invalid_data", f"{name}: {text(cell)!r} has no zone; give `timezone` in the mapping")
            moment = moment.replace(tzinfo=zone)
        try:
            return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        except OverflowError:
            raise Refused("invalid_data", f"{name}: {text(cell)!r} lies outside the calendar") from None

    return read


def _first(cell: Cell, tries: Sequence[Callable[[str], datetime]]) -> datetime | None:
    written = " ".join(text(cell).split())  # exports have spaces of their own kind before AM and PM
    for one in (*tries, _iso):
        try:
            return one(written)
        except (ValueError, OverflowError, OSError):
            continue
    return None


def _iso(written: str) -> datetime:
    """A full date as ISO 8601 has it, understood whatever forms are named: nothing else looks like it."""
    if not _FULL_DATE.match(written):
        raise ValueError(written)
    return datetime.fromisoformat(_UTC.sub("+00:00", written))


def _form(form: str) -> Callable[[str], datetime]:
    form = _SAYS_UTC.sub("%Z", form)
    if "%Z" in form:  # of names of zones two are the same everywhere; strptime takes more, and forgets them
        named = _form(form.replace("%Z", "%z"))
        return lambda written: named(_ZONE.sub("+0000", written))
    if form == "unix":
        return _unix
    if zero := _DAY_ZERO.get(form):
        return lambda written: zero + timedelta(seconds=round(float(written.replace(",", ".")) * 86_400, 3))
    if "%B" in form or "%b" in form:
        short = form.replace("%B", "%b").replace("%b.", "%b")  # a point behind a name is no more than that
        return lambda written: datetime.strptime(_in_english(written), short)  # noqa: DTZ007 - the zone is added later
    return lambda written: datetime.strptime(written, form)  # noqa: DTZ007


def _unix(written: str) -> datetime:
    seconds = float(written)
    return datetime.fromtimestamp(seconds / 1000 if abs(seconds) >= _MILLISECONDS else seconds, UTC)


def _in_english(written: str) -> str:
    """Names of months, English or Russian, in any case and length, as the short English ones."""

    def english(word: re.Match[str]) -> str:
        return _MONTHS.get(word.group()[:3].casefold(), word.group())

    return _WORD.sub(english, written)
