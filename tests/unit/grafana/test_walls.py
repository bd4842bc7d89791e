"""Laws of every generated dashboard."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from grafana import on_call
from grafana.alerting import alerts
from grafana.dashboards import base, dashboards
from grafana.layout import COLUMNS, Stack, folded, place, widths
from grafana.look import Look
from grafana.panels import text
from grafana.provisioning import CALENDAR_PACE, LIVE_PACE
from grafana.tables import measured
from metrics.catalogue import BY_EXPOSED, BY_NAME, KPIS, course
from metrics.family import SHORT_WINDOWS
from metrics.kpi import Kpi, Level, Quantile
from tests.support.grafana_queries import SELECTOR, panels
from tests.support.grafana_schema import lost_in_the_schema

BOARDS = dashboards(Look())
AWAY = dashboards(Look(timezone="Asia/Yekaterinburg"))
PAGES = (base.RUNBOOK, base.REFERENCE)
SCREEN_UNITS = 28
"""Grid units of 38 px that a screen of 1080 px shows in kiosk mode."""

each = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())


def _data_panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in panels(board) if panel["type"] not in {"row", "text"}]


def _groups(board: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Panels that are laid out together: those always seen, and those of each folded row."""
    yield board["panels"]
    yield from (panel["panels"] for panel in board["panels"] if panel.get("panels"))


@each
def test_fits_grafanas_schema(board: dict[str, Any]) -> None:
    """Grafana's own models know every key and read every value as it is meant."""
    assert lost_in_the_schema(board) == []


@each
def test_no_overlaps_and_no_gaps(board: dict[str, Any]) -> None:
    """Every cell of 24 columns from the first panel to the last is covered exactly once."""
    for group in _groups(board):
        covered: dict[tuple[int, int], str] = {}
        for panel in group:
            at = panel["gridPos"]
            for x in range(at["x"], at["x"] + at["w"]):
                for y in range(at["y"], at["y"] + at["h"]):
                    assert (x, y) not in covered, f"{panel['title']} lies on {covered.get((x, y))}"
                    covered[x, y] = panel["title"]
        rows = [y for _, y in covered]
        assert len(covered) == COLUMNS * (max(rows) - min(rows) + 1)
        assert max(x for x, _ in covered) == COLUMNS - 1


