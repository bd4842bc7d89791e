"""Foreign tables as formats: CSV, spreadsheets and JSON objects, made into events by a mapping."""

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from producers.errors import Refused
from producers.importer.cells import text
from producers.importer.cleaning import UNSEEN, Cleaning
from producers.importer.clients import ClientRows, is_address
from producers.importer.errors import ImportProblem
from producers.importer.formats import InputRecord, Rows
from producers.importer.money import Styles, two_readings
from producers.importer.places import ColumnPlaces
from producers.importer.readers import JsonReader, Read, Row, RowBlock, RowReader, SheetReader, first
from producers.importer.rows import RowMapper
from producers.importer.source import SourceFile
from producers.importer.state import State
from producers.importer.text_rows import TextReader

_TITLES = 50
"""Rows among which the header is looked for: exports put titles above it."""


_UNSEEN = dict.fromkeys(map(ord, UNSEEN))
_SHOWN = 80
_NO_TEXT = Refused("invalid_data", "the line has bytes that are not text in the encoding of the file")


class _Header(NamedTuple):
    """How rows are read, the header row, how many rows are above it, and where the mapped columns are."""

    dialect: str
    row: Read
    above: int
    at: Mapping[str, int]


class MappedTable:
    """A table with a header row. Read twice where a decimal mark has to be found out.

    names: what the identities are given to, where clients are known by numbers and addresses.
    """

    def __init__(self, mapper: RowMapper | ClientRows) -> None:
        self._mapper = mapper
        self.header = b""
        self.origin = mapper.origin
        self.names = mapper if isinstance(mapper, RowMapper) and mapper.needs_identities else None
        self.notes: list[str] = []
        self._name = ""
        self._source: SourceFile | None = None
        self._clean = Cleaning(mapper.file.empty)

    def records(self, source: SourceFile, after: State) -> Iterator[InputRecord | Rows]:
        """Yield what is read of each row that is not blank. Raises ImportProblem when a mapped column is missing."""
        source.keep()
        self._name, self._source = source.name, source
        reader = self._reader(source)
        head = self._find(reader)
        self.header = reader.mark + _line(head.row.raw)
        self.notes += reader.notes
        self._note_numbers(reader, head)
        places = ColumnPlaces(head.at, self._decimals(reader, head), self._mapper.hashed, from_1904=reader.from_1904)
        return self._read(reader, head, places, after.end)

    def _reader(self, source: SourceFile) -> RowReader:
        if self._mapper.file.format == "jsonl":
            return JsonReader(source, sorted(self._mapper.columns))
        return (
            SheetReader(source, self._mapper.file)
            if source.is_sheet
            else TextReader(source, self._mapper.file, names=self._mapper.columns)
        )

    # -- the header

    def _find(self, reader: RowReader) -> _Header:
        """Find the header row: the first that has all columns of the mapping."""
        best: tuple[int, str, Read | None] = (0, "", None)
        for dialect in reader.dialects():
            for index, row in enumerate(first(reader, dialect, _TITLES)):
                at = self._columns(row.cells)
                if len(at) == len(self._mapper.columns):
                    self._note(reader, dialect, row, index, at)
                    return _Header(dialect, row, index, at)
                if len(at) > best[0]:
                    best = len(at), dialect, row
        raise ImportProblem("; ".join([f"{self._name}: {self._missing(reader, best[2])}", *reader.notes]))

    def _columns(self, cells: Sequence[object]) -> dict[str, int]:
        """Mapped column → index, of those that a header row has. Raises ImportProblem for one that is there twice."""
        names = [_squeezed(str(cell)) for cell in cells]
        counts, folded = Counter(names), Counter(name.casefold() for name in names)
        at: dict[str, int] = {}
        for column in self._mapper.columns:
            name = _squeezed(column)
            if counts[name] == 1:
                at[column] = names.index(name)
            elif counts[name] > 1 and sum(count for one, count in counts.items() if one) > 1:
                where = ", ".join(str(place + 1) for place, one in enumerate(names) if one == name)
                raise ImportProblem(
                    f"{self._name}: the header has {column!r} more than once (columns {where}); rename one of them"
                )
            elif folded[name.casefold()] == 1:
                at[column] = [one.casefold() for one in names].index(name.casefold())
        return at

    def _is_header(self, cells: Sequence[object]) -> bool:
        """Whether a row that makes no event has the names of all columns, of which there are several."""
        names = {_squeezed(str(cell)).casefold() for cell in cells}
        wanted = {_squeezed(column).casefold() for column in self._mapper.columns}
        return len(wanted) > 1 and wanted <= names

    def _note(self, reader: RowReader, dialect: str, row: Read, index: int, at: Mapping[str, int]) -> None:
        declared = self._mapper.file.delimiter
        if isinstance(reader, TextReader) and declared is not None and dialect != declared:
            self.notes.append(f"the columns are separated by {dialect!r}, not by {declared!r} as the mapping says")
        if index:
            self.notes.append(f"the header is line {row.number}; what is above it was left out")
        renamed = [
            f"{column!r} is {str(row.cells[place]).strip()!r}"
            for column, place in sorted(at.items())
            if _squeezed(str(row.cells[place])) != _squeezed(column)
        ]
        merged = [place for number, place in reader.merged.items() if number > row.number]
        if merged:
            self.notes.append(
                f"cells are merged over several rows ({', '.join(merged[:5])}): what stands there is the first row's "
                "alone; unmerge them, and fill in the others"
            )
        if renamed:
            self.notes.append(f"in the header {', '.join(renamed)}")

    def _note_numbers(self, reader: RowReader, head: _Header) -> None:
        """Say where ids of clients are numbers or addresses, which belong into no event."""
        rows = [row.cells for row in first(reader, head.dialect, head.above + 1 + _TITLES)[head.above + 1 :]]
        for column in sorted(self._mapper.plain_clients):
            place = head.at[column]
            if any(is_address(text(row[place])) for row in rows if len(row) > place):
                self.notes.append(
                    f"client_id: {column} has phone numbers or addresses, which go into the log as they are; with "
                    f"phone: {column} (or email: {column}) they become the clients that calls are counted for"
                )

    def _missing(self, reader: RowReader, row: Read | None) -> str:
        if isinstance(reader, TextReader) and (problem := reader.encoding_problem()):
            return problem
        if row is None:
            begin = _begin(reader)
            if not begin:
                return "is empty"
            wanted = ", ".join(sorted(self._mapper.columns))
            return f"no line among the first {_TITLES} is a header with the mapping's columns ({wanted}); {begin}"
        names = [_squeezed(str(cell)) for cell in row.cells]
        said = []
        for column in sorted(self._mapper.columns - self._columns(row.cells).keys()):
            known = {name.casefold(): name for name in names}
            near = difflib.get_close_matches(column.casefold(), known, 1)
            said.append(column + (f" (nearest: {_printable(known[near[0]])})" if near else ""))
        return (
            f"the mapping names columns that are not there: {', '.join(said)}; "
            f"line {row.number} has {_printable(', '.join(name for name in names if name))}"
        )

    # -- the first pass

    def _decimals(self, reader: RowReader, head: _Header) -> dict[str, str | None]:
        """The decimal mark of each column whose mark the mapping does not say. Raises ImportProblem."""
        styles = {column: Styles() for column in sorted(self._mapper.amounts)}
        if not styles:
            return {}
        looks = [(itemgetter(head.at[column]), style.look_at_all) for column, style in styles.items()]
        longest = 1 + max(head.at[column] for column in styles)
        for block in self._body(reader, head, most=longest):
            rows = block.rows
            if min(map(len, rows)) < longest:
                rows = [row if len(row) >= longest else [""] * longest for row in rows]
            for cell, look in looks:
                look(block.number, list(map(cell, rows)))
        for column, style in styles.items():
            if style.unclear and not style.marks:
                number, amount = style.unclear
                raise ImportProblem(
                    f"{self._name}: line {number}, {column}: {two_readings(amount)}; no other amount in it decides"
                )
            if style.unclear and len(style.marks) > 1:
                shown = " and ".join(f"{amount} (line {number})" for number, amount in style.marks.values())
                self.notes.append(f"{column} has both {shown}: amounts that may be read in two ways are refused")
        return {column: style.decimal for column, style in styles.items()}

    # -- the second pass

    def _body(self, reader: RowReader, head: _Header, done: int = 0, most: int = -1) -> Iterator[RowBlock]:
        """What is behind the header, and behind so many rows that are done."""
        above = head.above + 1 + done
        for block in reader.blocks(head.dialect, len(head.row.cells), most):
            if above < len(block.rows):
                yield self._clean.block(block.behind(above) if above else block)
            above = max(0, above - len(block.rows))

    def _read(self, reader: RowReader, head: _Header, places: ColumnPlaces, done: int) -> Iterator[InputRecord | Rows]:
        width = len(head.row.cells)
        make, make_many = self._mapper.bind(places), self._mapper.bind_many(places, width)
        read_one = partial(self._one, make, places, list(map(text, head.row.cells)))
        for block in self._body(reader, head, done):
            count = len(block.rows)
            # One by itself may be of several lines, or refused.
            made = [()] * count if make_many is None or count == 1 else make_many(block.rows)
            begin = 0
            for place in (place for place, values in enumerate(made) if not values):
                if place > begin:
                    yield Rows(block.number + begin, done + place, made[begin:place], partial(_raw, block, begin))
                yield read_one(block.read(place), done + place + 1)
                begin = place + 1
            if begin < count:
                yield Rows(block.number + begin, done + count, made[begin:], partial(_raw, block, begin))
            done += count
        if self._source is not None and self._source.is_changed:
            self.notes.append("the file was written to while it was read; import it again once it is whole")

    def _one(
        self, make: Callable[[Row], tuple[bytes, ...]], places: ColumnPlaces, header: list[str], row: Read, end: int
    ) -> InputRecord:
        """What is read of one row, and why it makes no event if it makes none."""
        number, cells, raw, problem = row
        if cells and text(cells[0]) == header[0] and list(map(text, cells)) == header:
            return InputRecord(number, raw, end, left_out="the row is the header again")
        try:
            _check(row, len(header), max(places.at.values(), default=-1) + 1)
            if values := make(cells):
                return InputRecord(number, raw, end, values)
            why = self._mapper.why_none(cells, places)
        except (Refused, UnicodeEncodeError) as error:
            refused = error if isinstance(error, Refused) else _NO_TEXT
            if problem or any(text(cell) for cell in cells):
                if self._is_header(cells):
                    raise ImportProblem(
                        f"{self._name}: line {number} is a header with its columns in another order, as of files that "
                        "were put together; what is above it was imported, import each file by itself"
                    ) from None
                return InputRecord(number, raw, end, (), refused)
            why = ""
        is_empty = not any(text(cell) for cell in cells)
        return InputRecord(number, raw, end, left_out="the row is empty" if is_empty else why)


