"""Runs of days: what they are compared with, that they say what history and wall say, and how a plan fills up."""

import csv
import io
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from metrics.exporter.http.server import create_app
from metrics.exporter.kpi import runs
from metrics.exporter.kpi.runs import Run
from metrics.measure import key
from metrics.view import Field
from tests.support.boards import board, exporter_of, manager, plan

TODAY = date(2026, 11, 18)
NOW = datetime(2026, 11, 18, 12, 30, tzinfo=UTC).timestamp()
CALLS = key("c", "inbound", "answered")
WON, AMOUNT = key("dx", "retail", "won"), key("wa", "retail", "RUB")
DAYS = 430
KPIS = "sales_calls:sum,sales_average_check:mean,sales_deals_closed:sum,sales_won_amount:per_manager"


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.fixture
def exporter():
    """Two people, each day with other numbers; one of them is of another team now than his calls were of."""
    shown = board()
    for back in range(DAYS):
        bucket = ("d", TODAY.toordinal() - back)
        shown.put(bucket, {Field(0, "m-1", "north"): {CALLS: 1 + back % 7, WON: 1, AMOUNT: (back + 1) * 12_345}})
        shown.put(bucket, {Field(1, "m-2", "south"): {CALLS: 2, WON: 2, AMOUNT: 7_000_001}})
    shown.put_reference({"a": manager("m-1", "south"), "b": manager("m-2", "south")})
    return exporter_of(shown, NOW)


@pytest.fixture
def client(exporter):
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(exporter)), base_url="http://exporter")


