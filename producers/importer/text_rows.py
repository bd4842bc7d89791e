"""Rows of CSV and its like, by Python's csv module; where no quotes are, by what is even simpler.

What is ours is only to know which lines a row was made of: a quote that is opened by mistake would swallow the rest
of the file, so a row that cannot be read is refused by its first line alone, and reading goes on behind that line.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from producers.errors import Refused
from producers.importer.encoding import Encoding, encoding_of, guess, is_utf8
from producers.importer.errors import ImportProblem
from producers.importer.mapping import MappingFile
from producers.importer.readers import RowBlock
from producers.importer.source import LONGEST, SourceFile

if TYPE_CHECKING:
    import _csv

_HEAD = 1 << 20
_BEGUN = 1 << 10
_MARKUP = re.compile(rb"<(?:html|!doctype|!--|table|meta|head|style|\?xml|workbook)[\s>\-]|mime-version:")
"""How files begin that spreadsheets open, and that are no tables of text."""
_PIECE = 1 << 16
"""Characters that are read at once."""
_JOINED = 1000
"""Lines that a quoted cell may hold; a quote that stays open for longer was not meant as one."""
DELIMITERS = (";", ",", "\t", "|")
csv.field_size_limit(LONGEST)


class TextReader:
    """CSV and its like. A dialect is its delimiter. piece: so many characters are read at once. names: columns."""

    from_1904 = False
    merged: Mapping[int, str] = MappingProxyType({})

    def __init__(self, source: SourceFile, file: MappingFile, piece: int = _PIECE, names: Collection[str] = ()) -> None:
        self._piece = piece
        self._source = source
        self._file = file
        with source.opened() as stream:
            head = stream.read(_HEAD)
        begun = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:_BEGUN].lower()
        if _MARKUP.match(begun):
            what = "XML" if begun.startswith(b"<?xml") and b"<html" not in begun else "a page of HTML"
            raise ImportProblem(
                f"{source.name}: is {what}, whatever its name says; open it in a spreadsheet and save it as .xlsx or "
                "CSV"
            )
        self.encoding: Encoding = encoding_of(head, file.encoding, names)
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

    def blocks(self, dialect: str, width: int = 0, most: int = -1) -> Iterator[RowBlock]:
        """All rows; those of a piece of the file together, where each of them is one line."""
        with self._source.opened() as stream:
            stream.read(len(self.mark))
            # In the middle of a line's end nothing is translated: rejects are the very bytes.
            decoded = io.TextIOWrapper(stream, self.encoding.name, self.encoding.errors, newline="")
            try:
                yield from self._blocks(_Lines(decoded, self._piece), dialect, width, most)
            finally:
                decoded.detach()

    def _blocks(self, lines: "_Lines", delimiter: str, width: int, most: int) -> Iterator[RowBlock]:
        number = 1
        while True:
            some = lines.again()
            piece = "".join(some) if some else lines.piece()
            if not some:
                if not piece:
                    return
                if block := self._plain(number, piece, delimiter, most):
                    yield block
                    number += len(block.rows)
                    continue
                some = _lines(piece)
            done = 0
            for block, count in self._quoted(number, some, delimiter, width):
                yield block._replace(said=piece)
                done += count
            number += done
            if done < len(some):
                lines.give(some[done:])
                cells, problem = self._one(lines, delimiter, width)
                taken = lines.take()
                refused = Refused("invalid_data", problem) if problem else None
                yield RowBlock(number, [cells], self._raw(["".join(taken)]), refused)
                number += len(taken)

    def _plain(self, number: int, piece: str, delimiter: str, most: int) -> RowBlock | None:
        """A piece of the file that has no quotes; None where it has, or its lines end in several ways."""
        end = _end(piece)
        if not end or '"' in piece or (self._file.escape is not None and self._file.escape in piece):
            return None
        lines = piece[: -len(end)].split(end)
        return RowBlock(number, [line.split(delimiter, most) for line in lines], self._raw(lines, end), None, piece)

    def _quoted(self, number: int, lines: Sequence[str], delimiter: str, width: int) -> Iterator[tuple[RowBlock, int]]:
        """The rows of these lines, and how many lines they are, up to the first that cannot be read."""
        reader, begin = self._reader(lines, delimiter), 0
        rows: list[list[str]] = []
        with suppress(csv.Error):
            for row in reader:
                end = reader.line_num
                count = end - begin - len(rows)
                if count == 1:
                    rows.append(row or [""])
                    continue
                if count > _JOINED or (width and len(row) != width):
                    break
                if rows:
                    yield RowBlock(number + begin, rows, self._raw(lines[begin:])), len(rows)
                yield RowBlock(number + end - count, [row], self._raw(["".join(lines[end - count : end])])), count
                rows, begin = [], end
        if rows:
            yield RowBlock(number + begin, rows, self._raw(lines[begin:])), len(rows)

    def _reader(self, lines: Iterable[str], delimiter: str) -> "_csv.Reader":
        escape = self._file.escape
        if escape == "\\":  # databases write \N for nothing, which is no escaped N
            lines = map(partial(_database_null(delimiter).sub, ""), lines)
        return csv.reader(lines, delimiter=delimiter, strict=True, escapechar=escape, doublequote=escape is None)

    def _one(self, lines: "_Lines", delimiter: str, width: int) -> tuple[list[str], str]:
        """The cells of one row, or what is wrong with it."""
        problem, cells = "", []
        try:
            cells = next(self._reader(lines, delimiter)) or [""]
        except csv.Error as error:
            problem = _explained(error, self._file.escape)
        except _TooLong as error:
            problem = str(error)
        if len(lines.taken) > 1 and (problem or (width and len(cells) != width)):
            lines.put_back(1)
            return [], f"a quoted cell begins in this line and does not end as it should ({problem or 'cells'})"
        return ([], problem) if problem else (cells, "")

    def _raw(self, lines: Sequence[str], end: str = "") -> Callable[[int], bytes]:
        """What gives the bytes of one of these."""
        encoding, errors = self.encoding.name, self.encoding.errors

        def raw(index: int) -> bytes:
            line = lines[index] + end
            return (line if line.endswith(("\n", "\r")) else line + "\n").encode(encoding, errors)

        return raw


@lru_cache(maxsize=8)
def _database_null(delimiter: str) -> re.Pattern[str]:
    """What finds cells that say nothing as databases do, with no quotes around."""
    other = rf"[^{re.escape(delimiter)}\r\n]"
    return re.compile(rf"(?<!{other})\\N(?!{other})")


def _end(piece: str) -> str:
    """How all lines of a text end; "" when they differ, or the last one does not."""
    if not piece.endswith("\n"):
        return ""
    returns = piece.count("\r")
    if not returns:
        return "\n"
    return "\r\n" if returns == piece.count("\r\n") == piece.count("\n") else ""


def _lines(piece: str) -> list[str]:
    """The lines of a text with their ends, which are told as a file's are."""
    return io.StringIO(piece, newline="").readlines()


class _TooLong(Exception):  # noqa: N818 - never leaves this module
    """A quote is open for too many lines, or a line is too long."""


class _Lines:
    """Lines of a text, and which of them were taken for the row that is being read."""

    def __init__(self, file: io.TextIOWrapper, piece: int) -> None:
        self._file = file
        self._piece = piece
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

    def piece(self) -> str:
        """The next lines, many at once; "" at the end."""
        piece = self._file.read(self._piece)
        return piece if piece[-1:] in ("", "\n") else piece + self._file.readline(LONGEST)

    def again(self) -> list[str]:
        """Lines that are to be read again, for good."""
        again = list(self._again)
        self._again.clear()
        return again

    def give(self, lines: Iterable[str]) -> None:
        """Have lines read one by one."""
        self._again.extend(lines)

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
