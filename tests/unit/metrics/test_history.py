"""How a number developed, over a board filled by hand: periods, their marks, targets, people, tables and limits."""

import csv
import io
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from metrics.exporter.http.server import create_app
from metrics.exporter.kpi import history
from metrics.kpi import Level
from metrics.measure import key
from metrics.view import VERSION, Field
from tests.support.boards import board, exporter_of, manager, plan

TODAY = date(2026, 11, 18)
NOW = datetime(2026, 11, 18, 12, 30, tzinfo=UTC).timestamp()
CALLS = key("c", "inbound", "answered")


@pytest.fixture
def exporter():
    """Two people of two teams with one and two calls on each of the last forty days; one of them has moved since."""
    shown = board()
    for back in range(40):
        day = ("d", TODAY.toordinal() - back)
        shown.put(day, {Field(0, "m-1", "north"): {CALLS: 1}, Field(1, "m-2", "south"): {CALLS: 2}})
    shown.put_reference({"a": manager("m-1", "south"), "b": manager("m-2", "south")})
    return exporter_of(shown, NOW)


@pytest.fixture
def client(exporter):
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(exporter)), base_url="http://exporter")


async def asked(client, **query):
    answer = await client.get("/api/v1/history", params={"kpi": "sales_calls:sum"} | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def values(found):
    return {point["from"]: [one["value"] for one in point["values"]] for point in found["points"]}


async def test_periods_are_whole_and_say_so(client):
    """Dates within a period ask for all of it; the running one, and what the 800 days cut, are not complete."""
    found = await asked(client, step="week", **{"from": "2026-11-04", "to": "2026-11-30"})
    assert [(p["from"], p["to"], p["complete"]) for p in found["points"]] == [
        ("2026-11-02", "2026-11-08", True),
        ("2026-11-09", "2026-11-15", True),
        ("2026-11-16", "2026-11-22", False),
    ]
    assert values(found) == {"2026-11-02": [21.0], "2026-11-09": [21.0], "2026-11-16": [9.0]}
    assert (found["zone"], found["unit"], found["level"], found["name"]) == ("UTC", "short", "company", "")
    oldest = await asked(client, step="year", **{"from": "2024-09-09"})
    assert [point["complete"] for point in oldest["points"]] == [False, True, False]


async def test_without_dates(client):
    """Thirty days, or a year of months."""
    assert len((await asked(client))["points"]) == 30
    months = (await asked(client, step="month"))["points"]
    assert [months[0]["from"], months[-1]["from"], len(months)] == ["2025-12-01", "2026-11-01", 12]


async def test_whose_numbers(client):
    """Of each team as the calls state it; one person alone with all that he did, under the team that he is in."""
    day = {"from": "2026-11-17", "to": "2026-11-17"}
    teams = (await asked(client, level="team", **day))["points"][0]["values"]
    assert [(one["labels"], one["value"]) for one in teams] == [({"team": "north"}, 1.0), ({"team": "south"}, 2.0)]
    mine = (await asked(client, level="manager", name="m-1", **day))["points"][0]["values"]
    assert [(one["labels"], one["value"]) for one in mine] == [({"manager": "m-1", "team": "south"}, 1.0)]
    everybody = (await asked(client, level="manager", **day))["points"][0]["values"]
    assert [one["labels"]["manager"] for one in everybody] == ["m-1", "m-2"]
    family = (await client.get("/api/v1/history", params={"family": "sales_calls", **day})).json()
    assert family["points"][0]["values"] == [{"labels": {"direction": "inbound", "outcome": "answered"}, "value": 3.0}]


async def test_what_was_planned(client, exporter):
    """A month's target stands beside what was done; against the plan, a month that is over counts as over."""
    exporter.board.put_reference({"p": plan("company", "2026-10", "48", "calls")})
    exporter.board.put_reference({"q": plan("manager:m-1", "2026-10", "12", "calls")})
    october = {"step": "month", "from": "2026-10-01", "to": "2026-10-31"}
    assert (await asked(client, **october))["points"][0]["values"] == [{"labels": {}, "value": 66.0, "target": 48.0}]
    mine = (await asked(client, level="manager", name="m-1", **october))["points"][0]["values"]
    assert mine == [{"labels": {"manager": "m-1", "team": "south"}, "value": 22.0, "target": 12.0}]
    for kpi, value in (("ratio", 1.375), ("growth", 0.375), ("left", -18.0), ("forecast", 66.0)):
        found = await asked(client, kpi=f"sales_plan_calls:{kpi}", **october)
        assert found["points"][0]["values"] == [{"labels": {}, "value": value}]


async def test_a_late_event_moves_the_past(client, exporter):
    """What was answered before is not said again once a day of it has changed, or somebody's team."""
    october = {"step": "month", "from": "2026-10-01", "to": "2026-10-31"}
    assert values(await asked(client, **october)) == {"2026-10-01": [66.0]}
    exporter.board.put(("d", date(2026, 10, 20).toordinal()), {Field(0, "m-1", "north"): {CALLS: 5}})
    exporter.board.put(("d", date(2026, 10, 20).toordinal()), {Field(3, "m-1", ""): {CALLS: 1}})
    assert values(await asked(client, **october)) == {"2026-10-01": [71.0]}
    assert values(await asked(client, level="team", name="north", **october)) == {"2026-10-01": [26.0]}
    assert values(await asked(client, level="team", name="south", **october)) == {"2026-10-01": [45.0]}
    exporter.board.put_reference({"a": manager("m-1", "north")})
    assert values(await asked(client, level="team", name="north", **october)) == {"2026-10-01": [27.0]}


async def test_as_a_table(client):
    """CSV with names, a row for every value, and one for a period without any; its sum is that of the answer."""
    days = {"from": "2026-10-01", "to": "2026-11-17"}
    query = {"kpi": "sales_calls:sum", "level": "manager", "format": "csv", **days}
    answer = await client.get("/api/v1/history", params=query)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == ["from", "to", "complete", "name", "manager", "team", "value", "target"]
    assert rows[0] == dict(zip(rows[0], ["2026-10-01", "2026-10-01", "true", "", "", "", "", ""], strict=True))
    assert sum(float(row["value"] or 0) for row in rows) == 39 * 3
    assert {row["name"] for row in rows if row["manager"] == "m-1"} == {"Somebody (m-1)"}


async def test_what_cannot_be_vouched_for_is_withheld(client, exporter):
    """503 with the reason."""
    exporter.follower.heartbeats = {0: {"at": (NOW - 61) * 1000, "count": 1, "version": VERSION}}
    answer = await client.get("/api/v1/history", params={"kpi": "sales_calls:sum"})
    assert answer.status_code == 503
    assert answer.json()["detail"]


async def test_too_many_values_are_refused(client, exporter):
    """Everybody on every day of a large company is no chart: the answer says how to ask for less."""
    exporter.board.put(("d", TODAY.toordinal()), {Field(0, f"m-{n}", "west"): {CALLS: 1} for n in range(300)})
    answer = await client.get(
        "/api/v1/history", params={"kpi": "sales_calls:sum", "level": "manager", "from": "2024-09-09"}
    )
    assert answer.status_code == 400
    assert "ask for one by name=" in answer.json()["detail"]


async def test_others_get_their_turn(exporter):
    """A long answer is worked out in steps; a change in between is in it."""
    question = history.question("sales_calls:sum", None, Level.COMPANY, "", "day")
    periods = history.span(question, TODAY - timedelta(days=39), TODAY, TODAY)
    steps = exporter.history.making(question, periods, NOW)
    for _ in range(20):
        next(steps)
    exporter.board.put(("d", periods[0].toordinal()), {Field(0, "m-1", "north"): {CALLS: 11}})
    assert sum(1 for _ in steps) >= 10
    points = exporter.history.points(question, periods, NOW)
    assert [point["values"][0]["value"] for point in points] == [13.0, *[3.0] * 39]
