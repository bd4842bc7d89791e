"""Rendered text, kept until it changes, and compressed by blocks of rows: a scrape puts together what is ready."""

from array import array
from collections.abc import Container, Iterable, Iterator

from metrics.exporter.exposition.packed import NOTHING, Packed, pack, unpack
from metrics.exporter.held.aggregates import Slot
from metrics.exporter.held.numbers import Shown

_ROWS = 128
"""Rows per compressed block: a change compresses so many again, and a scrape handles one piece for so many."""
_SHORT = 65_535
"""The longest lines of a row whose length takes two bytes."""


class _TextBlock:
    """The lines of some rows, in one piece. At rest only its compressed form is kept."""

    __slots__ = ("_lengths", "_packed", "_text", "_touched")

    def __init__(self) -> None:
        self._text: bytearray | None = bytearray()
        self._lengths: array[int] = array("H")
        self._packed: Packed | None = NOTHING
        self._touched = True

    def put(self, row: int, new: bytes) -> int:
        """Replace the lines of one row; say by how many more rows have any."""
        lengths = self._lengths
        if row >= len(lengths):
            if not new:
                return 0
            lengths.extend([0] * (row + 1 - len(lengths)))
        text = self._text
        if text is None:
            text = self._text = bytearray(self.text())
        start, length = sum(lengths[:row]), lengths[row]
        if length == len(new) and text[start : start + length] == new:
            return 0
        text[start : start + length] = new
        if len(new) > _SHORT:
            self._lengths = lengths = array("L", lengths)
        lengths[row] = len(new)
        self._packed, self._touched = None, True
        return bool(new) - bool(length)

    def text(self) -> bytes:
        return unpack((self._packed or NOTHING).deflated) if self._text is None else bytes(self._text)

    def packed(self) -> Packed:
        """Compressed now, if it is not yet."""
        found = self._packed
        if found is None:
            found = self._packed = pack(self.text())
        return found

    @property
    def is_packed(self) -> bool:
        return self._packed is not None

    def rest(self, *, at_once: bool) -> int:
        """Let go of the text if it has not changed since the last time, or at once; say how many bytes that was."""
        freed = 0
        if self._text is not None and self._packed is not None and (at_once or not self._touched):
            freed, self._text = len(self._text), None
        self._touched = False
        return freed


class Column:
    """The lines of one exposed name in one slot, by row."""

    __slots__ = ("_blocks", "filled")

    def __init__(self) -> None:
        self.filled = 0
        """How many rows have any."""
        self._blocks: list[_TextBlock] = []

    def put(self, row: int, text: bytes) -> None:
        """Replace the lines of a row; empty text removes them."""
        at, blocks = row // _ROWS, self._blocks
        if at >= len(blocks):
            if not text:
                return
            blocks += [_TextBlock() for _ in range(at + 1 - len(blocks))]
        self.filled += blocks[at].put(row % _ROWS, text)

    def text(self) -> bytes:
        """All lines."""
        return b"".join([block.text() for block in self._blocks])

    def packed(self) -> Iterator[Packed]:
        """All lines, compressed; what changed is compressed now."""
        return (block.packed() for block in self._blocks)

    def packing(self) -> Iterator[None]:
        """Compress what changed, block by block."""
        for block in self._blocks:
            if not block.is_packed:
                block.packed()
                yield

    def rest(self, *, at_once: bool) -> int:
        """Let go of text as its blocks do; say how many bytes that was."""
        return sum([block.rest(at_once=at_once) for block in self._blocks])


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

    def rest(self, *, at_once: bool) -> int:
        """Keep what has not changed since the last time, or all, compressed alone; say how many bytes went."""
        return sum(column.rest(at_once=at_once) for columns in self._columns.values() for column in columns.values())
