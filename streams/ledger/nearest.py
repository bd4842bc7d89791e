"""The entities around a percentile, where there are too many to put all of them in order."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from streams.ledger.sums import SETTLED, Sums
from streams.plain.contribution import Contribution
from streams.plain.rows import PlainRow, windowed_rows

_SHORTER = "share.value < {}", "share.value DESC"
_OTHERS = "share.value >= {}", "share.value"


class AroundPercentile(NamedTuple):
    """Rows in the order of their values. shorter: how many of all are. first: how many come before these."""

    rows: list[PlainRow]
    shorter: int
    first: int


def around(sums: Iterable[Sums], value: Fraction, each: int) -> AroundPercentile:
    """At most so many on either side of a value."""
    shorter, found = 0, list[PlainRow]()
    for one in sums:
        bound = ceil(value * one.snapshot.query.declared.scale)
        for first, last in one.runs:
            shorter += one.snapshot.within(
                "share", "sum(share.n)", one.series, first, last, ending=_ending(_SHORTER[0], bound)
            ).fetchone()[0] or 0  # fmt: skip
            for side, order in (_SHORTER, _OTHERS):
                ending = f"{_ending(side, bound)} ORDER BY {order}, share.time DESC LIMIT {each}"
                found += _rows(one, one.snapshot.nearest(one.series, first, last, ending))
        single = list(_rows(one, one.again()))
        shorter += sum(row.value < value for row in single)
        found += single
    found.sort(key=lambda row: (row.value, row.time, row.kind, row.entity))
    below = sum(row.value < value for row in found)
    chosen = found[max(0, below - each) : below + each]
    return AroundPercentile(chosen, shorter, shorter - min(below, each))


def _ending(side: str, bound: int) -> str:
    return f"{SETTLED} AND {side.format(bound)}"


def _rows(one: Sums, shares: Iterable[tuple[Contribution, int]]) -> Iterator[PlainRow]:
    query, shown = one.snapshot.query, one.snapshot.shown
    for share, n in shares:
        yield from windowed_rows(query, [share] * n, shown)
