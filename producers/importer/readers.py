"""Rows of a table as they stand in a file, read many at once; and the readers that need no parsing of ours."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice, repeat
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import msgspec
from python_calamine import CalamineError, CalamineSheet

from producers.errors import Refused
from producers.importer.cells import Cell, from_sheet, text
from producers.importer.errors import ImportProblem
from producers.importer.mapping import MappingFile
from producers.importer.pieces import pieces_of, sheet_names, workbook_of
from producers.importer.source import SourceFile, checked
from producers.importer.workbook import counts_from_1904, lacks_values

_ROWS = 500
"""Rows of a block, where a reader counts them."""
_AS_IT_IS = frozenset({str, float, int, bool})
"""Values of spreadsheets that are cells already."""

_Value = str | int | float | bool | None
_AT = re.compile(r"Expected `.*null`, got `(?:object|array)` - at `\$\.(.*)`")

Row = Sequence[Cell]


class Read(NamedTuple):
    """One row: the number of its first line, its cells, its bytes; `problem` says why it has no cells."""

    number: int
    cells: Row
    raw: bytes
    problem: Refused | None = None


class RowBlock(NamedTuple):
    """Rows that follow each other, one a line from line `number` on. raw: the bytes of one, which few are asked for.

    problem: why its only row, which may be of several lines, has no cells. said: a text that has all its cells in it,
    None where there is none at hand. mixed: whether some cells are not texts, and so are not in it.
    """

    number: int
    rows: Sequence[Row]
    raw: Callable[[int], bytes]
    problem: Refused | None = None
    said: str | None = None
    mixed: bool = False

    def behind(self, count: int) -> "RowBlock":
        """What is behind the first rows."""
        return self._replace(
            number=self.number + count, rows=self.rows[count:], raw=lambda index: self.raw(count + index)
        )

    def read(self, index: int) -> Read:
        """One row by itself."""
        return Read(self.number + index, self.rows[index], self.raw(index), self.problem)


class RowReader(Protocol):
    """Gives the rows of one file, as often as they are asked for. mark: bytes that a copy of some rows begins with.

    from_1904: whether numbers that stand for days are counted from 1904 on. merged: cells that reach over several rows,
    by their first row.
    """

    mark: bytes
    notes: list[str]
    from_1904: bool
    merged: Mapping[int, str]

    def dialects(self) -> Sequence[str]:
        """In which ways rows can be read, the most probable first."""

    def blocks(self, dialect: str, width: int = 0, most: int = -1) -> Iterator[RowBlock]:
        """All rows. `width`: how many cells rows have, once that is known. Raises ImportProblem.

        most: so many cells of each are wanted; what follows may come as one more, or as it is.
        """


class SheetReader:
    """A spreadsheet: one of its sheets."""

    mark = b"\xef\xbb\xbf"

    def __init__(self, source: SourceFile, file: MappingFile) -> None:
        self.notes: list[str] = []
        self.from_1904 = counts_from_1904(source)
        try:
            name = self._choose(source, file, sheet_names(source))
            self._pieces = pieces_of(source, name)
            self._sheets = [] if self._pieces else [workbook_of(source).get_sheet_by_name(name)]
        except (CalamineError, OSError) as error:
            raise ImportProblem(
                f"{source.name}: is not a spreadsheet that can be read ({error}); open it in a spreadsheet "
                "and save it as .xlsx or CSV"
            ) from error
        self._name = source.name
        self._delimiter = file.delimiter or ";"
        self.merged: Mapping[int, str] = self._pieces.merged if self._pieces else _merged(self._sheets[0])
        if lacks_values(source, name):
            self.notes.append(
                "formulas have no values in it, as a program wrote it: such cells are empty; open it in a spreadsheet "
                "and save it"
            )

    def _choose(self, source: SourceFile, file: MappingFile, names: Sequence[str]) -> str:
        """The name of the sheet to be read."""
        if not names:
            raise ImportProblem(f"{source.name}: has no sheet")
        if file.sheet is not None and file.sheet not in names:
            raise ImportProblem(f"{source.name}: has no sheet {file.sheet!r}; it has {', '.join(names)}")
        if len(names) > 1 and file.sheet is None:
            self.notes.append(
                f"of the sheets {', '.join(names)} the first is read; `sheet` in the mapping names another"
            )
        return file.sheet or names[0]

    def dialects(self) -> Sequence[str]:
        """There is one way."""
        return ("",)

    def blocks(self, dialect: str, width: int = 0, most: int = -1) -> Iterator[RowBlock]:
        """Rows as python-calamine gives them; a copy of them is CSV. Of a sheet in pieces they are `width` long."""
        del dialect, most
        number = 1
        try:
            for sheet in self._pieces.sheets() if self._pieces else self._sheets:
                for rows in self._rows(sheet, number, width):
                    said = "\n".join([cell for row in rows for cell in row if type(cell) is str])
                    yield RowBlock(number, rows, self._raw(rows), said=said, mixed=True)
                    number += len(rows)
        except OverflowError as error:
            raise ImportProblem(
                f"{self._name}: after row {number - 1} a cell is not a day or duration ({error}); show its column "
                "as text or numbers, and save it again"
            ) from error

    def _rows(self, sheet: CalamineSheet, number: int, width: int) -> Iterator[list[Row]]:
        """The rows of a sheet, or of a piece of one, from row `number` on."""
        if sheet.start is None:
            return
        top, left = sheet.start
        if top + 1 < number:
            raise ImportProblem(f"{self._name}: its rows are not in order after row {number - 1}; save it as CSV")
        gap = repeat([""] * (width or sheet.total_width), top + 1 - number)
        values = chain(gap, _filled(sheet, left, width) if self._pieces else _whole(sheet, top, left))
        while some := list(islice(values, _ROWS)):
            yield some

    def _raw(self, rows: Sequence[Row]) -> Callable[[int], bytes]:
        return lambda index: _csv(rows[index], self._delimiter)


def _whole(sheet: CalamineSheet, top: int, left: int) -> Iterator[Row]:
    """The rows from the first that has a cell, each from column A."""
    before: list[Cell] = [""] * left
    for row in islice(sheet.iter_rows(), top, None):
        cells = _cells(row)
        yield [*before, *cells] if left else cells


def _filled(sheet: CalamineSheet, left: int, width: int) -> Iterator[Row]:
    """The same of one piece, `width` cells of each, unless it is 0."""
    before: list[Cell] = [""] * left
    behind: list[Cell] = [""] * (width - sheet.total_width)
    for row in sheet.to_python():
        yield [*before, *_cells(row), *behind][: width or None]


def _cells(row: Sequence[object]) -> list[Cell]:
    return [value if type(value) in _AS_IT_IS else from_sheet(value) for value in row]  # type: ignore[misc, arg-type]


def _merged(sheet: CalamineSheet) -> dict[int, str]:
    ranges = sorted(sheet.merged_cell_ranges or ())
    return {top + 1: _place(top, column) for (top, column), (bottom, _) in ranges if bottom > top}


def _place(row: int, column: int) -> str:
    """What people call a cell: C4."""
    letters, column = "", column + 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row + 1}"


def _csv(cells: Row, delimiter: str) -> bytes:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator="\n").writerow([text(cell) for cell in cells])
    return written.getvalue().encode()


class JsonReader:
    """One flat JSON object a line; its names are the columns, whatever their order."""

    mark = b""
    from_1904 = False
    merged: Mapping[int, str] = MappingProxyType({})

    def __init__(self, source: SourceFile, columns: Sequence[str]) -> None:
        self.notes: list[str] = []
        self._source = source
        self._columns = list(columns)
        fields = {f"c{place}": name for place, name in enumerate(self._columns)}
        # What is in other fields, flat or not, harms nothing.
        row = msgspec.defstruct("Row", [(name, _Value, None) for name in fields], rename=fields, gc=False)
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(row).decode

    def dialects(self) -> Sequence[str]:
        """There is one way."""
        return ("",)

    def blocks(self, dialect: str, width: int = 0, most: int = -1) -> Iterator[RowBlock]:
        """The values of the columns; keys that are absent count as empty."""
        del dialect, width, most
        yield _block(0, [self._columns], [b""])
        rows: list[Row] = []
        raws: list[bytes] = []
        number = problem = None
        with self._source.lines() as lines:
            for number, raw, _ in checked(self._source, lines):
                problem, row = None, self._row(raw)
                if isinstance(row, Refused):
                    problem = row
                elif row is not None and len(rows) < _ROWS:
                    rows.append(row)
                    raws.append(raw)
                    continue
                if rows:
                    yield _block(number - len(rows), rows, raws)
                    rows, raws = [], []
                if problem is not None:
                    yield _block(number, [()], [raw], problem)
                elif row is not None:
                    rows, raws = [row], [raw]  # type: ignore[list-item]
        if rows and number is not None:
            yield _block(number - len(rows) + 1, rows, raws)

    def _row(self, raw: bytes) -> Row | Refused | None:
        """The cells of a line; why it has none; None where it is blank."""
        if not raw.strip():
            return None
        try:
            found = self._decode(raw.removeprefix(b"\xef\xbb\xbf"))
        except msgspec.DecodeError as error:
            said = _AT.sub(r"\1: is an object or an array, and the mapping wants a value there; flatten it", str(error))
            return Refused("not_json", f"the line is not a flat JSON object: {said}")
        return [_given(value) for value in msgspec.structs.astuple(found)]


def _block(number: int, rows: Sequence[Row], raws: Sequence[bytes], problem: Refused | None = None) -> RowBlock:
    return RowBlock(number, rows, raws.__getitem__, problem)


def _given(value: str | float | bool | None) -> Cell:
    return "" if value is None else value


def first(reader: RowReader, dialect: str, count: int) -> list[Read]:
    """The first rows in a dialect."""
    rows = (block.read(index) for block in reader.blocks(dialect) for index in range(len(block.rows)))
    return list(islice(rows, count))
