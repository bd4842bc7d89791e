"""Rows of a table as they stand in a file: CSV in any dialect, spreadsheets, JSON objects.

Python's csv module reads CSV. What is ours is only to know which lines a row was made of: a quote that is opened
by mistake would swallow the rest of the file, so a row that cannot be read is refused by its first line alone, and
reading goes on behind that line.
"""

import csv
import io
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, Protocol

import msgspec
from python_calamine import CalamineError, CalamineWorkbook

from producers.errors import Refused
from producers.importer.cells import Cell, from_sheet, text
from producers.importer.encoding import Encoding, encoding_of, guess, is_utf8
from producers.importer.errors import ImportProblem
from producers.importer.mapping import MappingFile
from producers.importer.source import LONGEST, Source

_HEAD = 1 << 20
_JOINED = 1000
"""Lines that a quoted cell may hold; a quote that stays open for longer was not meant as one."""
DELIMITERS = (";", ",", "\t", "|")


class Read(NamedTuple):
    """One row: the number of its first line, its cells, its bytes; `problem` says why it has no cells."""

    number: int
    cells: Sequence[Cell]
    raw: bytes
    problem: Refused | None = None


class Reader(Protocol):
    """Gives the rows of one file, as often as they are asked for. mark: bytes that a copy of some rows begins with."""

    mark: bytes
    notes: list[str]

    def dialects(self) -> Sequence[str]:
        """In which ways rows can be read, the most probable first."""

    def rows(self, dialect: str, width: int = 0) -> Iterator[Read]:
        """All rows. `width`: how many cells rows have, once that is known. Raises ImportProblem."""


