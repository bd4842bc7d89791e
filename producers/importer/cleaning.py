"""What programs write into cells that hold nothing, and what stands around a text that nobody sees.

NULL of a database's dump would be a manager, and an id with a mark of its reading direction another id.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from producers.importer.cells import Cell
from producers.importer.readers import Row, RowBlock

UNSEEN = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
"""Marks of width and direction, which come along when somebody copies."""
_GUARD = '="'
"""What stands before a text that a spreadsheet shall not take for a number: ="00123"."""
_GUARD_ESCAPED = '=\\"'
_DAYS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y", "%d.%m.%Y %H:%M:%S")
_AROUND = UNSEEN + "".join(filter(str.isspace, map(chr, range(0x3001))))


class Cleaning:
    """Makes cells empty that say nothing. words: the texts that do."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = frozenset(words)
        self._values = frozenset(value for word in self._words for value in _values(word))
        # Quotes in a word are written twice, or escaped: it is looked for by what stands between them.
        parts = (max(word.split('"'), key=len) for word in self._words)
        marks = {*parts, *UNSEEN, _GUARD, _GUARD_ESCAPED}
        self._marks = [mark for mark in marks if not any(one in mark and one != mark for one in marks)]

    def block(self, block: RowBlock) -> RowBlock:
        """Rows as they are meant; of most blocks the text says at once that nothing is to be done."""
        is_said = block.said is not None and not (block.mixed and self._values)
        if is_said and not any(mark in block.said for mark in self._marks):  # type: ignore[operator]
            return block
        return block._replace(rows=[self.row(row) for row in block.rows])

    def row(self, row: Row) -> Row:
        """One row."""
        if self._values:
            row = ["" if (type(cell), cell) in self._values else cell for cell in row]
        return [self._cell(cell) if type(cell) is str else cell for cell in row]

    def _cell(self, cell: str) -> Cell:
        bare = cell.strip() if cell.isascii() else cell.strip(_AROUND)
        if bare.startswith(_GUARD) and bare.endswith('"') and len(bare) > len(_GUARD):
            return bare[len(_GUARD) : -1]
        return "" if bare in self._words else bare


def _values(word: str) -> list[tuple[type, Cell]]:
    """What a word stands for where cells are not texts, as in spreadsheets: a number, a day, a truth."""
    found: list[tuple[type, Cell]] = []
    with suppress(ValueError):
        number = float(word.replace(",", "."))
        found += [(float, number), (int, number)]
    for form in _DAYS:
        with suppress(ValueError):
            found.append((datetime, datetime.strptime(word, form)))  # noqa: DTZ007 - a cell's has no zone
    if word.casefold() in ("true", "false"):
        found.append((bool, word.casefold() == "true"))
    return found
