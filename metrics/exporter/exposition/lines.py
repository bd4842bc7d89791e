"""Rendered text, kept until it changes, and compressed by blocks of rows: a scrape puts together what is ready."""

from collections.abc import Container, Iterable, Iterator

from metrics.exporter.exposition.packed import Packed, pack
from metrics.exporter.held.aggregates import Slot
from metrics.exporter.held.numbers import Shown

_ROWS = 128
"""Rows compressed as one: a change costs so many anew, and every scrape handles one piece for so many."""


class Column:
    """The lines of one exposed name in one slot: a piece of text per row."""

    __slots__ = ("_packs", "_pieces", "filled")

    def __init__(self) -> None:
        self.filled = 0
        """How many rows have any."""
        self._pieces: list[bytes] = []
        self._packs: list[Packed | None] = []

    def put(self, row: int, text: bytes) -> None:
        """Replace one piece; empty text removes it."""
        pieces = self._pieces
        if row >= len(pieces):
            if not text:
                return
            pieces += [b""] * (row + 1 - len(pieces))
            self._packs += [None] * (row // _ROWS + 1 - len(self._packs))
        before = pieces[row]
        if before == text:
            return
        self.filled += bool(text) - bool(before)
        pieces[row] = text
        self._packs[row // _ROWS] = None

    def text(self) -> bytes:
        """All lines."""
        return b"".join(self._pieces)

    def packed(self) -> Iterator[Packed]:
        """All lines, compressed; what changed is compressed now."""
        packs = self._packs
        for block, found in enumerate(packs):
            yield self._pack(block) if found is None else found

    def packing(self) -> Iterator[None]:
        """Compress what changed, block by block."""
        for block, found in enumerate(self._packs):
            if found is None:
                self._pack(block)
                yield

    def _pack(self, block: int) -> Packed:
        rows = self._pieces[block * _ROWS : (block + 1) * _ROWS]
        found = self._packs[block] = pack(b"".join(rows))
        return found


class Lines:
    """All columns."""

    def __init__(self, slots: Iterable[Slot]) -> None:
        self._slots = tuple(slots)
        self._rows: dict[Shown, int] = {}
        self._free: list[int] = []
        self._columns: dict[str, dict[Slot, Column]] = {}

    def put(self, name: str, shown: Shown, slot: Slot, text: bytes) -> None:
        """Replace the lines of a name that one credit has in a slot; empty text removes them."""
        row = self._rows.get(shown)
        if row is None:
            row = self._rows[shown] = self._free.pop() if self._free else len(self._rows)
        columns = self._columns.get(name)
        if columns is None:
            # All at once, so that they stand in the order of slots.
            columns = self._columns[name] = {slot: Column() for slot in self._slots}
        columns[slot].put(row, text)

    def drop(self, managers: Container[str]) -> None:
        """Remove all lines of some managers; their rows are for others."""
        for shown in [shown for shown in self._rows if shown[0] in managers]:
            row = self._rows.pop(shown)
            for columns in self._columns.values():
                for column in columns.values():
                    column.put(row, b"")
            self._free.append(row)

    def columns(self, name: str, windows: Container[str] | None = None) -> list[Column]:
        """Columns of a name that hold anything, in order; `windows`: those wanted."""
        found = self._columns.get(name, {})
        return [column for slot, column in found.items() if column.filled and (windows is None or slot[0] in windows)]

    def packing(self) -> Iterator[None]:
        """Compress whatever changed, block by block, ahead of who asks for it."""
        for columns in list(self._columns.values()):
            for column in columns.values():
                yield from column.packing()