def _begin(reader: RowReader) -> str:
    """How a file begins in which no header was found; "" where nothing is in it."""
    rows = (row for row in first(reader, reader.dialects()[0], _TITLES) if any(map(text, row.cells)))
    row = next(rows, None)
    if row is None:
        return ""
    begin = " ".join(" ".join(map(text, row.cells)).split())
    shown = _printable(begin if len(begin) <= _SHOWN else f"{begin[:_SHOWN]}…")
    advice = ""
    if isinstance(reader, TextReader):
        advice = "; is there a delimiter that the mapping has to name?"
        if not begin.isprintable():
            advice = "; is it packed, or no text at all? CSV, spreadsheets, .gz and .zip are read"
    return f"line {row.number} is: {shown}{advice}"


def _printable(said: str) -> str:
    """What a file says, without what would command a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in said)


def _raw(block: RowBlock, begin: int, index: int) -> bytes:
    return block.raw(begin + index)


def _check(row: Read, width: int, needed: int) -> None:
    """Whether a row has the cells that its header promises. Raises Refused."""
    if row.problem:
        raise row.problem
    count = len(row.cells)
    if count != width and (count < needed or any(row.cells[width:])):
        raise Refused("invalid_data", f"the line has {count} cells, the header {width}")


def _squeezed(name: str) -> str:
    """A name in a header, with one space where there are several, none around it, and nothing unseen."""
    return " ".join(name.translate(_UNSEEN).split())


def _line(raw: bytes) -> bytes:
    return raw if not raw or raw.endswith((b"\n", b"\r", b"\n\0")) else raw + b"\n"
