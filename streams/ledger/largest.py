"""The largest of the entities behind a number, read no further than that takes."""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush, heapreplace
from typing import TYPE_CHECKING, Any

from metrics.family import Kind
from streams.plain.rows import PlainRow, windowed_rows

if TYPE_CHECKING:
    from streams.ledger.sums import Sums

_ROUNDED = 1 + 1e-9
"""A bound is a little above what it bounds, so that rounding leaves nothing out."""


class Largest:
    """The greatest of the rows that are put in, by size; of equal ones the latest. day: local day (ordinal) of us."""

    def __init__(self, limit: int, day: Callable[[int], int] = int) -> None:
        self.limit = limit
        self._day = day
        self._heap: list[tuple[Any, ...]] = []

    def put(self, row: PlainRow) -> None:
        """Keep it, as long as it is one of them."""
        size = abs(row.value)
        # Whole numbers are compared far faster than fractions.
        whole = size.numerator if size.denominator == 1 else size
        rank = (whole, row.time or 0, row.kind, row.entity, row.client, row.manager, len(self._heap), row)
        if len(self._heap) < self.limit:
            heappush(self._heap, rank)
        elif rank[:2] > self._heap[0][:2]:
            heapreplace(self._heap, rank)

    def takes(self, size: float, day: int) -> bool:
        """Whether a row of that size, of a local day (ordinal), could still come in."""
        least = self.least
        return size > least or (size == least and (least < 0 or day >= self._day(self._heap[0][1])))

    @property
    def least(self) -> float:
        """The size of the smallest one that is held; below 0 while there is room for any."""
        return -1.0 if len(self._heap) < self.limit else float(self._heap[0][0])

    def narrow(self, limit: int) -> None:
        """Hold no more than so many from now on."""
        self.limit = limit
        while len(self._heap) > limit:
            heappop(self._heap)

    def rows(self) -> list[PlainRow]:
        """The largest first."""
        return [one[-1] for one in sorted(self._heap, key=lambda one: (-one[0], -one[1], one[2:6]))]


def pick(sums: Iterable["Sums"], largest: Largest) -> None:
    """Put in those shares of days that were added up which may be among the largest: the most promising first.

    No day is opened, and no person's day in it, unless its greatest share may come in.
    """
    queue = [item for one in sums for item in _days(one)]
    heapify(queue)
    while queue:
        size, day, _, who, one = heappop(queue)
        if not largest.takes(-size, -day):
            break
        query, shown = one.snapshot.query, one.snapshot.shown
        if who is None and query.part != "bucket":
            for cell in _cells(one, -day, -day, largest.least):
                heappush(queue, cell)
            continue
        found = one.snapshot.shares(one.series, -day, -day, one.condition(), who)
        for share, n in found:
            for row in windowed_rows(query, [share] * n, shown):
                largest.put(row)


_Item = tuple[float, int, int, int | None, "Sums"]
"""Greatest size and local day, both negative; a number that tells equal ones apart; who, None for all; whose sums."""


def _days(one: "Sums") -> list[_Item]:
    """What there is to look at: whole days of all people, or at once each person's."""
    snapshot, items = one.snapshot, list[_Item]()
    for first, last in one.runs:
        if not snapshot.all_asked and snapshot.query.part != "bucket":
            items += _cells(one, first, last)
            continue
        text = "SELECT day, top FROM daily WHERE series = ? AND day BETWEEN ? AND ?"
        for day, top in snapshot.execute(text, (one.series.no, first, last)):
            items.append((-_bound(one, day, top), -day, -one.series.no, None, one))
    return items


def _cells(one: "Sums", first: int, last: int, least: float = -1.0) -> list[_Item]:
    """What each person has of these days; of one day only where that is not less than the least wanted."""
    ending = ""
    if least > 0 and not _is_counted(one):
        factor = _factor(one, first)
        ending = f"AND cell.top >= {least / _ROUNDED / factor!r}" if factor else "AND false"
    found = one.snapshot.within("cell", "cell.day, cell.who, cell.top", one.series, first, last, ending=ending)
    number = one.series.no
    return [(-_bound(one, day, top), -day, who << 32 | number, who, one) for day, who, top in found]


def _bound(one: "Sums", day: int, top: float) -> float:
    """The greatest that a row of a day can be, whose greatest share is `top`; exact, but of money that is converted."""
    if _is_counted(one):
        return 1.0
    family = one.snapshot.query.declared
    return top * _factor(one, day) * _ROUNDED if family.kind is Kind.MONEY else top / family.scale


def _is_counted(one: "Sums") -> bool:
    return one.snapshot.query.part in ("count", "bucket")


def _factor(one: "Sums", day: int) -> float:
    """What a value is multiplied by on a day to be what is shown."""
    family = one.snapshot.query.declared
    return (float(one.rate(day)) if family.kind is Kind.MONEY else 1.0) / family.scale
