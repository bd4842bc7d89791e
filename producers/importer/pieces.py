"""A worksheet that is too large to be held, as many small workbooks: cut between rows, read one after the other.

What cells mean is python-calamine's matter, as in a sheet that is read as a whole. Here bytes are cut, and little is
understood: a sheet that is written in a way that could be cut wrongly is not cut.
"""

import io
import os
import re
import tempfile
import weakref
import zipfile
from array import array
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import IO

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from producers.importer.errors import ImportProblem
from producers.importer.source import SourceFile
from producers.importer.workbook import NO_WORKBOOK, archive_of, part_of

LARGE = 16 << 20
"""Bytes of a sheet and of the texts that its cells share, unpacked, up to which it is held: some 30 MB of cells."""
PIECE = 4 << 20
_CHUNK = 1 << 20
_BETWEEN = 1 << 10
"""Bytes of a chunk that are looked at again with the next one."""
_SMALL = frozenset(
    {"[content_types].xml", "_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml"}
)
"""What python-calamine reads of a workbook besides its sheets and the texts that they share."""
_TEXTS = "xl/sharedstrings.xml"
_ROW = re.compile(rb"<((?:[\w.-]+:)?)row(\s[^<>]*)?>")
_TEXT = re.compile(rb"<((?:[\w.-]+:)?)si(?:\s[^<>]*)?(?:/>|>(.*?)</\1si>)", re.DOTALL)
_SHARES = re.compile(rb" t=([\"'])s\1([^<>]*)><((?:[\w.-]+:)?)v>(\d+)</\3v>")
_ODD = re.compile(rb" t=([\"'])s\1[^<>]*>(?!<(?:[\w.-]+:)?v>\d+</)")
_MERGED = re.compile(rb'<(?:[\w.-]+:)?mergeCell\s[^<>]*?ref="([A-Z]+)(\d+):[A-Z]+(\d+)"')
_MOST_MERGED = 1000
_UNUSUAL = "it is written in an unusual way"
_REMEMBERED = 1 << 14
"""Texts that are not asked of the disk again."""


def workbook_of(source: SourceFile) -> CalamineWorkbook:
    """A workbook as a whole. Raises CalamineError."""
    with source.packed() as stream:
        return CalamineWorkbook.from_filelike(stream)


def sheet_names(source: SourceFile) -> list[str]:
    """The names of the sheets of a workbook, of which no sheet is held for that. Raises CalamineError."""
    try:
        with archive_of(source) as archive:
            return CalamineWorkbook.from_filelike(_packed(_small(archive))).sheet_names
    except (CalamineError, *NO_WORKBOOK):
        return workbook_of(source).sheet_names


def pieces_of(source: SourceFile, sheet: str, *, large: int = LARGE, piece: int = PIECE) -> "SheetPieces | None":
    """The pieces of a sheet that is large; None where it is not, or has to be read as a whole: no .xlsx, or damaged."""
    try:
        with archive_of(source) as archive:
            part = part_of(archive, sheet)
            sizes = {one.filename: one.file_size for one in archive.infolist()}
            texts = [one for one in sizes if one.lower() == _TEXTS]
            if part is None or sizes[part] + sum(sizes[one] for one in texts) <= large:
                return None
            return SheetPieces(source, archive, sheet, part, piece)
    except (_NotPlain, *NO_WORKBOOK):
        return None


class _NotPlain(Exception):  # noqa: N818 - never leaves this module
    """A sheet is written as no program is known to, and might be cut wrongly."""


