"""Amounts as people write them: which of point and comma is the decimal mark is a matter of the whole column.

`1,250` is 1250 to one program and 1.25 to another. So a column is looked through once, before anything is sent: some
other amount in it usually decides. Where none does, the import is refused with the two readings.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from producers.errors import Refused
from producers.importer.cells import Cell, text

_BLANK = "\t" + "".join(char for char in map(chr, range(0x3001)) if unicodedata.category(char) == "Zs")
_SPACES = dict.fromkeys(map(ord, _BLANK + "'’`_"))
"""What stands between thousands and is never a decimal mark."""
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2010": "-"})
_WORDS = {
    "руб": "RUB", "р": "RUB", "рублей": "RUB", "рубля": "RUB", "rur": "RUB", "₽": "RUB", "$": "USD", "us$": "USD",
    "€": "EUR", "евро": "EUR", "euro": "EUR", "£": "GBP", "₸": "KZT", "тг": "KZT", "тенге": "KZT", "₴": "UAH",
    "грн": "UAH", "сом": "KGS", "сум": "UZS", "br": "BYN", "бел": "BYN", "₺": "TRY", "₹": "INR", "₾": "GEL",
    "֏": "AMD", "₼": "AZN", "zł": "PLN", "kč": "CZK", "r$": "BRL",
}  # fmt: skip
_ALIKE = {"USD": frozenset({"AUD", "CAD", "HKD", "MXN", "NZD", "SGD"}), "RUB": frozenset({"BYN"})}
"""Currencies that are written with the same sign."""
_PLAIN = re.compile(r"\d+(?:([.,])(?:\d\d?|\d{4}))?", re.ASCII)
"""What most amounts look like: whole, or with a mark that cannot part thousands."""
_PLAIN_CELLS = {
    mark: re.compile(rf"(?:(?:[0-9]+(?:[{mark}](?:[0-9]{{4}}|[0-9]{{1,2}}))?)?\n)*").fullmatch for mark in ".,"
}
"""The same for all cells of a column, each with a line end behind it; some may be empty."""
_GROUPS = " \u00a0\u202f"
_GROUPED_CELLS = {
    mark: re.compile(
        rf"(?:(?:(?:[1-9][0-9]{{0,2}}(?:[{_GROUPS}][0-9]{{3}})+|[0-9]+)(?:[{mark}](?:[0-9]{{4}}|[0-9]{{1,2}}))?)?\n)*"
    ).fullmatch
    for mark in ".,"
}
"""The same, with one space between thousands, as exports in many countries write them."""
_UNGROUPED = dict.fromkeys(map(ord, _GROUPS))
_NUMBER = re.compile(r"(?:\d|(?<![^\W\d_])[.,])(?:[\d.,\s'’`_]*\d)?(?:[eE][+-]?\d{1,3})?")
_SPACED = re.compile(rf"\d{{1,3}}(?:(?:[{_BLANK}]+|['’`_])\d{{3}})+(?:[.,]\d+)?(?:[eE][+-]?\d{{1,3}})?")
"""Thousands with something between them, spaces of any width: 1 250,50. What is grouped otherwise is not a number."""
_BETWEEN_WORDS = re.compile(r"[\s\u00a0.,+|-]+")
_EXPONENT = re.compile("[eE]")
_DIGITS = re.compile(r"(\d[\d.,]*\d|\d|[.,]\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_GROUPED = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*", re.ASCII)

_MOST_DIGITS = 18
"""Before the point, as the contract has it: arithmetic on more of them would lose some."""


class Amount(tuple[str, str, bool, bool]):
    """An amount taken apart: `digits` with marks, the `currency` that it names or "", `negative`, `spaced`."""

    __slots__ = ()
    digits = property(lambda self: self[0])
    currency = property(lambda self: self[1])
    negative = property(lambda self: self[2])
    spaced = property(lambda self: self[3])


@lru_cache(maxsize=1 << 12)
def take_apart(written: str) -> Amount | None:
    """Take an amount apart; None for what is none."""
    plain = written.strip().translate(_MINUS)
    negative = False
    if plain[:1] == "(" and plain[-1:] == ")":
        negative, plain = True, plain[1:-1]
    found = _NUMBER.search(plain)
    if found is None:
        return None
    before, number, after = plain[: found.start()], found.group(), plain[found.end() :]
    if any(sign in before or sign in after for sign in "-"):
        negative = True
    words = [word for part in (before, after) for word in _BETWEEN_WORDS.split(part) if word]
    currencies = {_currency(word) for word in words}
    digits = number.translate(_SPACES)
    if None in currencies or len(currencies) > 1 or not _DIGITS.fullmatch(digits):
        return None
    if digits != number and not _SPACED.fullmatch(number):
        return None
    (currency,) = currencies or {""}
    return Amount((digits, currency or "", negative, digits != number))


def _currency(word: str) -> str | None:
    """The currency that a word or sign says; None for other words."""
    known = _WORDS.get(word.casefold())
    if known is not None:
        return known
    if re.fullmatch(r"[A-Z]{3}", word):
        return word
    return "" if len(word) == 1 and unicodedata.category(word) == "Sc" else None


@dataclass(slots=True)
class Styles:
    """What the amounts of one column say about its decimal mark."""

    marks: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Decimal mark → line and text of the first amount that shows it."""
    unclear: tuple[int, str] | None = None
    """Line and text of the first amount that may be read in two ways."""

    def look(self, number: int, cell: Cell) -> None:
        """Take note of a cell in line `number`."""
        if type(cell) is not str:
            return
        mark = mark_of(cell)
        if mark == "?":
            self.unclear = self.unclear or (number, cell.strip())
        elif mark:
            self.marks.setdefault(mark, (number, cell.strip()))

    def look_at_all(self, number: int, cells: Sequence[Cell]) -> None:
        """Take note of cells, the first of which is in line `number`."""
        said = "\n".join(cells) + "\n" if set(map(type, cells)) == {str} else " "  # type: ignore[arg-type]
        for mark, are_plain in (*_PLAIN_CELLS.items(), *_GROUPED_CELLS.items()):
            if are_plain(said):
                if mark in said and mark not in self.marks:
                    place, cell = next((place, cell) for place, cell in enumerate(cells) if mark in str(cell))
                    self.look(number + place, cell)
                return
        for place, cell in enumerate(cells, number):
            self.look(place, cell)

    @property
    def decimal(self) -> str | None:
        """The decimal mark, where the column shows exactly one."""
        return next(iter(self.marks)) if len(self.marks) == 1 else None


