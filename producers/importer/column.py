"""One field of many events: a column of cells made into values, and those into JSON, many at once."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec

from producers.errors import Refused
from producers.importer.cells import Cell, text
from producers.importer.fields import KINDS, Convert, FieldKind, Value
from producers.importer.hours import ByTheHour
from producers.importer.ids import are_plain, id_text, plain_text
from producers.importer.mapping import MappedColumn, MappingFile
from producers.importer.money import AmountReader
from producers.importer.places import ColumnPlaces, Row
from producers.importer.taking import Taker, taker
from producers.importer.times import time_reader

_encode = msgspec.json.encode
_MOST = 1 << 15
"""Different cells of a column, and values of a field, that are remembered."""
_LOOKED_AT, _FEW = 256, 64
"""Of so many cells so few are different where a column says the same again and again: a manager, a stage."""
_DIFFERENT = frozenset({FieldKind.TIME, FieldKind.AMOUNT})
"""What is different in most rows, so that remembering it costs more than it saves."""

Values = Sequence[Value | None]
Part = str | Sequence[str]
"""What is written in each row: the same text in all, or a text each."""


class _Remembered(dict[Any, Any]):
    """What is made of a cell or value. Tables say the same again and again."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, one: Any) -> Any:
        if len(self) >= _MOST:
            self.clear()
        made = self[one] = self._make(one)
        return made


class FieldWriter:
    """Reads one field of many rows, and writes it: `,"name":value`, or nothing where there is none."""

    def __init__(
        self,
        name: str,
        spec: MappedColumn,
        file: MappingFile,
        places: ColumnPlaces,
        currency: str | None,
    ) -> None:
        self.name = name
        self.constant = spec.constant
        self._default = spec.default
        self._prefix = spec.prefix
        kind = KINDS.get(name)
        self._is_text = (kind is None or kind in _DIFFERENT) and isinstance(spec.default, str | None)
        self._json = _Remembered(partial(_in_json, name))
        zone = ZoneInfo(file.timezone) if file.timezone else None
        self._moments = _many(time_reader(name, (), zone)) if kind is FieldKind.TIME else None
        self._place: int | None = None
        self._names_one = False
        self._take: Callable[[Any], Value | None] = taker(name, spec, file, places, currency)
        self._many: Callable[[Sequence[Any]], Values] = self._each
        if spec.constant is None and len(spec.columns) == 1 and not spec.plus:
            one = Taker(name, spec, file, places, currency)
            self._place, self._take = places.at[spec.columns[0]], one.cell
            self._convert = _many(one.convert)
            self._names_one = one.names_one
            self._remembered = _Remembered(one.cell)
            if one.changes_each or (kind not in _DIFFERENT and kind is not None):
                self._many = self._known
            else:
                self._many = self._texts if kind is None else self._converted

    def read(self, rows: Sequence[Row], columns: Sequence[Sequence[Cell]], odd: set[int]) -> Values:
        """The values of the rows; places of rows that have none that can be used are added to `odd`."""
        if self.constant is not None:
            return [self.constant] * len(rows)
        cells: Sequence[Any] = rows if self._place is None else columns[self._place]
        try:
            return self._many(cells)
        except Refused:
            return _singly(self._take, cells, odd, None)

    def written(self, values: Values, odd: set[int]) -> list[Part]:
        """The values in JSON, part behind part; places of those that cannot be written are added to `odd`."""
        if self.constant is not None:
            return [_in_json(self.name, self.constant)]
        if self._is_text and not _are_few(values):
            return quoted(self.name, values, odd)
        try:
            return [list(map(self._json.__getitem__, values))]
        except UnicodeEncodeError:
            return [_singly(self._json.__getitem__, values, odd, "")]

    # -- how values are read, all at once. Raises Refused

    def _each(self, rows: Sequence[Row]) -> Values:
        return [self._take(row) for row in rows]

    def _texts(self, cells: Sequence[Cell]) -> Values:
        is_mixed = _is_mixed(cells)
        if not is_mixed and _are_few(cells) and len(different := list(set(cells))) < len(cells):
            made = dict(zip(different, self._texts(different), strict=True))
            return list(map(made.__getitem__, cells))
        found = list(map(text, cells)) if is_mixed else _stripped(cells)
        if is_mixed or not are_plain(found):
            read = id_text if self._names_one else plain_text
            found = [read(self.name, cell) for cell in cells]
        prefix = self._prefix
        if "" in found:
            return [prefix + one if one else self._default for one in found]
        return [prefix + one for one in found] if prefix else found

    def _converted(self, cells: Sequence[Cell]) -> Values:
        if self._prefix:
            return [self._take(cell) for cell in cells]
        if _is_mixed(cells):
            if self._moments is not None and (moments := _moments(cells)):
                return self._filled(moments, self._moments)
            return [self._take(cell) for cell in cells]
        return self._filled(_stripped(cells), self._convert)

    def _filled(self, found: Sequence[str], convert: Callable[[Sequence[str]], Values]) -> Values:
        """What is made of texts, some of which may be empty."""
        if "" not in found:
            return convert(found)
        filled = [one for one in found if one]
        converted = iter(convert(filled) if filled else ())
        return [next(converted) if one else self._default for one in found]

    def _known(self, cells: Sequence[Cell]) -> Values:
        # 1, 1.0 and True are one key.
        return list(map(self._take if _is_mixed(cells) else self._remembered.__getitem__, cells))


