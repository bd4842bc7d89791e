"""The bytes of a file, whether it is plain, gzipped, the only file in a zip, or standard input."""

import gzip
import hashlib
import io
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, NamedTuple, cast

from producers.importer.errors import ImportProblem

LONGEST = 4 * 1024 * 1024
"""A line longer than this (bytes) comes in pieces, each of which is refused: memory stays bounded."""
_HEAD = 64 * 1024
_SPOOLED = 16 * 1024 * 1024
"""Bytes of standard input that stay in memory where it has to be read twice."""
_SHEETS = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")
"""What is in a zip that is a spreadsheet."""
_OLD_SHEET = b"\xd0\xcf\x11\xe0"
_DAMAGED = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError)
"""What reading a file may raise, packed ones among them; the last is a way of packing that is not known."""


class SourceLine(NamedTuple):
    """One line with its end: `number` counts from 1, `end` is the position in the unpacked bytes after it."""

    number: int
    raw: bytes
    end: int


class SourceFile:
    """One file to read, or standard input for `-`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = None if name == "-" else Path(name)
        if self.path is not None and not self.path.is_file():
            raise ImportProblem(f"{name}: no such file")
        self.size = self.path.stat().st_size if self.path else None
        self._begun = self._stands()
        self._counted: BinaryIO | None = None
        self._spool: IO[bytes] | None = None

    @property
    def identity(self) -> str | None:
        """What makes it the same file on another day: path, size, time of change, first bytes. None for `-`."""
        if self.path is None:
            return None
        stat = self.path.stat()
        with self.path.open("rb") as file:
            head = file.read(_HEAD)
        text = f"{self.path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode() + head
        return hashlib.sha256(text).hexdigest()

    @property
    def is_changed(self) -> bool:
        """Whether somebody wrote into it since it was named here."""
        return self._stands() != self._begun

    def _stands(self) -> tuple[int, int] | None:
        stat = self.path.stat() if self.path else None
        return stat and (stat.st_size, stat.st_mtime_ns)

    @property
    def done(self) -> int:
        """How many bytes of the file (packed, if it is) have been read."""
        return self._counted.tell() if self._counted and not self._counted.closed and self.path else 0

    def keep(self) -> None:
        """Let standard input be read more than once; a file can be anyhow."""
        if self.path is None and self._spool is None:
            self._spool = tempfile.SpooledTemporaryFile(_SPOOLED)  # noqa: SIM115 - as long as the source
            shutil.copyfileobj(sys.stdin.buffer, self._spool)

    @contextmanager
    def lines(self, start: int = 0, number: int = 0) -> Iterator[Iterator[SourceLine]]:
        """Open it and give the lines from position `start` on, which `number` lines come before.

        Raises ImportProblem when it cannot be read, or is shorter than `start`.
        """
        with self.opened() as stream:
            if start:
                if stream.seekable():
                    stream.seek(start)
                else:
                    raise ImportProblem(f"{self.name}: cannot go on in the middle of it")
            yield self._read(stream, start, number)

    @contextmanager
    def packed(self) -> Iterator[BinaryIO]:
        """Open it as it is, from its beginning."""
        if self.path is not None:
            with self.path.open("rb", buffering=1 << 20) as file:
                self._counted = file
                yield file
        elif self._spool is not None:
            self._spool.seek(0)
            yield cast("BinaryIO", self._spool)
        else:
            yield sys.stdin.buffer

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open it unpacked, from its beginning. Raises ImportProblem, also for what is found out while it is read."""
        try:
            with self._unpacked() as stream:
                yield stream
        except _DAMAGED as error:
            raise ImportProblem(f"{self.name}: cannot be read: {error}; pack or download it again") from error

    @contextmanager
    def _unpacked(self) -> Iterator[BinaryIO]:
        with self.packed() as file:
            if self.path is None and self._spool is None:
                yield file
                return
            magic = file.read(4)
            file.seek(0)
            if magic[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield cast("BinaryIO", io.BufferedReader(unpacked, 1 << 20))
            elif magic == b"PK\x03\x04":
                with self._zip(file) as archive, archive.open(self._only(archive)) as unpacked:
                    yield cast("BinaryIO", io.BufferedReader(unpacked, 1 << 20))
            else:
                yield file

    @property
    def is_sheet(self) -> bool:
        """Whether it is a spreadsheet (.xlsx, .xlsb, .ods, .xls). Raises ImportProblem."""
        with self.packed() as file:
            magic = file.read(4)
            if magic == _OLD_SHEET:
                return True
            if magic != b"PK\x03\x04":
                return False
            file.seek(0)
            with self._zip(file) as archive:
                names = set(archive.namelist())
                return any(name in names for name in _SHEETS) or "[Content_Types].xml" in names

    def _zip(self, file: BinaryIO) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(file)
        except _DAMAGED as error:
            raise ImportProblem(
                f"{self.name}: is not a complete zip file ({error}); pack or download it again"
            ) from error

    def _only(self, archive: zipfile.ZipFile) -> str:
        """The one file in an archive; what packers add for themselves does not count."""
        names = [
            name
            for name in archive.namelist()
            if not name.endswith("/")
            and not name.startswith("__MACOSX/")
            and not PurePosixPath(name).name.startswith(".")
        ]
        if len(names) != 1:
            said = f"{len(names)} files ({', '.join(names[:5])})" if names else "no file"
            raise ImportProblem(f"{self.name}: has {said}; unpack it and name the one to import")
        if archive.getinfo(names[0]).flag_bits & 1:
            raise ImportProblem(f"{self.name}: is protected by a password; unpack it first")
        return names[0]

    def _read(self, stream: BinaryIO, end: int, number: int) -> Iterator[SourceLine]:
        try:
            while raw := stream.readline(LONGEST):
                end += len(raw)
                number += 1
                yield SourceLine(number, raw, end)
        except _DAMAGED as error:
            raise ImportProblem(f"{self.name}: cannot be read after line {number}: {error}") from error


def checked(source: SourceFile, lines: Iterator[SourceLine]) -> Iterator[SourceLine]:
    """The lines of a file of JSON objects, one a line. Raises ImportProblem where its first line is no such object."""
    for line in lines:
        begun = line.raw.removeprefix(b"\xef\xbb\xbf").strip() if line.number == 1 else b""
        if begun[:1] == b"[" or begun == b"{":
            what, way = ("one JSON array", ".[]") if begun[:1] == b"[" else ("JSON over several lines", ".")
            raise ImportProblem(f"{source.name}: is {what}; write one object a line: jq -c '{way}' {source.name}")
        yield line
