"""Puts panels on Grafana's grid of 24 columns, row by row, so that nothing overlaps and no gap is left."""

from collections.abc import Sequence

import grafana.panels as p

COLUMNS = 24


def place(*bands: tuple[int, Sequence[p.Panel]]) -> list[p.Panel]:
    """Give every panel its place. bands: height in grid units (about 38 px each), panels that share the width.

    A band of more panels than fit side by side (three wide at least) is an error of the caller: ValueError.
    """
    placed: list[p.Panel] = []
    top = 0
    for height, panels in bands:
        left = 0
        for panel, width in zip(panels, widths(len(panels)), strict=True):
            panel.gridPos = {"h": height, "w": width, "x": left, "y": top}
            left += width
            placed.append(panel)
        top += height
    return placed


def widths(count: int) -> list[int]:
    """Widths of `count` panels that together fill the grid; the first ones get what does not divide."""
    if not 0 < count <= COLUMNS // 3:
        raise ValueError(f"{count} panels do not fit into a band")
    each, rest = divmod(COLUMNS, count)
    return [each + (index < rest) for index in range(count)]


def heading(title: str) -> tuple[int, list[p.Panel]]:
    """A band with a row heading."""
    return 1, [p.row(title)]


def tiled(height: int, panels: Sequence[p.Panel], across: int) -> list[tuple[int, Sequence[p.Panel]]]:
    """Bands of nearly equal numbers of panels, at most `across` in each."""
    bands = -(-len(panels) // across)
    result: list[tuple[int, Sequence[p.Panel]]] = []
    taken = 0
    for index in range(bands):
        size = -(-(len(panels) - taken) // (bands - index))
        result.append((height, panels[taken : taken + size]))
        taken += size
    return result
