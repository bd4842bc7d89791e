"""Puts panels on Grafana's grid of 24 columns, row by row, so that nothing overlaps and no gap is left."""

from collections.abc import Sequence
from dataclasses import dataclass

import grafana.panels as p

COLUMNS = 24


@dataclass(frozen=True)
class Stack:
    """Bands one above another, in the place of a panel; together as high as what stands beside them."""

    bands: tuple["Band", ...]


Item = p.Panel | Stack | tuple[p.Panel | Stack, int]
"""A panel, or one with its width in columns; those without share what is left."""
Band = tuple[int, Sequence[Item]]
"""Height in grid units (38 px each), and what stands side by side."""


def place(*bands: Band, columns: int = COLUMNS) -> list[p.Panel]:
    """Give every panel its place.

    A band of more panels than fit side by side (two wide at least), or that does not fill the width, is an error of
    the caller: ValueError.
    """
    placed: list[p.Panel] = []
    top = 0
    for height, items in bands:
        left = 0
        for item, width in _sized(items, columns):
            if isinstance(item, Stack):
                inside = place(*item.bands, columns=width)
                for inner in inside:
                    inner.gridPos |= {"x": inner.gridPos["x"] + left, "y": inner.gridPos["y"] + top}
                placed += inside
            else:
                item.gridPos = {"h": height, "w": width, "x": left, "y": top}
                placed.append(item)
                for inner in place(*getattr(item, "bands", ())):
                    inner.gridPos["y"] += top + height
            left += width
        top += height
    return placed


def _sized(items: Sequence[Item], columns: int) -> list[tuple[p.Panel | Stack, int]]:
    fixed = sum(item[1] for item in items if isinstance(item, tuple))
    free = [item for item in items if not isinstance(item, tuple)]
    shares = iter(widths(len(free), columns - fixed) if free else ())
    if not free and fixed != columns:
        raise ValueError(f"panels of {fixed} columns do not fill the width of {columns}")
    return [item if isinstance(item, tuple) else (item, next(shares)) for item in items]


def widths(count: int, columns: int = COLUMNS) -> list[int]:
    """Widths of `count` panels that together fill the columns; the first ones get what does not divide."""
    if not 0 < count <= columns // 2:
        raise ValueError(f"{count} panels do not fit into a band")
    each, rest = divmod(columns, count)
    return [each + (index < rest) for index in range(count)]


def folded(title: str, *bands: Band) -> Band:
    """A heading under which bands are folded away until a person opens it."""
    row = p.row(title, [item[0] if isinstance(item, tuple) else item for _, items in bands for item in items])
    row.bands = bands
    return 1, [row]
