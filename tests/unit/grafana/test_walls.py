"""Laws of every generated dashboard."""

import json
import re
from typing import Any

import pytest

from grafana.dashboards import base, dashboards
from grafana.layout import COLUMNS, place, tiled, widths
from grafana.look import Look
from grafana.panels import text
from metrics.catalogue import BY_NAME, KPIS
from metrics.kpi import Level
from tests.support.grafana_queries import SELECTOR
from tests.support.grafana_schema import lost_in_the_schema

BOARDS = dashboards(Look())
PAGES = (base.RUNBOOK, base.REFERENCE)
SCREEN_UNITS = 28
"""Grid units of 38 px that a screen of 1080 px shows in kiosk mode."""

each = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())


def _data_panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] not in {"row", "text"}]


@each
def test_fits_grafanas_schema(board: dict[str, Any]) -> None:
    """Grafana's own models know every key and read every value as it is meant."""
    assert lost_in_the_schema(board) == []


@each
def test_no_overlaps_and_no_gaps(board: dict[str, Any]) -> None:
    """Every cell of 24 columns down to the last panel is covered exactly once."""
    covered: dict[tuple[int, int], str] = {}
    for panel in board["panels"]:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in covered, f"{panel['title']} lies on {covered.get((x, y))}"
                covered[x, y] = panel["title"]
    height = max(y for _, y in covered) + 1
    assert len(covered) == COLUMNS * height
    assert max(x for x, _ in covered) == COLUMNS - 1


def test_the_wall_fits_one_screen() -> None:
    """Nobody scrolls a wall."""
    assert max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in BOARDS[base.FLOOR]["panels"]) <= SCREEN_UNITS


@each
def test_ids_and_references_are_unique(board: dict[str, Any]) -> None:
    """Left out by grafanalib; Grafana mixes panels up without them."""
    ids = [panel["id"] for panel in board["panels"]]
    assert ids == list(range(1, len(ids) + 1))
    for panel in _data_panels(board):
        letters = [target["refId"] for target in panel["targets"]]
        assert "" not in letters
        assert len(set(letters)) == len(letters)


@each
def test_panels_say_what_they_show(board: dict[str, Any]) -> None:
    """Every number has a unit, a definition of the catalogue, and a link to where it comes from."""
    definitions = [kpi.help for kpi in KPIS] + [family.help for family in BY_NAME.values()]
    for panel in _data_panels(board):
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["links"], panel["title"]
        assert any(one in panel["description"] for one in definitions) or panel["title"] == "Scraped", panel["title"]


@each
def test_cannot_be_edited_and_has_a_fixed_uid(board: dict[str, Any]) -> None:
    """What is generated is not changed in the UI."""
    assert board["editable"] is False
    assert re.fullmatch(r"sales-[a-z]+", board["uid"])
    assert BOARDS[board["uid"]] is board


def test_heat_maps_take_buckets_as_they_are() -> None:
    """Left out, Grafana would compute buckets of buckets."""
    maps = [p for board in BOARDS.values() for p in board["panels"] if p["type"] == "heatmap"]
    assert maps
    assert all(panel["options"]["calculate"] is False for panel in maps)


def test_every_kpi_is_on_the_wall_or_one_click_away() -> None:
    """All fifteen are on the wall; team and manager show each of them, with trend and rank."""
    numbers = set(re.findall(r"\*\*KPI (\d+)\.", json.dumps(BOARDS[base.FLOOR])))
    assert numbers == {str(number) for number in range(1, 16)}
    for uid, level in ((base.TEAM, "team"), (base.MANAGER, "manager")):
        queries = json.dumps(BOARDS[uid])
        for kpi in KPIS:
            assert f"{level}:{kpi.id}" in queries
            assert not kpi.trend or f"{level}:{kpi.id}_trend" in queries


def reached_from(uid: str) -> set[str]:
    """Dashboards that one click on a panel, a bar, or the list of dashboards leads to."""
    board = BOARDS[uid]
    found = set(re.findall(r"/d/([\w-]+)", json.dumps([p for p in board["panels"] if p["type"] != "text"])))
    for link in board.get("links", ()):
        assert link["type"] == "dashboards"
        found |= {other for other, one in BOARDS.items() if set(link["tags"]) <= set(one["tags"])}
    return found


