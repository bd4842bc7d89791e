"""Where refused records go: a file of their very bytes, to be corrected and imported again, and one of the reasons."""

from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from producers.errors import Refused


class Rejects:
    """`path` gets the bytes (after the format's header), `path`.reasons a JSON line for each record.

    Opened at the lengths that an interrupted import had reached, so that nothing is in them twice. Neither file
    exists while nothing is refused.
    """

    def __init__(self, path: Path, lengths: tuple[int, int] = (0, 0)) -> None:
        self.path = path
        self.reasons = path.with_name(path.name + ".reasons")
        self.lengths = lengths
        self._files: tuple[BinaryIO, BinaryIO] | None = None

    def __enter__(self) -> Self:
        if self.lengths == (0, 0):
            self.path.unlink(missing_ok=True)
            self.reasons.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files or ():
            file.close()

    def add(self, number: int, raw: bytes, refused: Refused, header: bytes) -> None:
        """Keep a record that begins in line `number`."""
        bytes_, reasons = self._opened(header)
        bytes_.write(raw if raw.endswith((b"\n", b"\r", b"\n\0")) else raw + b"\n")
        entry = {"line": number, "reason": refused.reason, "detail": refused.detail}
        reasons.write(msgspec.json.encode(entry) + b"\n")

    def flush(self) -> tuple[int, int]:
        """Bring everything to the files; return their lengths, to open them again with."""
        if self._files:
            for file in self._files:
                file.flush()
            self.lengths = (self._files[0].tell(), self._files[1].tell())
        return self.lengths

    def _opened(self, header: bytes) -> tuple[BinaryIO, BinaryIO]:
        if self._files is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            bytes_, reasons = self.path.open("ab"), self.reasons.open("ab")
            bytes_.truncate(self.lengths[0])
            reasons.truncate(self.lengths[1])
            if bytes_.tell() == 0:
                bytes_.write(header)
            self._files = (bytes_, reasons)
        return self._files
