"""Lines of one family whose rows are given all at once: those that did not change stay as rendered and compressed."""

from collections.abc import Iterable

from metrics.exporter.exposition.lines import Column
from metrics.exporter.exposition.text import head, number
from metrics.exporter.held.numbers import Labels
from metrics.family import Family


class Table:
    """A line per values of all labels. Lines keep the place that they once had."""

    def __init__(self, family: Family) -> None:
        self.column = Column()
        self._family = family
        self._places: dict[Labels, tuple[int, str]] = {}
        self._values: dict[Labels, float] = {}

    def show(self, rows: Iterable[tuple[Labels, float]]) -> None:
        """Replace all lines."""
        values = dict(rows)
        places, before, put = self._places, self._values, self.column.put
        for labels in before.keys() - values.keys():
            put(places[labels][0], b"")
        for labels, value in values.items():
            if before.get(labels) != value:
                place = places.get(labels)
                if place is None:
                    place = places[labels] = len(places), head(self._family, labels)
                put(place[0], f"{place[1]} {number(value)}\n".encode())
        self._values = values
