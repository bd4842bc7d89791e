"""Lines of a file with their positions, whether it is plain, gzipped, or standard input."""

import gzip
import hashlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from producers.importer.errors import ImportProblem

LONGEST = 4 * 1024 * 1024
"""A line longer than this (bytes) comes in pieces, each of which is refused: memory stays bounded."""
_HEAD = 64 * 1024


class Line(NamedTuple):
    """One line with its end: `number` counts from 1, `end` is the position in the unpacked bytes after it."""

    number: int
    raw: bytes
    end: int


class Source:
    """One file to read, or standard input for `-`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = None if name == "-" else Path(name)
        if self.path is not None and not self.path.is_file():
            raise ImportProblem(f"{name}: no such file")
        self.size = self.path.stat().st_size if self.path else None
        self._counted: BinaryIO | None = None

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
    def done(self) -> int:
        """How many bytes of the file (packed, if it is) have been read."""
        return self._counted.tell() if self._counted and self.path else 0

    @contextmanager
    def lines(self, start: int = 0, number: int = 0) -> Iterator[Iterator[Line]]:
        """Open it and give the lines from position `start` on, which `number` lines come before.

        Raises ImportProblem when it cannot be read, or is shorter than `start`.
        """
        with self._opened() as stream:
            if start:
                if stream.seekable():
                    stream.seek(start)
                else:
                    raise ImportProblem(f"{self.name}: cannot go on in the middle of it")
            yield self._read(stream, start, number)

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        if self.path is None:
            yield sys.stdin.buffer
            return
        with self.path.open("rb", buffering=1 << 20) as file:
            self._counted = file
            magic = file.read(2)
            file.seek(0)
            if magic == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield cast("BinaryIO", io.BufferedReader(unpacked, 1 << 20))
            else:
                yield file

    def _read(self, stream: BinaryIO, end: int, number: int) -> Iterator[Line]:
        try:
            while raw := stream.readline(LONGEST):
                end += len(raw)
                number += 1
                yield Line(number, raw, end)
        except (OSError, EOFError) as error:
            raise ImportProblem(f"{self.name}: cannot be read after line {number}: {error}") from error
