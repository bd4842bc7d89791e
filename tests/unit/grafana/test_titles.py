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


_WORD = re.compile(r"`[^`]*`|[^\s<>]+(?=<|\s|$)")


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
def test_pages_of_words_fit_at_1280(board):
    """The columns of a table are as wide as their longest word, and code is never broken: together they fit."""
    wide = []
    for panel in panels(board):
        if panel["type"] != "text":
            continue
        rows = [line.strip("| ").split(" | ") for line in panel["options"]["content"].splitlines() if line[:1] == "|"]
        columns = zip(*(row for row in rows if len(row) == len(rows[0])), strict=True) if rows else ()
        needed = sum(MARGIN + MONO * max(len(word) for cell in column for word in _words(cell)) for column in columns)
        if needed > SCREEN - 2 * 16 - FRAME:
            wide.append(f"{panel['title']}: {needed:.0f} px")
    assert wide == []


MARGIN, MONO = 2 * 10, 8
"""Of a cell of a table of words, and the width of a letter in code."""


def _words(cell):
    return [word.strip("`") for word in _WORD.findall(cell)] or [""]


CELL, ARROW, LEAST = 2 * 8, 20, 50
"""A cell's padding, the arrow of the column that rows are sorted by, and the least width that a column can have."""


def _columns(panel):
    """Heading → fixed width or 0, and the least one, of the columns that are shown."""
    names = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
    found = {}
    for name in sorted(names["indexByName"], key=names["indexByName"].get):
        heading = names["renameByName"].get(name, name)
        own = {
            one["id"]: one["value"]
            for override in panel["fieldConfig"]["overrides"]
            if override["matcher"]["options"] == heading
            for one in override["properties"]
        }
        fixed, least = own.get("custom.width", 0), own.get("custom.minWidth", LEAST)
        # Of alerts only the labels that any has are columns.
        if not own.get("custom.hidden") and (fixed or panel["title"] != "Alerts that fire"):
            found[heading] = (max(fixed, LEAST) if fixed else 0, least)
    return found


def _rows(panel):
    """Names of KPIs in the first column, which queries give their rows."""
    return {name for target in panel["targets"] for name in re.findall(r'"kpi", "([^"]+)"', target["expr"])}


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
def test_tables_fit_at_1280(board):
    """Columns without a width share what is left: enough for what is in them, and no heading is cut."""
    cut = []
    for panel in panels(board):
        if panel["type"] != "table" or not any(one["id"] == "organize" for one in panel["transformations"]):
            continue
        columns = _columns(panel)
        left = panel["gridPos"]["w"] * COLUMN - GAP - FRAME - sum(fixed for fixed, _ in columns.values())
        free = [least for fixed, least in columns.values() if not fixed]
        if left < sum(max(least, left / len(free)) for least in free) - 1:
            cut.append(f"{panel['title']}: {left:.0f} px are left for {len(free)} columns")
        sort = {one["displayName"] for one in panel["options"].get("sortBy", ())}
        wide = (name for name in _rows(panel) if width(name) + CELL > columns["KPI"][0])
        cut += [f"{panel['title']}: {name!r} needs {width(name) + CELL:.0f} px" for name in wide]
        for name, (fixed, _) in columns.items():
            needed, has = width(name) + CELL + ARROW * (name in sort), fixed or left / len(free)
            if needed > has:
                cut.append(f"{panel['title']}: {name!r} needs {needed:.0f} px of {has:.0f}")
    assert cut == []


_GREATEST = {"suffix:pp": (-999, 999), "percent": (-999, 999), "percentunit": (-9.99, 99.99)}
"""Unit → the least and the greatest number that is met; a change beyond them is said in words."""
_UNBOUNDED = {"Value", "Better", "Worse", "Of plan", "Pace"}
"""Headings of columns whose numbers may be beyond 100 %."""


def _cells(column):
    """The widest texts that a column of shares or changes can have."""
    unit, decimals = column.get("unit"), column.get("decimals")
    scale, sign = {"suffix:pp": (1, "pp"), "percent": (1, "%"), "percentunit": (100, "%")}[unit]
    yield from (f"{scale * number:.{decimals}f}{sign}" for number in _GREATEST[unit])
    for one in column.get("mappings", ()):
        result = one["options"].get("result", {})
        yield result.get("text", "")


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
def test_shares_and_changes_fit_their_columns(board):
    """At 1280: a fall by hundreds of points, a payback of ten thousand percent, and the words for what is beyond."""
    cut, met = [], 0
    for panel in panels(board):
        for override in panel.get("fieldConfig", {}).get("overrides", ()):
            column = {one["id"]: one["value"] for one in override["properties"]}
            fixed = column.get("custom.width")
            heading = override["matcher"]["options"]
            if panel["type"] != "table" or not fixed or heading not in _UNBOUNDED or column["unit"] not in _GREATEST:
                continue
            met += 1
            cut += [
                f"{panel['title']}, {heading}: {text!r} needs {width(text) + CELL:.0f} px of {fixed}"
                for text in _cells(column)
                if width(text) + CELL > fixed
            ]
    assert cut == []
    if board["uid"] in {"sales-team", "sales-manager"}:
        assert met > 8