def _many(convert: Convert) -> Callable[[Sequence[str]], Values]:
    """What converts many texts at once."""
    if isinstance(convert, ByTheHour | AmountReader):
        return convert.many
    return lambda cells: list(map(convert, cells))


def _are_few(values: Sequence[Any]) -> bool:
    """Whether a column says the same again and again, as far as its beginning shows."""
    return len(set(values[:_LOOKED_AT])) <= _FEW


def quoted(name: str, values: Values, odd: set[int]) -> list[Part]:
    """Texts in JSON, part behind part; places of those that are not text in the file's encoding are added to `odd`.

    All at once: a quote in a text has a backslash before it, so that `","` parts them.
    """
    head = f',{_encode(name).decode()}:"'
    has_none = None in values
    if has_none and set(values) == {None}:
        return [""]
    given = [value or "" for value in values] if has_none else values
    try:
        texts = _encode(given).decode()[2:-2].split('","')
    except UnicodeEncodeError:
        return [_singly(partial(_in_json, name), values, odd, "")]
    if has_none:
        return [["" if value is None else f'{head}{one}"' for one, value in zip(texts, values, strict=True)]]
    return [head, texts, '"']


def together(parts: Sequence[Part], count: int) -> list[str]:
    """The text of each of `count` rows, of which these are the parts."""
    merged: list[Part] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(before := merged[-1], str):
            merged[-1] = before + part
        else:
            merged.append(part)
    columns = [[part] * count if isinstance(part, str) else part for part in merged]
    return list(map("".join, zip(*columns, strict=True)))


def _in_json(name: str, value: Value | None) -> str:
    return "" if value is None else f",{_encode(name).decode()}:{_encode(value).decode()}"


def _is_mixed(cells: Sequence[Cell]) -> bool:
    """Whether not all of them are texts, as in spreadsheets."""
    return set(map(type, cells)) != {str}


def _stripped(cells: Sequence[Cell]) -> list[str]:
    return list(map(str.strip, cast("Sequence[str]", cells)))


def _moments(cells: Sequence[Cell]) -> list[str]:
    """A column of a spreadsheet's moments as ISO 8601, "" where a cell is empty; [] where something else is in it."""
    try:
        # A 0 is as false as an empty cell, and is none.
        return ["" if cell == "" else cast("datetime", cell).isoformat(" ") for cell in cells]
    except AttributeError:
        return []


def _singly(make: Callable[[Any], Any], of: Sequence[Any], odd: set[int], nothing: Any) -> list[Any]:
    made = []
    for place, one in enumerate(of):
        try:
            made.append(make(one))
        except (Refused, UnicodeEncodeError):
            odd.add(place)
            made.append(nothing)
    return made