def mark_of(written: str) -> str:
    """The decimal mark that an amount shows by itself; "" when it has none, "?" when it may be read in two ways."""
    if plain := _PLAIN.fullmatch(written):
        return plain[1] or ""
    amount = take_apart(written)
    if amount is None:
        return ""
    digits = _EXPONENT.split(amount.digits)[0]
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma < 0 and point < 0:
        return ""
    if comma >= 0 and point >= 0:
        return "," if comma > point else "."
    mark = "," if comma >= 0 else "."
    if digits.count(mark) > 1:
        return "." if mark == "," else ","
    is_group = _GROUPED.fullmatch(digits) is not None and not digits.startswith("0")
    return "?" if is_group and not amount.spaced else mark


@dataclass(frozen=True, slots=True)
class AmountReader:
    """Reads the amounts of one column. `decimal`: its mark, None where each amount has to show it by itself."""

    name: str
    decimal: str | None = None
    scale: Decimal | None = None
    places: int | None = None
    absolute: bool = False
    currency: str | None = None

    def __call__(self, cell: Cell) -> str:
        """The amount as the contract writes it. Raises Refused."""
        if type(cell) is str and self.scale is None and self.places is None and (plain := _PLAIN.fullmatch(cell)):
            mark = plain[1]
            if mark is None or self.decimal in (None, mark):
                return cell if mark != "," else cell.replace(",", ".")
        if type(cell) is float and self.scale is None and self.places is None and _PLAIN.fullmatch(said := text(cell)):
            return said
        number = self.number(cell)
        if self.places is not None:
            number = round(number, self.places)
        if self.absolute or not number:  # some exports write -0
            number = number.copy_abs()
        written = f"{number:f}"
        _, _, fraction = written.partition(".")
        # Zeros behind what the contract takes say nothing.
        return written[: 4 - len(fraction)] if len(fraction) > 4 and not fraction[4:].strip("0") else written

    def many(self, cells: Sequence[str]) -> Sequence[str]:
        """Many amounts, of which most look the same. Raises Refused."""
        said = "\n".join(cells) + "\n"
        if self.scale is None and self.places is None and said.count("\n") == len(cells) and "" not in cells:
            for mark, are_plain in _PLAIN_CELLS.items():
                if self.decimal in (None, mark) and are_plain(said):
                    return cells if mark == "." else said[:-1].replace(",", ".").split("\n")
            for mark, are_grouped in _GROUPED_CELLS.items():
                if self.decimal in (None, mark) and are_grouped(said):
                    return said[:-1].translate(_UNGROUPED).replace(",", ".").split("\n")
        return list(map(self, cells))

    def number(self, cell: Cell) -> Decimal:
        """The amount as a number, scaled. Raises Refused."""
        if type(cell) is str:
            number = self._parsed(cell)
        else:
            try:
                number = Decimal(text(cell))
            except InvalidOperation:
                raise Refused("invalid_data", f"{self.name}: {text(cell)!r} is not a number") from None
        scaled = number if self.scale is None else number * self.scale
        if not scaled.is_finite() or (scaled and scaled.adjusted() >= _MOST_DIGITS):
            raise Refused(
                "invalid_data", f"{self.name}: {text(cell)!r} is too large; {_MOST_DIGITS} digits before the point do"
            )
        return scaled

    def _parsed(self, written: str) -> Decimal:
        amount = take_apart(written)
        if amount is None:
            raise Refused("invalid_data", f"{self.name}: {written.strip()!r} is not a number")
        if self.currency and amount.currency not in ("", self.currency, *_alike(amount.currency)):
            raise Refused(
                "invalid_data",
                f"{self.name}: {written.strip()!r} is in {amount.currency}, the mapping says {self.currency}; "
                "map `currency` to what the row says",
            )
        mark = self.decimal or mark_of(written)
        if mark == "?":
            raise Refused("invalid_data", f"{self.name}: {two_readings(written)}")
        number = as_decimal(amount.digits, mark or ".")
        if number is None:
            raise Refused(
                "invalid_data", f"{self.name}: {written.strip()!r} is not a number with the decimal mark {mark!r}"
            )
        return -number if amount.negative else number


def _alike(currency: str) -> Iterable[str]:
    return _ALIKE.get(currency, ())


def as_decimal(digits: str, mark: str) -> Decimal | None:
    """Digits with marks as a number, None where thousands are not groups of three."""
    mantissa, *exponent = _EXPONENT.split(digits)
    whole, _, fraction = mantissa.partition(mark)
    other = "." if mark == "," else ","
    if other in whole:
        if not _GROUPED.fullmatch(whole):
            return None
        whole = whole.replace(other, "")
    if mark in fraction or other in fraction:
        return None
    try:
        return Decimal((whole or "0") + (f".{fraction}" if fraction else "") + (f"e{exponent[0]}" if exponent else ""))
    except InvalidOperation:
        return None


def two_readings(written: str) -> str:
    """What to say of an amount that may be read in two ways."""
    amount = take_apart(written)
    digits = amount.digits if amount else written
    comma, point = as_decimal(digits, ","), as_decimal(digits, ".")
    return (
        f'{written.strip()!r} is {comma:f} with decimal: "," and {point:f} with decimal: "."; say which in the mapping'
    )
