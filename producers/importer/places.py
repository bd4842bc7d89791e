"""Where the columns of a table are, and what finds the cells of a field in its rows."""

from collections.abc import Callable, Mapping, Sequence

from producers.importer.cells import Cell, text
from producers.importer.mapping import MappedColumn

Row = Sequence[Cell]


class ColumnPlaces:
    """Where the columns of a table are, and which decimal marks they show. Raises KeyError for what is not there.

    hashed: what names are known by, where there is a key. from_1904: whether its days are counted from there.
    """

    def __init__(
        self,
        at: Mapping[str, int],
        decimals: Mapping[str, str | None],
        hashed: Callable[[str], str] | None = None,
        *,
        from_1904: bool = False,
    ) -> None:
        self.from_1904 = from_1904
        self.at = at
        self.decimals = decimals
        self.hashed = hashed

    def decimal(self, columns: Sequence[str]) -> str | None:
        """The decimal mark that these columns show, when they agree."""
        marks = {self.decimals.get(column) for column in columns} - {None}
        return marks.pop() if len(marks) == 1 else None


def finder(spec: MappedColumn, places: ColumnPlaces, part: Callable[[Cell], str] = text) -> Callable[[Row], Cell]:
    """What finds a field's cell in rows; an empty one is "". part: what gives the texts that are joined."""
    indexes = [places.at[column] for column in spec.columns]
    if spec.join is not None:
        return lambda row: spec.with_.join(filled for index in indexes if (filled := part(row[index])))
    if len(indexes) == 1:
        (only,) = indexes
        return lambda row: row[only]
    return lambda row: next((row[index] for index in indexes if text(row[index])), "")