class SheetPieces:
    """A sheet of a workbook, piece by piece. piece: bytes of its XML that are held at once.

    merged: cells that reach over several rows, by their first row; of very many the first.
    """

    def __init__(self, source: SourceFile, archive: zipfile.ZipFile, sheet: str, part: str, piece: int) -> None:
        self._source, self._sheet, self._part, self._piece = source, sheet, part, piece
        self.merged: dict[int, str] = {}
        self._small = _small(archive)
        self._texts = _Texts(archive, piece)
        for _, body, _ in self._bodies(archive):
            if b"<!" in body or _ODD.search(body):
                raise _NotPlain(_UNUSUAL)

    def sheets(self) -> Iterator[CalamineSheet]:
        """The rows, some at a time, in order. Raises ImportProblem."""
        try:
            with archive_of(self._source) as archive:
                for head, body, tail in self._bodies(archive):
                    parts = self._small | {self._part: head + _SHARES.sub(self._texts.inline, body) + tail}
                    yield CalamineWorkbook.from_filelike(_packed(parts)).get_sheet_by_name(self._sheet)
        except (CalamineError, _NotPlain, *NO_WORKBOOK) as error:
            raise ImportProblem(
                f"{self._source.name}: the sheet cannot be read ({error}); open it in a spreadsheet and save it again"
            ) from error

    def _bodies(self, archive: zipfile.ZipFile) -> Iterator[tuple[bytes, bytes, bytes]]:
        """Rows, some at a time, with what has to be before and behind them."""
        with archive.open(self._part) as stream:
            rest = b""
            while (first := _ROW.search(rest)) is None:
                if len(rest) > _CHUNK or not (more := stream.read(self._piece)):
                    raise _NotPlain(_UNUSUAL)
                rest += more
            if b"<!" in rest[: first.start()] or b" r=" not in (first[2] or b""):
                raise _NotPlain(_UNUSUAL)  # rows have to say which they are
            head, rest, prefix = rest[: first.start()], rest[first.start() :], first[1]
            row, end = b"<%brow" % prefix, b"</%bsheetData" % prefix
            tail = b"%b></%bworksheet>" % (end, prefix)
            while (stop := rest.find(end)) < 0:
                cut = rest.rfind(row) if len(rest) >= self._piece else 0
                if cut > 0:
                    yield head, rest[:cut], tail
                    rest = rest[cut:]
                if not (more := stream.read(self._piece)):
                    raise EOFError("it ends within a row")
                rest += more
            yield head, rest[:stop], tail
            self._look_for_merged(rest[stop:], stream)

    def _look_for_merged(self, rest: bytes, stream: IO[bytes]) -> None:
        while rest and len(self.merged) < _MOST_MERGED:
            for column, top, bottom in _MERGED.findall(rest):
                if int(bottom) > int(top):
                    self.merged.setdefault(int(top), f"{column.decode()}{int(top)}")
            more = stream.read(_CHUNK)
            rest = rest[-_BETWEEN:] + more if more else b""


def _small(archive: zipfile.ZipFile) -> dict[str, bytes]:
    return {one: archive.read(one) for one in archive.namelist() if one.lower() in _SMALL}


def _packed(parts: Mapping[str, bytes]) -> io.BytesIO:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    made.seek(0)
    return made


class _Texts:
    """The texts that cells of a workbook share, on the disk: of each 8 bytes are held."""

    def __init__(self, archive: zipfile.ZipFile, piece: int) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the pieces
        weakref.finalize(self, self._file.close)
        self._ends = array("Q", [0])
        self._read = lru_cache(_REMEMBERED)(self._of)
        for name in archive.namelist():
            if name.lower() == _TEXTS:
                with archive.open(name) as stream:
                    self._keep(stream, piece)
        self._file.flush()

    def _keep(self, stream: IO[bytes], piece: int) -> None:
        rest = b""
        while more := stream.read(piece):
            rest += more
            if b"<!" in rest:
                raise _NotPlain(_UNUSUAL)
            done = 0
            for found in _TEXT.finditer(rest):
                text, done = found[2] or b"", found.end()
                self._file.write(text)
                self._ends.append(self._ends[-1] + len(text))
            rest = rest[done:]

    def inline(self, cell: re.Match[bytes]) -> bytes:
        """A cell that has a text of its own, instead of the number of one. Where there is none it stays as it is."""
        quote, rest, prefix, number = cell.groups()
        text = self._read(int(number))
        if text is None:
            return cell[0]
        return b" t=%binlineStr%b%b><%bis>%b</%bis>" % (quote, quote, rest, prefix, text, prefix)

    def _of(self, number: int) -> bytes | None:
        if number + 1 >= len(self._ends):
            return None
        begin, end = self._ends[number], self._ends[number + 1]
        return os.pread(self._file.fileno(), end - begin, begin)
