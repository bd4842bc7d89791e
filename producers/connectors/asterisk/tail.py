"""The lines of a log that grows, through its rotations: renamed and created again, or copied and cut.

A file is known by its first bytes, so that its name, its number and its inode may change; also once it is packed.
"""

import gzip
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

import msgspec

_HEAD = 512
_PIECE = 1 << 20


class TailPlace(msgspec.Struct, frozen=True):
    """Where a line begins. `mark`: a hash of the file's first `head` bytes; `offset`: in the unpacked file."""

    mark: str = ""
    head: int = 0
    offset: int = 0


class Tail:
    """Gives whole lines as they come, the oldest first. `lost` says what could not be read any more."""

    def __init__(self, path: Path, begin: TailPlace) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._inode = 0
        self._at = begin
        self.lost: list[str] = []
        if begin.head:
            self._find(begin)

    def lines(self) -> Iterator[tuple[TailPlace, bytes]]:
        """Yield each line that is whole by now, and where it begins."""
        while True:
            if self._was_cut():
                self._find(self._at)
            before = self._at.offset
            yield from self._read()
            if self._at.offset == before and not self._goes_on():
                return

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> Iterator[tuple[TailPlace, bytes]]:
        if self._file is None:
            return
        self._file.seek(0)
        first = self._file.read(_HEAD)
        mark, head = _hash(first), len(first)
        self._at = TailPlace(mark, head, self._at.offset)
        self._file.seek(self._at.offset)
        rest = b""
        while piece := self._file.read(_PIECE):
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                place = TailPlace(mark, head, self._at.offset)
                self._at = TailPlace(mark, head, place.offset + len(line) + 1)
                yield place, line + b"\n"

    def _was_cut(self) -> bool:
        """Whether the file is no more what it was when it was read last."""
        if self._file is None or not self._at.head:
            return False
        self._file.seek(0)
        return _hash(self._file.read(self._at.head)) != self._at.mark or self._file.seek(0, 2) < self._at.offset

    def _goes_on(self) -> bool:
        """Go on with the file that came after this one, if it is at its end and is not the one that is written."""
        try:
            found = self._path.stat()
        except OSError:
            return False  # between its renaming and its creation
        if self._file is None:
            self._open(self._path, TailPlace())
            return self._file is not None
        if found.st_ino == self._inode:
            return False
        by_age, holding = self._turned(self._at)
        later = by_age[by_age.index(holding) + 1 :] if holding else []
        if not later and found.st_size == 0:
            return False  # who writes holds the old file until the new one has something
        self._open(later[0] if later else self._path, TailPlace())
        return True

    def _find(self, place: TailPlace) -> None:
        """Open the file that a place is in."""
        if _is(self._path, place):
            self._open(self._path, place)
            return
        _, holding = self._turned(place)
        if holding is None:
            self.lost.append(
                f"{self._path}: was rotated, and the file that was read last is not beside it any more; import it, in "
                "case it has lines that were not read"
            )
        self._open(holding or self._path, place if holding else TailPlace())

    def _turned(self, place: TailPlace) -> tuple[list[Path], Path | None]:
        """The files beside it that were the log before, the oldest first, and which of them a place is in."""
        beside = [
            each for each in self._path.parent.glob(f"{self._path.name}*") if each != self._path and each.is_file()
        ]
        by_age = sorted(beside, key=lambda path: path.stat().st_mtime_ns)
        holding = next((path for path in reversed(by_age) if place.head and _is(path, place)), None)
        return by_age, holding

    def _open(self, path: Path, place: TailPlace) -> None:
        self.close()
        self._at = place
        with suppress(OSError):
            self._file = _opened(path)
            self._inode = path.stat().st_ino


def _opened(path: Path) -> IO[bytes]:
    file = path.open("rb", buffering=0)  # what is buffered may be no more there
    if file.read(2) != b"\x1f\x8b":
        return file
    file.close()
    return cast("IO[bytes]", gzip.open(path))


def _is(path: Path, place: TailPlace) -> bool:
    """Whether a file is the one of a place, and holds it."""
    try:
        with _opened(path) as file:
            file.seek(0)
            if _hash(file.read(place.head)) != place.mark:
                return False
            file.seek(max(0, place.offset - 1))
            return not place.offset or len(file.read(1)) == 1
    except (OSError, EOFError):
        return False


def _hash(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()