@each
def test_a_dashboard_is_one_screen(board: dict[str, Any]) -> None:
    """Nobody scrolls a wall; what is looked at for a reason is folded away, under headings that are on the screen."""
    if board["uid"] not in PAGES:
        ends = [p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"]]
        assert max(ends) <= SCREEN_UNITS
        assert all(row["collapsed"] for row in board["panels"] if row["type"] == "row")


@each
def test_ids_and_references_are_unique(board: dict[str, Any]) -> None:
    """Left out by grafanalib; Grafana mixes panels up without them."""
    ids = [panel["id"] for panel in panels(board)]
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
        said = any(one in panel["description"] for one in definitions)
        assert said or panel["title"] in {"Scraped", "Alerts that fire"}, panel["title"]


NUMBERS = {"stat", "table", "bargauge", "barchart"}
"""Types of panels that show numbers of now. (A line shows what was.)"""


@each
def test_numbers_are_of_now(board: dict[str, Any]) -> None:
    """A range ends on a multiple of its step: its last value is up to hours old. So numbers are instant queries.

    Of a table only its sparkline is a range. Nothing forces how many points a line has.
    """
    assert "maxDataPoints" not in json.dumps(board)
    for panel in _data_panels(board):
        ranges = [target for target in panel["targets"] if target["range"]]
        assert all(target["instant"] != target["range"] for target in panel["targets"])
        if panel["type"] in NUMBERS:
            drawn = [one for one in panel.get("transformations", ()) if one["id"] == "timeSeriesTable"]
            assert all(one["filter"] == {"id": "byRefId", "options": next(iter(one["options"]))} for one in drawn)
            assert [t["refId"] for t in ranges] == [letter for one in drawn for letter in one["options"]], panel[
                "title"
            ]
        else:
            assert len(ranges) == len(panel["targets"]) or _of_days(panel), panel["title"]
            assert panel["options"].get("legend", {}).get("calcs", []) == [], f"{panel['title']}: old numbers"


def _of_days(panel: dict[str, Any]) -> bool:
    """Whether a panel draws days that come as labels: their line is a table of now."""
    return any(one["id"] == "convertFieldType" for one in panel.get("transformations", ()))


@each
def test_numbers_wait_for_no_rule(board: dict[str, Any]) -> None:
    """What is recorded is up to minutes old: numbers come from what was scraped, but for ranks, which say so."""
    for panel in _data_panels(board):
        if panel["type"] not in NUMBERS:
            continue
        for target in panel["targets"]:
            recorded = re.search(r"(manager|team|company):\w+:", target["expr"])
            assert not (target["instant"] and recorded) or "Ranks are" in panel["description"], target["expr"][:200]


@each
def test_a_tile_has_two_numbers_at_most(board: dict[str, Any]) -> None:
    """The value and its change, of which only one of the two signs is there; or the two channels."""
    for panel in _data_panels(board):
        if panel["type"] == "stat" and board["uid"] != base.SERVICE:
            legends = [t["legendFormat"] for t in panel["targets"]]
            assert len([one for one in legends if not one.startswith("▼")]) <= 2, panel["title"]


@each
def test_a_change_says_what_it_is_compared_with(board: dict[str, Any]) -> None:
    """And has its sign; better is green, worse red, and none is neither."""
    for panel in _data_panels(board):
        for target in panel["targets"]:
            if target["legendFormat"].startswith(("▲", "▼")):
                assert re.fullmatch(r"[▲▼] (%|points) on previous (\$\{window\}|\w+)", target["legendFormat"])
        changes = {o["matcher"]["options"]: o for o in panel["fieldConfig"]["overrides"]}
        if "/^▲/" in changes:
            up, down = (
                {one["id"]: one["value"] for one in changes[name]["properties"]}["thresholds"]["steps"]
                for name in ("/^▲/", "/^▼/")
            )
            assert {up[0]["color"], down[0]["color"]} == {"green", "red"}
            assert down[-1]["color"] == "text"


@each
def test_people_have_names(board: dict[str, Any]) -> None:
    """Whoever is shown is called as people call him; ids are for links."""
    for variable in board["templating"]["list"]:
        assert variable["name"] != "manager" or "(?<text>" in variable["regex"]
    for panel in _data_panels(board):
        for target in panel["targets"]:
            # A mean over managers names none of them.
            if re.search(r"(?<!avg\()\bsum by \((?:\w+, )*manager\b", target["expr"]):
                assert "group_left (name)" in target["expr"], target["expr"]
            assert "{{manager}}" not in target["legendFormat"]
        for one in panel.get("transformations", ()):
            renamed = one["options"].get("renameByName", {})
            assert "manager" not in renamed, panel["title"]
        if "group_left (name)" in json.dumps(panel["targets"]) and panel["type"] == "table":
            hidden = [o for o in panel["fieldConfig"]["overrides"] if o["matcher"]["options"] == "manager"]
            assert hidden, panel["title"]


@each
def test_cannot_be_edited_and_has_a_fixed_uid(board: dict[str, Any]) -> None:
    """What is generated is not changed in the UI."""
    assert board["editable"] is False
    assert re.fullmatch(r"sales-[a-z]+", board["uid"])
    assert BOARDS[board["uid"]] is board


def test_heat_maps_take_buckets_as_they_are() -> None:
    """Left out, Grafana would compute buckets of buckets."""
    maps = [p for board in BOARDS.values() for p in panels(board) if p["type"] == "heatmap"]
    assert maps
    assert all(panel["options"]["calculate"] is False for panel in maps)


def kept_as(kpi: Kpi, level: Level) -> str:
    """Finds where a KPI's own line reads it: the recorded name, or what the exporter shows of each person."""
    if not isinstance(kpi.formula, Quantile) or kpi.is_recorded(level):
        return rf"(?<!:){kpi.kept_as(level)}(?!\w)"
    return rf'{kpi.formula.family.name}{{[^}}]*quantile=\\*"{kpi.formula.q:g}\\*"'


def test_every_kpi_is_one_click_from_the_wall() -> None:
    """Team and manager have a row for each, with its change, its rank and its line."""
    for uid, level in ((base.TEAM, "team"), (base.MANAGER, "manager")):
        tables = [panel for panel in _data_panels(BOARDS[uid]) if panel["type"] == "table"]
        rows = json.dumps([target["expr"] for panel in tables for target in panel["targets"]], ensure_ascii=False)
        for kpi in KPIS:
            named = [next(measured([kpi], is_brief=is_brief)).name for is_brief in (False, True)]
            assert any(f'"kpi\\", \\"{name}\\"' in rows for name in named)
            assert re.search(kept_as(kpi, Level(level)), rows)
    assert base.TEAM in reached_from(base.FLOOR)
    assert base.MANAGER in reached_from(base.FLOOR)


def reached_from(uid: str) -> set[str]:
    """Dashboards that one click on a panel, a bar, or the list of dashboards leads to."""
    board = BOARDS[uid]
    found = set(re.findall(r"/d/([\w-]+)", json.dumps([p for p in board["panels"] if p["type"] != "text"])))
    for link in board.get("links", ()):
        if link["type"] == "link":
            found.add(link["url"].removeprefix("/d/"))
            continue
        found |= {other for other, one in BOARDS.items() if set(link["tags"]) <= set(one["tags"])}
    return found


def test_every_number_is_within_two_clicks_of_the_wall() -> None:
    """Walking links from the wall: each KPI, each trend, each dashboard; by a bar, too, not only by the menu."""
    one = reached_from(base.FLOOR)
    two = {uid for first in one for uid in reached_from(first)}
    assert one | two | {base.FLOOR} == set(BOARDS)
    shown = json.dumps([BOARDS[uid] for uid in sorted(one | two | {base.FLOOR})])
    wanted = {kept_as(kpi, level) for kpi in KPIS for level in kpi.levels if level is not Level.COMPANY}
    assert {name for name in wanted if not re.search(name, shown)} == set()
    drills = json.dumps([p["fieldConfig"]["defaults"].get("links") for p in _data_panels(BOARDS[base.FLOOR])])
    assert {f"/d/{base.TEAM}?", f"/d/{base.MANAGER}?"} <= set(re.findall(r"/d/[\w-]+\?", drills))


@each
def test_variables_are_shown_and_marks_are_drawn(board: dict[str, Any]) -> None:
    """Window or plan, and currency, on every wall of numbers; releases and plan changes on its time axes."""
    if board["uid"] in PAGES:
        return
    shown = {one["name"] for one in board["templating"]["list"] if not one["hide"]}
    assert "currency" in shown
    assert "window" in shown or board["uid"] in {base.SERVICE, base.DYNAMICS}
    assert ({"team"} <= shown) == (board["uid"] not in {base.FLOOR, base.SERVICE, base.PLAN, base.DYNAMICS})
    assert ("manager" in shown) == (board["uid"] == base.MANAGER)
    marks = board["annotations"]["list"]
    alerts = ["Alerts"] if board["uid"] in on_call.pages(Look()) else []
    assert [mark["name"] for mark in marks] == ["Releases", "Plan changes", *alerts]
    # Moments that are recorded: neither a gap in scraping nor a coarse step makes or hides one.
    assert all("offset" not in mark["expr"] and "unless" not in mark["expr"] for mark in marks)
    assert [mark["useValueForTime"] for mark in marks] == [True, True, *(False for _ in alerts)]


@each
def test_what_lies_ahead_has_its_place(board: dict[str, Any]) -> None:
    """Grafana's axis of time ends now, so a month with its plan and forecast is drawn over the days' numbers.

    They are numbers by then, each once, in their order, and do not start at 0 as money does.
    """
    for panel in _data_panels(board):
        ahead = any(course.PLAN_COURSE.name in target["expr"] for target in panel["targets"])
        assert ahead == (panel["type"] == "trend"), panel["title"]
        if not ahead:
            continue
        across = panel["options"]["xField"]
        assert panel["transformations"][-1]["options"]["conversions"] == [
            {"targetField": across, "destinationType": "number"}
        ]
        own = [o["properties"] for o in panel["fieldConfig"]["overrides"] if o["matcher"]["options"] == across]
        assert [{one["id"]: one["value"] for one in properties} for properties in own] == [
            {"unit": "none", "decimals": 0, "min": 1}
        ]
        assert "timeFrom" not in panel


@each
def test_days_begin_where_the_company_is(board: dict[str, Any]) -> None:
    """Numbers are counted by its zone, and axes say its hours, wherever the browser is."""
    assert (board["timezone"], AWAY[board["uid"]]["timezone"]) == ("UTC", "Asia/Yekaterinburg")


@each
def test_what_is_not_known_is_not_green(board: dict[str, Any]) -> None:
    """A tile that is filled with its color has one of its own for no number, or its lowest step is red."""
    for panel in _data_panels(board):
        if panel["type"] != "stat" or panel["options"]["colorMode"] != "background":
            continue
        defaults = panel["fieldConfig"]["defaults"]
        unknown = [one for one in defaults["mappings"] if one["options"].get("match") == "null+nan"]
        assert unknown or defaults["thresholds"]["steps"][0]["color"] == "red", panel["title"]


@each
def test_asks_no_faster_than_numbers_change(board: dict[str, Any]) -> None:
    """Two scrapes of what changes most often on it; who asks sooner gives up what is not answered yet."""
    if board["uid"] in PAGES:
        assert board["refresh"] == ""
        return
    is_of_now = board["uid"] in {base.FLOOR, base.RESPONSE, base.SERVICE}
    scraped = int((LIVE_PACE if is_of_now else CALENDAR_PACE)[0].removesuffix("s"))
    asked = int(board["refresh"][:-1]) * {"s": 1, "m": 60, "h": 3600}[board["refresh"][-1]]
    assert asked >= 2 * scraped


def test_a_band_is_filled_between_its_ends_alone() -> None:
    """Its lower end fills nothing of its own, which would reach down to 0."""
    bands = 0
    for board in BOARDS.values():
        for panel in _data_panels(board):
            drawn = {
                one["matcher"]["options"]: {prop["id"]: prop["value"] for prop in one["properties"]}
                for one in panel["fieldConfig"]["overrides"]
            }
            for high in drawn.values():
                if low := high.get("custom.fillBelowTo"):
                    bands += 1
                    assert drawn[low]["custom.fillOpacity"] == 0, panel["title"]
                    assert high["custom.fillOpacity"] > 0, panel["title"]
    assert bands > 3


def test_money_is_shown_in_the_base_currency() -> None:
    """The currency is a setting, told on the wall."""
    euro = dashboards(Look(currency="EUR"))[base.FLOOR]
    tile = next(p for p in euro["panels"] if p["title"] == "Booked")
    assert tile["fieldConfig"]["defaults"]["unit"] == "currencyEUR"
    assert "currencyRUB" not in json.dumps(euro)
    assert [v["query"] for v in euro["templating"]["list"] if v["name"] == "currency"] == ["EUR"]


def test_thresholds_follow_the_targets() -> None:
    """Each channel is coloured by its own target, as the setting has it."""
    board = dashboards(Look(call_target=33))[base.RESPONSE]
    p90 = next(p for p in board["panels"] if p["title"].startswith("Response p90"))
    colored = {
        o["matcher"]["options"]: [step["value"] for step in one["value"]["steps"]]
        for o in p90["fieldConfig"]["overrides"]
        for one in o["properties"]
        if one["id"] == "thresholds"
    }
    assert colored == {"calls": [None, 33, 66], "chats": [None, 60, 120]}


@each
def test_explained_is_the_window_that_is_shown(board: dict[str, Any]) -> None:
    """A link to what is behind a number asks for a window that its family has, whichever is chosen on the page.

    The running minutes not every family has: with them chosen its panels are empty.
    """
    offered = {
        one["name"]: {option["value"] for option in one["options"]}
        for one in board["templating"]["list"]
        if one["type"] == "custom"
    }
    for panel in _data_panels(board):
        for url in [link["url"] for link in panel["links"]]:
            if asked := re.search(r"explain\?family=(\w+).*&window=\$\{(\w+)", url):
                family, variable = asked.groups()
                assert offered[variable] - set(SHORT_WINDOWS) <= set(BY_NAME[family].windows), (panel["title"], url)
                assert f"${variable}" in json.dumps(panel["targets"]), (panel["title"], url)


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
                assert names or re.search(r"vector\(|ALERTS", target["expr"]), target["expr"]
                assert names <= exposed | recorded | {"up"}, target["expr"]


@pytest.mark.parametrize("count", range(1, 9))
def test_a_band_fills_the_width(count: int) -> None:
    """However many panels share it."""
    assert sum(widths(count)) == COLUMNS


def test_what_does_not_fill_a_band_is_refused() -> None:
    """Rather than made unreadable, or left with a gap."""
    with pytest.raises(ValueError, match="do not fit"):
        place((3, [text(str(n), "") for n in range(13)]))
    with pytest.raises(ValueError, match="do not fill"):
        place((3, [(text("1", ""), 20)]))


def test_widths_may_be_given() -> None:
    """Those without share what is left; what is folded lies below its heading."""
    one, two, three, inner = (text(str(n), "") for n in range(4))
    placed = place((3, [(one, 10), two, three]), folded("more", (4, [inner])))
    assert [panel.gridPos["w"] for panel in placed] == [10, 7, 7, 24]
    assert inner.gridPos == {"h": 4, "w": 24, "x": 0, "y": 4}


def test_bands_may_stand_beside_a_panel() -> None:
    """A stack has the place of one panel; what follows lies below both."""
    one, two, three, last = (text(str(n), "") for n in range(4))
    place((6, [one, Stack(((3, [two]), (3, [three])))]), (2, [last]))
    assert one.gridPos == {"h": 6, "w": 12, "x": 0, "y": 0}
    assert [p.gridPos for p in (two, three)] == [{"h": 3, "w": 12, "x": 12, "y": y} for y in (0, 3)]
    assert last.gridPos == {"h": 2, "w": 24, "x": 0, "y": 6}


@each
def test_links_keep_what_is_chosen(board: dict[str, Any]) -> None:
    """Drilling down, the window and that of plans are those of the page; of a page without one nothing is said."""
    names = {one["name"] for one in board["templating"]["list"]}
    for url in (url for url in _urls(board) if url.startswith((f"/d/{base.TEAM}?", f"/d/{base.MANAGER}?"))):
        assert {"window", "plan"} & names == set(re.findall(r"var-(window|plan)=\$\{\1\}", url)), url


@each
def test_links_ask_for_what_there_is(board: dict[str, Any]) -> None:
    """No link of the API has a label whose variable the page does not have, or that may be "All"."""
    variables = {one["name"]: one for one in board["templating"]["list"]}
    asked = [url for url in _urls(board) if "/api/" in url]
    assert asked or board["uid"] in {*PAGES, base.SERVICE, base.DYNAMICS}
    for url in asked:
        for name in re.findall(r"\$\{?(\w+)", url):
            assert name in variables, url
            assert not variables[name].get("includeAll"), url
            assert not variables[name].get("multi"), url
        family = BY_EXPOSED[re.findall(r"family=(\w+)", url)[0]]
        names = set(re.findall(r"[?&](\w+)=", url)) - {"family", "window"}
        assert names <= set(family.all_labels), url
        assert ("window=" in url) == bool(family.windows), url


@each
def test_definitions_lead_to_the_definition(board: dict[str, Any]) -> None:
    """A click on it opens the one panel that defines what is shown."""
    panels = {panel["id"]: panel for panel in BOARDS[base.REFERENCE]["panels"]}
    for url in (url for url in _urls(board) if base.REFERENCE in url):
        assert int(url.partition("viewPanel=")[2]) in panels, url
    for kpi in KPIS:
        assert f"`{kpi.metric}:{kpi.operation}`" in panels[kpi.number]["options"]["content"]


def _urls(board: dict[str, Any]) -> set[str]:
    """Addresses of every link of every panel."""
    return set(re.findall(r'"url": "([^"]+)"', json.dumps(board["panels"])))


def test_no_person_is_shown_by_id() -> None:
    """Wherever people are told apart, it is by name: no legend and no shown column is `manager`."""
    for board in BOARDS.values():
        for panel in _data_panels(board):
            for target in panel.get("targets", ()):
                assert "{{manager}}" not in target["legendFormat"], panel["title"]
            renamed = [t["options"].get("renameByName", {}) for t in panel.get("transformations", ())]
            assert not any(names.get("manager") for names in renamed), panel["title"]


def test_no_address_is_literal() -> None:
    """Addresses come from settings: in dashboards only Grafana's own paths and the variable of the exporter."""
    for board in BOARDS.values():
        for url in _urls(board):
            assert url.startswith(("/d/", "${exporter}/")), url


def test_from_an_alert_to_what_to_do_in_two_clicks() -> None:
    """Its link opens a page of its team that there is; the page leads to the runbook, and so does the alert itself."""
    ids = {panel["id"]: panel for panel in BOARDS[base.RUNBOOK]["panels"]}
    for number, alert in enumerate(alerts(Look()), 1):
        rule = alert.rule(Look(), number)
        uid, _, asked = alert.dashboard.partition("?")
        names = {one["name"] for one in BOARDS[uid]["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", asked)) <= names, alert.name
        links = {link["url"] for link in BOARDS[uid]["links"]}
        assert {f"/d/{base.RUNBOOK}", f"/d/{base.SERVICE}"} <= links, uid
        assert ids[int(rule["annotations"]["runbook_url"].rpartition("=")[2])]["title"] == alert.name
    recorded = {rule["labels"]["alertname"]: rule["labels"]["panel"] for rule in on_call.group()["rules"]}
    assert recorded == {panel["title"]: str(number) for number, panel in ids.items()}