async def ask(client, path, **query):
    answer = await client.get(f"/api/v1/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def number(row, kpi, which="current", **labels):
    record = next(one for one in row["kpis"] if one["id"] == kpi)
    return next(value[which] for value in record["values"] if value["labels"] == labels)


@pytest.mark.parametrize(
    ("run", "before", "year"),
    [
        # The running month against as many days of the one before, and February's end.
        (("2026-11-01", "2026-11-18"), ("2026-10-01", "2026-10-18"), ("2025-11-01", "2025-11-18")),
        (("2026-03-01", "2026-03-30"), ("2026-02-01", "2026-02-28"), ("2025-03-01", "2025-03-30")),
        # What is over: all of the one before.
        (("2026-10-01", "2026-10-31"), ("2026-09-01", "2026-09-30"), ("2025-10-01", "2025-10-31")),
        (("2024-02-01", "2024-02-29"), ("2024-01-01", "2024-01-31"), ("2023-02-01", "2023-02-28")),
        (("2026-07-01", "2026-09-30"), ("2026-04-01", "2026-06-30"), ("2025-07-01", "2025-09-30")),
        (("2026-10-01", "2026-11-18"), ("2026-07-01", "2026-08-18"), ("2025-10-01", "2025-11-18")),
        (("2026-01-01", "2026-11-18"), ("2025-01-01", "2025-11-18"), ("2025-01-01", "2025-11-18")),
        (("2026-11-09", "2026-11-15"), ("2026-11-02", "2026-11-08"), ("2025-11-10", "2025-11-16")),
        (("2026-11-16", "2026-11-18"), ("2026-11-09", "2026-11-11"), ("2025-11-17", "2025-11-19")),
        # A day, and days that are no period.
        (("2026-11-01", "2026-11-01"), ("2026-10-31", "2026-10-31"), ("2025-11-02", "2025-11-02")),
        (("2026-10-20", "2026-11-18"), ("2026-09-20", "2026-10-19"), ("2025-10-21", "2025-11-19")),
        (("2025-12-01", "2026-11-18"), ("2024-12-13", "2025-11-30"), ("2024-12-01", "2025-11-18")),
    ],
)
def test_what_a_run_is_compared_with(run, before, year):
    """As on the wall where it is a period or the beginning of one; else as many days. A year ago: dates or weekdays."""
    asked = Run(*map(day, run))
    assert runs.before(asked, TODAY) == Run(*map(day, before))
    assert runs.year_ago(asked) == Run(*map(day, year))


@pytest.mark.parametrize(
    ("step", "first"), [("month", "2026-11-01"), ("quarter", "2026-10-01"), ("year", "2026-01-01")]
)
@pytest.mark.parametrize("level", ["company", "team", "manager"])
async def test_the_running_period_is_that_of_the_wall(client, step, first, level):
    """To the digit: the same values, the same period before, the same change."""
    rows = (await ask(client, "compare", kpis=KPIS, level=level, **{"from": first}))["rows"]
    wall = {one["id"]: one["values"] for one in (await ask(client, "kpis", level=level, window=step))["kpis"]}
    shown = {
        (kpi["id"], row["id"], *value["labels"].values()): (value["current"], value["previous"], value["trend"])
        for row in rows
        for kpi in row["kpis"]
        for value in kpi["values"]
    }
    own = {"company": (), "team": ("team",), "manager": ("manager", "team")}[level]
    expected = {
        (kpi, value["labels"].get(level, ""), *(v for k, v in value["labels"].items() if k not in own)): (
            value["value"],
            value["previous"],
            value["trend"],
        )
        for kpi in KPIS.split(",")
        for value in wall[kpi]
    }
    assert shown == expected
    assert len(shown) >= 4


@pytest.mark.parametrize("step", ["week", "month", "quarter"])
async def test_a_whole_period_is_that_of_history(client, exporter, step):
    """Each period's run says what history says of it, before and after a day of it is corrected."""
    query = {"kpi": "sales_average_check:mean", "step": step, "from": "2026-06-01", "to": "2026-10-31"}
    for correction in (0, 99_999):
        for point in (await ask(client, "history", **query))["points"]:
            found = await ask(client, "compare", kpis=query["kpi"], **{"from": point["from"], "to": point["to"]})
            assert number(found["rows"][0], query["kpi"]) == point["values"][0]["value"]
        exporter.board.put(("d", day("2026-08-03").toordinal()), {Field(2, "m-2", "south"): {AMOUNT: 1 + correction}})


async def test_whose_rows(client):
    """One person with all that he did is one row under his team; one team's people; what is held no more is nothing."""
    one = await ask(client, "compare", kpis=KPIS, level="manager", name="m-1")
    assert [(row["id"], row["team"]) for row in one["rows"]] == [("m-1", "south")]
    north = await ask(client, "compare", kpis=KPIS, level="manager", team="north")
    assert [row["id"] for row in north["rows"]] == ["m-1"]
    old = await ask(client, "compare", kpis=KPIS, **{"from": "2024-12-01"})
    assert (old["before"], old["year"], old["begins"]) == (None, None, (TODAY - timedelta(DAYS - 1)).isoformat())
    assert number(old["rows"][0], "sales_calls:sum", "previous") is None


async def test_comparison_as_a_table(client):
    """CSV has every value that JSON has, in full."""
    query = {"kpis": KPIS, "level": "manager", "from": "2026-11-01"}
    answer = await client.get("/api/v1/compare", params={**query, "format": "csv"})
    table = list(csv.DictReader(io.StringIO(answer.text)))
    rows = (await ask(client, "compare", **query))["rows"]
    expected = [
        (row["id"], kpi["id"], value["labels"].get("outcome", ""), repr(value["current"]))
        for row in rows
        for kpi in row["kpis"]
        for value in kpi["values"]
    ]
    assert [(one["id"], one["kpi"], one["outcome"], one["current"]) for one in table] == expected


async def test_sparks(client, exporter):
    """Thirty days of many numbers in one answer, each that of history; plans always by month."""
    exporter.board.put_reference({"p": plan("company", "2026-10", "124", "calls")})
    kpis = "sales_calls:sum,sales_average_check:mean,sales_plan_calls:ratio"
    found = (await ask(client, "sparks", kpis=kpis))["kpis"]
    for kpi in kpis.split(","):
        step = "month" if "plan" in kpi else "day"
        points = (await ask(client, "history", kpi=kpi, step=step))["points"]
        assert found[kpi]["step"] == step
        assert [[one["value"] for one in values] for values in found[kpi]["points"]] == [
            [one["value"] for one in point["values"]] for point in points
        ]
    assert [values for values in found["sales_plan_calls:ratio"]["points"] if values] != []


async def test_how_a_plan_fills_up(client, exporter):
    """Done by each day is what history says of the days up to it; the plan ends at its target; some have none."""
    exporter.board.put_reference({"p": plan("team:south", "2026-11", "100000", "won_amount", currency="RUB")})
    found = await ask(client, "burnup", kpi="sales_won_amount:sum", level="team", name="south")
    assert (found["target"], found["days"][-1]["plan"], len(found["days"])) == (100_000.0, 100_000.0, 30)
    assert [one["done"] for one in found["days"][18:]] == [None] * 12
    for index in (0, 6, 17):
        last = found["days"][index]
        query = {"level": "team", "name": "south", "from": "2026-11-01", "to": last["day"]}
        run = await ask(client, "compare", kpis="sales_won_amount:sum", **query)
        assert number(run["rows"][0], "sales_won_amount:sum") == last["done"]
    none = await ask(client, "burnup", kpi="sales_won_amount:sum", level="team", name="north")
    assert (none["target"], none["days"][0]["plan"]) == (None, None)
    october = await ask(client, "burnup", kpi="sales_plan_won_amount:ratio", day="2026-10-09")
    assert (october["from"], october["to"], october["complete"]) == ("2026-10-01", "2026-10-31", True)


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        ("compare", {"kpis": "sales_nothing:sum"}, "'sales_nothing:sum'"),
        ("compare", {"kpis": "sales_clients_ready:sum"}, "no history"),
        ("compare", {"kpis": ""}, "kpis="),
        ("compare", {}, "kpis="),
        ("compare", {"kpis": KPIS, "name": "m-1"}, "contradicts level=company"),
        ("compare", {"kpis": KPIS, "team": "south"}, "team='south' contradicts"),
        ("compare", {"kpis": KPIS, "level": "manager", "team": "west"}, "team='west'"),
        ("compare", {"kpis": KPIS, "level": "team", "name": "west"}, "team='west'"),
        ("compare", {"kpis": KPIS, "from": "2020-01-01"}, "800 days"),
        ("compare", {"kpis": KPIS, "from": "2026-11-17", "to": "2026-11-16"}, "lies after"),
        ("compare", {"kpis": KPIS, "from": "yesterday"}, "from='yesterday'"),
        ("compare", {"kpis": KPIS, "format": "pdf"}, "format="),
        ("compare", {"kpis": KPIS, "step": "day"}, "'step'"),
        ("sparks", {"kpis": KPIS, "step": "week"}, "step='week'"),
        ("sparks", {"kpis": KPIS, "level": "team"}, "needs id="),
        ("sparks", {"kpis": KPIS, "level": "team", "id": "west"}, "team='west'"),
        ("burnup", {"kpi": "sales_win:ratio"}, "no plan"),
        ("burnup", {"kpi": "sales_calls:sum", "window": "day"}, "window='day'"),
        ("burnup", {"kpi": "sales_calls:sum", "level": "team"}, "level=team"),
        ("burnup", {"kpi": "sales_calls:sum", "day": "2020-01-01"}, "800 days"),
        ("catalogue", {"kpi": "x"}, "'kpi'"),
    ],
)
async def test_what_is_refused(client, path, query, said):
    """An unknown or contradictory parameter is 400 and named."""
    answer = await client.get(f"/api/v1/{path}", params=query)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


async def test_nothing_is_told_that_cannot_be_vouched_for(client, exporter):
    """While workers are silent it is 503 with the reason."""
    exporter.follower.heartbeats = {}
    for path in (f"compare?kpis={KPIS}", f"sparks?kpis={KPIS}", "burnup?kpi=sales_calls:sum"):
        assert (await client.get(f"/api/v1/{path}")).status_code == 503, path
