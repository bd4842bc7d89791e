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
