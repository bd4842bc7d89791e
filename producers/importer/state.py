"""How far an import has come, kept between runs: the position after the last batch that Kafka acknowledged."""

from pathlib import Path

import msgspec


class ImportCounts(msgspec.Struct):
    """Events by what became of them; `corrected` are among the sent ones.

    older: another line, or the log, has a greater version. clashing: another line has the same version and says
    otherwise. elsewhere: the log's version is newer from another system. unraisable: the contract has no room for it.
    waiting: what becomes of them is known at the end of the file.
    """

    sent: int = 0
    corrected: int = 0
    known: int = 0
    older: int = 0
    elsewhere: int = 0
    clashing: int = 0
    unraisable: int = 0
    waiting: int = 0

    def __add__(self, other: "ImportCounts") -> "ImportCounts":
        """Both together."""
        return ImportCounts(
            *(a + b for a, b in zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True))
        )

    @property
    def total(self) -> int:
        """All events."""
        parts: tuple[int, ...] = msgspec.structs.astuple(self)
        return sum(parts) - self.corrected


class State(msgspec.Struct, frozen=True):
    """`end` is how far its format has read, `line` the number of lines before it, the rest are counts.

    taken, left_out, refused: records by what became of them; counts: the events made of those that were taken.
    run: its number in the index of what the log has.
    """

    end: int = 0
    line: int = 0
    run: int = 0
    counts: ImportCounts = msgspec.field(default_factory=ImportCounts)
    taken: int = 0
    left_out: int = 0
    refused: int = 0
    rejects: tuple[int, int] = (0, 0)

    @property
    def read(self) -> int:
        """All records, each of which is counted in one of three."""
        return self.taken + self.left_out + self.refused


class StateFile:
    """The state of one file in one folder; nowhere when the folder or the file's identity is None."""

    def __init__(self, folder: Path | None, identity: str | None) -> None:
        self._path = folder / f"{identity[:32]}.json" if folder and identity else None

    def load(self) -> State:
        """Return the state, a fresh one when there is none or it cannot be read (then all is sent again)."""
        if self._path is None or not self._path.exists():
            return State()
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=State)
        except msgspec.DecodeError:
            return State()

    def save(self, state: State) -> None:
        """Write the state in one step."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(state))
        fresh.replace(self._path)

    def forget(self) -> None:
        """Remove it: the file is done, and importing it again begins at its beginning."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
