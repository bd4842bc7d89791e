"""Titles are read whole on the smaller screen: what is wider than its panel's heading ends in dots."""

import re

import pytest

from grafana.dashboards import dashboards
from grafana.look import Look
from tests.support.grafana_queries import panels
from tests.support.text_width import width

SCREEN = 1280
COLUMN = (SCREEN - 2 * 16 + 8) / 24
"""Pixels of one of 24 columns and the gap behind it, between the edges of the page."""
GAP, FRAME, ICON = 8, 2 + 2 * 8, 32
"""Between panels; a heading's border and padding; and each of its icons: the menu, about, links."""
LONGEST = {"window": "quarter", "plan": "quarter"}

BOARDS = dashboards(Look())


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
def test_titles_fit_at_1280(board):
    """Beside the icons that every panel has, with the longest value of a variable."""
    cut = []
    for panel in panels(board):
        if panel["type"] == "row" or not panel.get("title"):
            continue
        icons = 1 + bool(panel.get("description")) + bool(panel.get("links"))
        room = panel["gridPos"]["w"] * COLUMN - GAP - FRAME - ICON * icons
        title = re.sub(r"\$\{?(\w+)\}?", lambda found: LONGEST.get(found[1], found[1]), panel["title"])
        if width(title) > room:
            cut.append(f"{title!r}: {width(title):.0f} px of {room:.0f}")
    assert cut == []


CELL, ARROW, LEAST = 2 * 8, 20, 50
"""A cell's padding, the arrow of the column that rows are sorted by, and the least width of a column."""


def _columns(panel):
    """Heading → fixed width or None, of the columns that are shown."""
    names = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
    order = sorted(names["indexByName"], key=names["indexByName"].get)
    found = {}
    for name in order:
        heading = names["renameByName"].get(name, name)
        own = {
            one["id"]: one["value"]
            for override in panel["fieldConfig"]["overrides"]
            if override["matcher"]["options"] == heading
            for one in override["properties"]
        }
        if not own.get("custom.hidden"):
            found[heading] = own.get("custom.width")
    return found


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
def test_headings_of_tables_fit_at_1280(board):
    """Columns without a width share what is left; none is so narrow that its heading is cut."""
    cut = []
    for panel in panels(board):
        if panel["type"] != "table" or not any(one["id"] == "organize" for one in panel["transformations"]):
            continue
        # Of alerts only the labels that any has are columns.
        columns = {name: w for name, w in _columns(panel).items() if panel["title"] != "Alerts that fire" or w}
        room = panel["gridPos"]["w"] * COLUMN - GAP - FRAME
        free = [name for name, fixed in columns.items() if not fixed]
        left = room - sum(fixed for fixed in columns.values() if fixed)
        if left < LEAST * len(free):
            cut.append(f"{panel['title']}: {room:.0f} px do not hold all columns")
        sort = {one["displayName"] for one in panel["options"].get("sortBy", ())}
        for name, fixed in columns.items():
            needed = width(name) + CELL + ARROW * (name in sort)
            if needed > (fixed or left / len(free)):
                cut.append(f"{panel['title']}: {name!r} needs {needed:.0f} px of {fixed or left / len(free):.0f}")
    assert cut == []
