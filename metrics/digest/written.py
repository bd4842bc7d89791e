"""Numbers, money, shares, durations and dates as the wall writes them (wall/format.js), where no browser is.

tests/browser holds both against each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from math import isfinite
from typing import Any

from metrics.digest.wall import words

NONE = "–"
_MINUS = "−"
_GAP = "\u00a0"
_MOST = 9.99
"""A change beyond tenfold: its digits say nothing."""
_BIG_MONEY, _BIG_DIGITS = 999.5, 3
_COUNTED = {"sum", "left", "forecast"}
_SIGNS = {
    "RUB": "₽", "USD": "$", "EUR": "€", "GBP": "£", "KZT": "₸", "UAH": "₴", "CNY": "¥", "JPY": "¥", "AMD": "֏",
    "TRY": "₺", "AZN": "₼", "INR": "₹", "KRW": "₩", "VND": "₫", "ILS": "₪", "PLN": "zł", "CZK": "Kč", "HUF": "Ft",
    "SEK": "kr", "NOK": "kr", "DKK": "kr", "CAD": "$", "AUD": "$", "BRL": "R$",
}  # fmt: skip
"""Currency → its sign; others are called by their code."""
_THOUSANDS = {
    "en": ("", "K", "M", "B", "T"),
    "ru": ("", f"{_GAP}тыс.", f"{_GAP}млн", f"{_GAP}млрд", f"{_GAP}трлн"),
}


@dataclass(frozen=True)
class NumberWriter:
    """Writes in one language and currency."""

    language: str
    currency: str

    @property
    def words(self) -> Mapping[str, str]:
        """The wall's words."""
        return words(self.language)

    def show(self, value: float | None, unit: str) -> str:
        """A value of a KPI in its unit."""
        if value is None or not isfinite(value):
            return NONE
        written: dict[str, Callable[[float], str]] = {
            "currency": self._money,
            "percentunit": lambda share: self._percent(share, 1),
            "growth": lambda share: self._signed(share, 1),
            "s": self.duration,
            "d": lambda days: f"{self._plain(_exact(days), 1)} {self.words['d']}",
            "mean": lambda mean: self._plain(_exact(mean), 2),
        }
        return written.get(unit, self._count)(value)

    def _count(self, value: float) -> str:
        return self._plain(_exact(value), 0)

    def duration(self, seconds: float) -> str:
        """Seconds in the unit that people would use."""
        size, sign = abs(seconds), _MINUS if seconds < 0 else ""
        if size < 89.5:
            value, unit, places = size, "s", 0
        elif size < 5400:
            value, unit, places = size / 60, "m", 1
        elif size < 172_800:
            value, unit, places = size / 3600, "h", 1
        else:
            value, unit, places = size / 86_400, "d", 1
        return f"{sign}{self._plain(_exact(value), places)} {self.words[unit]}"

    def change(self, value: float | None, digits: int = 0) -> str:
        """A change as a share with its sign."""
        if value is None or not isfinite(value):
            return NONE
        if abs(value) > _MOST:
            return f">{self._signed(_MOST, 0)}" if value > 0 else f"<{self._signed(-_MOST, 0)}"
        return self._signed(value, digits)

    def points(self, value: float, digits: int = 0) -> str:
        """A difference of two shares: 0.05 is 5 points."""
        text = self._plain(_exact(value * 100), digits)
        return f"{_plus(text)}{text} {self.words['points']}"

    def day(self, day: date) -> str:
        """A local date with its day of the week."""
        return f"{self.words['weekdays'].split()[day.weekday()]} {self.short(day)} {day.year}"

    def short(self, day: date) -> str:
        """A local date within its year."""
        return f"{day.day} {self.words['months'].split()[day.month - 1]}"

    def moment(self, moment: datetime) -> str:
        """A local date and time of day."""
        return f"{self.short(moment.date())} {moment:%H:%M}"

    def _signed(self, value: float, places: int) -> str:
        text = self._percent(value, places)
        return f"{_plus(text)}{text}"

    def _percent(self, value: float, places: int) -> str:
        return self._plain(_exact(value) * 100, places) + ("%" if self.language == "en" else f"{_GAP}%")

    def _money(self, value: float) -> str:
        sign = _SIGNS.get(self.currency, self.currency)
        exact = _exact(abs(value))
        text = self._compact(exact) if abs(value) >= _BIG_MONEY else self._plain(exact, 0)
        minus = _MINUS if value < 0 and text != "0" else ""
        if self.language == "en":
            return f"{minus}{sign}{_GAP if sign[-1].isalpha() else ''}{text}"
        return f"{minus}{text}{_GAP}{sign}"

    def _compact(self, value: Decimal) -> str:
        """A great number, shortened to the digits that say something."""
        size, step = abs(value), 0
        while size >= 1000 and step < len(_THOUSANDS[self.language]) - 1:
            size, step = size / 1000, step + 1
        rounded = _significant(size)
        if rounded >= 1000 and step < len(_THOUSANDS[self.language]) - 1:
            rounded, step = _significant(rounded / 1000), step + 1
        grouped = rounded >= 10_000
        minus = _MINUS if value < 0 and rounded else ""
        return f"{minus}{self._digits(rounded, grouped=grouped)}{_THOUSANDS[self.language][step]}"

    def _plain(self, value: Decimal, places: int) -> str:
        rounded = _rounded(value, places)
        return f"{_MINUS if rounded < 0 else ''}{self._digits(abs(rounded), grouped=True)}"

    def _digits(self, value: Decimal, *, grouped: bool) -> str:
        text = f"{value:,f}" if grouped else f"{value:f}"
        whole, _, rest = text.partition(".")
        if self.language == "ru":
            whole = whole.replace(",", _GAP)
        return whole + (f"{'.' if self.language == 'en' else ','}{rest}" if rest else "")


def unit_of(record: Mapping[str, Any]) -> str:
    """How a KPI's number is written: of what is no money, time or share, whether it is counted or divided decides."""
    operation, unit = record["id"].rpartition(":")[2], str(record["unit"])
    if operation == "growth":
        return "growth"
    return "mean" if unit == "short" and operation not in _COUNTED else unit


def arrow(value: float, digits: int = 0) -> str:
    """Which way a share went, seen with so many digits: what rounds to nothing is level."""
    return "■" if is_level(value, digits) else "▲" if value > 0 else "▼"


def is_level(value: float, digits: int = 0) -> bool:
    """Whether a change is none with so many digits."""
    return abs(value) < 0.005 / 10.0**digits


def _exact(value: float) -> Decimal:
    """The decimal that people see in a number: browsers round that, half away from zero."""
    return Decimal(repr(float(value)))


def _rounded(value: Decimal, places: int) -> Decimal:
    with localcontext() as context:
        context.prec = 400  # as many digits as a float can have before the point
        return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _significant(value: Decimal) -> Decimal:
    """A number of at least 1 with three digits; of a greater one its whole ones."""
    with localcontext() as context:
        context.prec = 400
        rounded = value
        # Twice: 99.96 has another digit before its point once it is rounded.
        for _ in range(2):
            rounded = rounded.quantize(Decimal(1).scaleb(len(str(int(rounded))) - _BIG_DIGITS), ROUND_HALF_UP)
        return rounded


def _plus(text: str) -> str:
    """The sign of what is written without one: a plus unless it is nothing."""
    return "+" if not text.startswith(_MINUS) and any(digit in text for digit in "123456789") else ""
