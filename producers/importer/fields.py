"""How a cell becomes a field of an event: by the field's name, in the way the contract writes it."""

from collections.abc import Callable
from datetime import datetime
from enum import Enum, auto
from functools import partial
from inspect import get_annotations
from typing import Any, NamedTuple, get_args
from zoneinfo import ZoneInfo

from producers.errors import Refused
from producers.events import ALL_TYPES
from producers.events.fields import Money, Rate
from producers.importer.cells import Cell, text
from producers.importer.ids import plain_text
from producers.importer.mapping import MappedColumn
from producers.importer.money import AmountReader
from producers.importer.times import time_reader

Value = str | int | float | bool
Convert = Callable[[Cell], Value]


class FieldKind(Enum):
    """What a field is, where it is no plain text."""

    TIME = auto()
    AMOUNT = auto()
    SHARE = auto()
    WHOLE = auto()
    TRUTH = auto()


_OF_TYPES = ((datetime, FieldKind.TIME), (bool, FieldKind.TRUTH), (int, FieldKind.WHOLE), (float, FieldKind.SHARE))


def _kind(annotation: Any) -> FieldKind | None:
    """The kind of a field as the contract annotates it, whether it may be absent or not; None: plain text."""
    if annotation in (Money, Rate):
        return FieldKind.AMOUNT
    of_type = next((kind for type_, kind in _OF_TYPES if annotation is type_), None)
    return of_type or next((kind for part in get_args(annotation) if (kind := _kind(part))), None)


KINDS = {"time": FieldKind.TIME} | {
    name: kind
    for model in ALL_TYPES.values()
    for name, annotation in get_annotations(get_annotations(model)["data"]).items()
    if (kind := _kind(annotation))
}
"""Field → what it is. A name means the same in every type: a test holds it."""
_YES, _NO = frozenset({"true", "1", "yes", "y", "да"}), frozenset({"false", "0", "no", "n", "нет"})


class Written(NamedTuple):
    """How a field is written: its name, what the mapping says of it, the zone, and the decimal mark of its column.

    from_1904: whether a spreadsheet's days are counted from there.
    """

    name: str
    spec: MappedColumn
    zone: ZoneInfo | None
    decimal: str | None
    currency: str | None
    from_1904: bool = False


def converter(written: Written) -> Convert:
    """Return the function for a field's cells. It raises Refused (invalid_data), naming the field."""
    name, spec, zone, decimal, currency, from_1904 = written
    kind = KINDS.get(name)
    if kind is FieldKind.TIME:
        forms = ["excel-1904" if form == "excel" and from_1904 else form for form in spec.format]
        return time_reader(name, forms, zone)
    amount = AmountReader(name, decimal, spec.scale, spec.places, spec.absolute, currency)
    if kind is FieldKind.AMOUNT:
        return amount
    if kind is FieldKind.SHARE:
        shares = {mark: AmountReader(name, decimal or mark, spec.scale) for mark in ".,"}
        return lambda cell: float(shares[_mark(cell)].number(cell.removesuffix("%") if isinstance(cell, str) else cell))
    if kind is FieldKind.WHOLE:
        return lambda cell: _whole(amount, cell)
    if kind is FieldKind.TRUTH:
        return lambda cell: _truth(name, text(cell))
    return partial(plain_text, name)


def _mark(cell: Cell) -> str:
    """The decimal mark of a share: the only one that it has, as no share has thousands."""
    return "," if isinstance(cell, str) and "," in cell and "." not in cell else "."


def _whole(amount: AmountReader, cell: Cell) -> int:
    number = amount.number(cell)
    if number != int(number):
        raise Refused("invalid_data", f"{amount.name}: {text(cell)!r} is not a whole number")
    return int(number)


def _truth(field: str, word: str) -> bool:
    if (lower := word.lower()) in _YES | _NO:
        return lower in _YES
    raise Refused("invalid_data", f"{field}: {word!r} is neither yes nor no")