def test_every_number_is_within_two_clicks_of_the_wall() -> None:
    """Walking links from the wall: each KPI, each trend, each dashboard; by a bar, too, not only by the menu."""
    one = reached_from(base.FLOOR)
    two = {uid for first in one for uid in reached_from(first)}
    assert one | two | {base.FLOOR} == set(BOARDS)
    shown = json.dumps([BOARDS[uid] for uid in sorted(one | two | {base.FLOOR})])
    wanted = {kpi.record(level) for kpi in KPIS for level in kpi.levels if level is not Level.COMPANY}
    wanted |= {kpi.trend_record(level) for kpi in KPIS if kpi.trend for level in (Level.TEAM, Level.MANAGER)}
    assert {name for name in wanted if not re.search(rf"{name}(?!\w)", shown)} == set()
    drills = json.dumps([p["fieldConfig"]["defaults"].get("links") for p in _data_panels(BOARDS[base.FLOOR])])
    assert {f"/d/{base.TEAM}?", f"/d/{base.MANAGER}?"} <= set(re.findall(r"/d/[\w-]+\?", drills))


@each
def test_variables_are_shown_and_marks_are_drawn(board: dict[str, Any]) -> None:
    """Window or plan, and currency, on every wall of numbers; releases and plan changes on its time axes."""
    if board["uid"] in PAGES:
        return
    shown = {one["name"] for one in board["templating"]["list"] if not one["hide"]}
    assert "currency" in shown
    assert "window" in shown or board["uid"] == base.SERVICE
    assert ({"team"} <= shown) == (board["uid"] not in {base.FLOOR, base.SERVICE})
    assert ("manager" in shown) == (board["uid"] == base.MANAGER)
    assert [mark["name"] for mark in board["annotations"]["list"]] == ["Releases", "Plan changes"]


def test_money_is_shown_in_the_base_currency() -> None:
    """The currency is a setting, told on the wall."""
    euro = dashboards(Look(currency="EUR"))[base.FLOOR]
    assert euro["panels"][0]["fieldConfig"]["defaults"]["unit"] == "currencyEUR"
    assert [v["query"] for v in euro["templating"]["list"] if v["name"] == "currency"] == ["EUR"]


def test_thresholds_follow_the_targets() -> None:
    """The line of the call target stands where the setting says."""
    board = dashboards(Look(call_target=33))[base.RESPONSE]
    calls = next(p for p in board["panels"] if p["title"].startswith("Calls: response"))
    assert calls["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] == 33


def test_links_lead_to_dashboards_that_exist() -> None:
    """A drill-down never ends nowhere."""
    for board in BOARDS.values():
        for uid in re.findall(r"/d/([\w-]+)", json.dumps([p for p in board["panels"] if p["type"] != "text"])):
            assert uid in BOARDS


def test_queries_name_only_what_the_catalogue_exposes() -> None:
    """Every selector is a family of the catalogue or a recorded KPI."""
    exposed = {name for family in BY_NAME.values() for name in (*family.names, family.bucket)}
    recorded = {name for kpi in KPIS for level in kpi.levels for name in (kpi.record(level), kpi.trend_record(level))}
    for board in BOARDS.values():
        for panel in _data_panels(board):
            for target in panel["targets"]:
                names = {name for name, _ in SELECTOR.findall(target["expr"])}
                assert names, target["expr"]
                assert names <= exposed | recorded | {"up"}, target["expr"]


@pytest.mark.parametrize("count", range(1, 9))
def test_a_band_fills_the_width(count: int) -> None:
    """However many panels share it."""
    assert sum(widths(count)) == COLUMNS


def test_too_many_panels_in_a_band_are_refused() -> None:
    """Rather than made unreadable."""
    with pytest.raises(ValueError, match="do not fit"):
        place((3, [text(str(n), "") for n in range(9)]))


def test_tiles_are_spread_evenly() -> None:
    """Seven tiles, five across: four and three, not five and two."""
    assert [len(panels) for _, panels in tiled(3, [None] * 7, 5)] == [4, 3]