class TextReader:
    """CSV and its like. A dialect is its delimiter."""

    def __init__(self, source: Source, file: MappingFile) -> None:
        self._source = source
        self._file = file
        with source.opened() as stream:
            head = stream.read(_HEAD)
        if head.lstrip()[:6].lower() in (b"<html>", b"<!doct", b"<table") or head.lstrip()[:5].lower() == b"<html":
            raise ImportProblem(
                f"{source.name}: is a page of HTML, whatever its name says; open it in a spreadsheet and save it as "
                ".xlsx or CSV"
            )
        self.encoding: Encoding = encoding_of(head, file.encoding)
        self.mark = self.encoding.mark
        self.notes = [self.encoding.note] if self.encoding.note else []
        self._head = head
        first, _, _ = head.removeprefix(self.mark).decode(self.encoding.name, "replace").lstrip().partition("\n")
        said = first.strip().removeprefix("sep=") if first.startswith("sep=") else ""
        self._said = said[:1]

    def dialects(self) -> Sequence[str]:
        """The delimiter of the mapping, then of a line `sep=`, then those that are usual."""
        return list(dict.fromkeys(one for one in (self._file.delimiter, self._said, *DELIMITERS) if one))

    def encoding_problem(self) -> str:
        """What is wrong with the encoding that the mapping says, "" if nothing is."""
        name = self.encoding.name
        if self._file.encoding is None or self.mark:
            return ""
        try:
            self._head[: len(self._head) // 2 * 2].decode(name)
        except UnicodeDecodeError as error:
            if error.end < len(self._head) - 4:
                better = "utf-8" if is_utf8(self._head) else guess(self._head)
                return f"the file is not {name}, as `encoding` in the mapping says; it looks like {better}"
        return ""

    def rows(self, dialect: str, width: int = 0) -> Iterator[Read]:
        """Rows by Python's csv module."""
        with self._source.opened() as stream:
            stream.read(len(self.mark))
            # In the middle of a line's end nothing is translated: rejects are the very bytes.
            decoded = io.TextIOWrapper(stream, self.encoding.name, self.encoding.errors, newline="")
            try:
                yield from self._rows(_Lines(decoded), dialect, width)
            except (OSError, EOFError) as error:
                raise ImportProblem(f"{self._source.name}: cannot be read: {error}") from error
            finally:
                decoded.detach()

    def _rows(self, lines: "_Lines", delimiter: str, width: int) -> Iterator[Read]:
        special = self._file.escape or '"'
        encoding, errors = self.encoding.name, self.encoding.errors
        number = 1
        while True:
            if line := lines.plain(special):
                yield Read(number, line.rstrip("\r\n").split(delimiter), line.encode(encoding, errors))
                number += 1
                continue
            if not lines.are_left():
                return
            cells, problem = self._quoted(lines, delimiter, width)
            taken = lines.take()
            yield Read(number, cells, self._bytes(taken), Refused("invalid_data", problem) if problem else None)
            number += len(taken)

    def _quoted(self, lines: "_Lines", delimiter: str, width: int) -> tuple[list[str], str]:
        """The cells of a row that has quotes, by Python's csv module, or what is wrong with it."""
        escape = self._file.escape
        reader = csv.reader(lines, delimiter=delimiter, strict=True, escapechar=escape, doublequote=escape is None)
        problem, cells = "", []
        try:
            cells = next(reader)
        except csv.Error as error:
            problem = _explained(error, escape)
        except _TooLong as error:
            problem = str(error)
        if len(lines.taken) > 1 and (problem or (width and len(cells) != width)):
            lines.put_back(1)
            return [], f"a quoted cell begins in this line and does not end as it should ({problem or 'cells'})"
        return ([], problem) if problem else (cells, "")

    def _bytes(self, taken: Sequence[str]) -> bytes:
        joined = "".join(taken)
        if not joined.endswith(("\n", "\r")):
            joined += "\n"
        return joined.encode(self.encoding.name, self.encoding.errors)


class _TooLong(Exception):  # noqa: N818 - never leaves this module
    """A quote is open for too many lines, or a line is too long."""


class _Lines:
    """Lines of a text, and which of them were taken for the row that is being read."""

    def __init__(self, file: io.TextIOWrapper) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self._size = 0
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= _JOINED or self._size > LONGEST:
            raise _TooLong(f"not within {len(self.taken)} lines")
        line = self._again.popleft() if self._again else self._file.readline(LONGEST)
        if not line:
            raise StopIteration
        self.taken.append(line)
        self._size += len(line)
        return line

    def plain(self, special: str) -> str:
        """The next line when it is a row of its own, without quotes; else "", and it is still to be read."""
        line = self._again.popleft() if self._again else self._file.readline(LONGEST)
        if line and '"' not in line and special not in line and line[-1] == "\n":
            return line
        if line:
            self._again.appendleft(line)
        return ""

    def are_left(self) -> bool:
        """Whether a line that is not plain is to be read."""
        return bool(self._again)

    def put_back(self, keep: int) -> None:
        """Give back all lines but the first `keep`, to be read again."""
        self._again.extendleft(reversed(self.taken[keep:]))
        del self.taken[keep:]
        self._size = sum(map(len, self.taken))

    def take(self) -> list[str]:
        """The lines of the row, which is over."""
        taken, self.taken, self._size = self.taken, [], 0
        return taken


def _explained(error: csv.Error, escape: str | None) -> str:
    said = str(error)
    if "expected after" in said:
        advice = "" if escape else '; where quotes inside cells come as \\", set escape: "\\\\" in the mapping'
        return f'a quote inside a quoted cell is not doubled (""){advice}'
    if "unexpected end" in said:
        return "a quote is opened and never closed"
    return said


class SheetReader:
    """A spreadsheet: one of its sheets."""

    mark = b"\xef\xbb\xbf"

    def __init__(self, source: Source, file: MappingFile) -> None:
        self.notes: list[str] = []
        try:
            with source.packed() as stream:
                workbook = CalamineWorkbook.from_filelike(stream)
            names = workbook.sheet_names
            if not names:
                raise ImportProblem(f"{source.name}: has no sheet")
            if file.sheet is not None and file.sheet not in names:
                raise ImportProblem(f"{source.name}: has no sheet {file.sheet!r}; it has {', '.join(names)}")
            name = file.sheet or names[0]
            if len(names) > 1 and file.sheet is None:
                self.notes.append(f"of {len(names)} sheets {name!r} is read; `sheet` in the mapping names another")
            self._sheet = workbook.get_sheet_by_name(name)
        except (CalamineError, OSError) as error:
            raise ImportProblem(f"{source.name}: is no spreadsheet that can be read ({error})") from error
        self._delimiter = file.delimiter or ";"
        self._offset = self._sheet.start[0] + 1 if self._sheet.start else 1

    def dialects(self) -> Sequence[str]:
        """There is one way."""
        return ("",)

    def rows(self, dialect: str, width: int = 0) -> Iterator[Read]:
        """Rows as python-calamine gives them; a copy of them is CSV."""
        del dialect, width
        for number, values in enumerate(self._sheet.iter_rows(), self._offset):
            cells = [from_sheet(value) for value in values]
            yield Read(number, cells, _csv(cells, self._delimiter))


def _csv(cells: Sequence[Cell], delimiter: str) -> bytes:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator="\n").writerow([text(cell) for cell in cells])
    return written.getvalue().encode()


class JsonReader:
    """One flat JSON object a line; its names are the columns, whatever their order."""

    mark = b""

    def __init__(self, source: Source, columns: Sequence[str]) -> None:
        self.notes: list[str] = []
        self._source = source
        self._columns = list(columns)
        self._decode: Callable[[bytes], Mapping[str, Any]] = msgspec.json.Decoder(
            dict[str, str | int | float | bool | None]
        ).decode

    def dialects(self) -> Sequence[str]:
        """There is one way."""
        return ("",)

    def rows(self, dialect: str, width: int = 0) -> Iterator[Read]:
        """The values of the columns; keys that are absent count as empty."""
        del dialect, width
        columns = self._columns
        yield Read(0, columns, b"")
        with self._source.lines() as lines:
            for number, raw, _ in lines:
                if raw.strip():
                    try:
                        found = self._decode(raw.removeprefix(b"\xef\xbb\xbf"))
                        yield Read(number, [_given(found.get(name)) for name in columns], raw)
                    except msgspec.DecodeError as error:
                        problem = Refused("not_json", f"the line is no flat JSON object: {error}")
                        yield Read(number, (), raw, problem)


def _given(value: str | float | bool | None) -> Cell:
    return "" if value is None else value


def first(reader: Reader, dialect: str, count: int) -> list[Read]:
    """The first rows in a dialect."""
    return list(islice(reader.rows(dialect), count))
