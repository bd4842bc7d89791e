"""Forecasts of an exporter: the days that history tells, put into the forecast; shown as series and on the wall."""

import asyncio
from collections import Counter
from datetime import date

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.commands import forecast as command
from metrics.backtest import outcomes
from metrics.errors import AwayError
from metrics.exporter.http.open_deals import OpenDeals
from metrics.exporter.http.server import create_app
from metrics.forecast import Basis, Brought, Past, open_before
from metrics.kpi import Level
from metrics.measure import key
from metrics.view import Field
from tests.support.forecasting import DAYS, DOLLARS, NOW, TODAY, exporter_live, exporter_of_days, make, nothing


@pytest.fixture
def exporter():
    return exporter_of_days(DAYS)


async def history(exporter, level, **more):
    transport = httpx.ASGITransport(create_app(exporter))
    async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
        asked = {"kpi": "sales_won_amount:sum", "level": level, "from": "2025-01-01", **more}
        points = (await client.get("/api/v1/history", params=asked)).json()["points"]
    return {p["from"]: sum(one["value"] for one in p["values"]) for p in points}


@pytest.mark.parametrize(
    ("level", "team", "window", "first", "end"),
    [("company", "", "month", "2026-11-01", "2026-12-01"), ("team", "south", "quarter", "2026-10-01", "2027-01-01")],
)
async def test_is_made_of_what_history_tells(exporter, level, team, window, first, end):
    make(exporter)
    found = {
        labels[4]: value
        for labels, value in exporter.forecasts.outlook.rows
        if labels[:4] == (level, team, "won_amount", window)
    }
    days = await history(exporter, level, **({"name": team} if team else {}))
    before = [date.fromordinal(n) for n in range(date(2025, 1, 1).toordinal(), TODAY.toordinal())]
    hours = exporter.board.calendar.of(team)
    past = Past([days[day.isoformat()] for day in before], [hours.day_us(day.toordinal()) for day in before])
    rest = past.rest([hours.day_us(n) for n in range(TODAY.toordinal(), date.fromisoformat(end).toordinal())])
    begun = sum(value for day, value in days.items() if first <= day < TODAY.isoformat())
    assert rest.low > 0
    assert found == pytest.approx(
        {"expected": begun + rest.expected, "low": begun + rest.low, "high": begun + rest.high}
    )


def test_of_plans_that_run(exporter):
    """Of company and teams, in the window that a plan is of; people, what is over and what has no past have none."""
    turns = make(exporter)
    assert {labels[:4] for labels, _ in exporter.forecasts.outlook.rows} == {
        ("company", "", "won_amount", "month"),
        ("team", "south", "won_amount", "quarter"),
    }
    assert turns > 100


def test_never_below_what_is_counted(exporter):
    """A deal larger than a month moves all three; a past day that changes moves them, too."""
    make(exporter)
    before = dict(exporter.forecasts.outlook.rows)
    exporter.board.put(("d", TODAY.toordinal()), {Field(2, "m-1", "north"): {DOLLARS: 10**12}})
    make(exporter)
    now = {labels[4]: value for labels, value in exporter.forecasts.outlook.rows if labels[0] == "company"}
    assert now["low"] == now["expected"] == now["high"] > 90.5 * 10**8
    exporter.board.put(("d", TODAY.toordinal()), {Field(2, "m-1", "north"): {}})
    make(exporter)
    assert dict(exporter.forecasts.outlook.rows) == before
    exporter.board.put(("d", TODAY.toordinal() - 1), {Field(2, "m-1", "north"): {DOLLARS: 10**8}})
    make(exporter)
    assert all(value > before[labels] for labels, value in exporter.forecasts.outlook.rows if labels[0] == "company")


async def test_is_shown(exporter):
    """As series, and on the wall of whoever it is about; withheld as all else is."""
    make(exporter)
    transport = httpx.ASGITransport(create_app(exporter))
    async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
        exporter.follower.catch_up = nothing
        text = (await client.get("/metrics")).text
        families = {one.name: one.samples for one in text_string_to_metric_families(text)}
        assert len(families["sales_plan_forecast"]) == 6
        exporter.follower.loaded = False
        assert "sales_plan_forecast{" not in (await client.get("/metrics")).text
        exporter.follower.loaded = True
    rows = {labels[4]: value for labels, value in exporter.forecasts.outlook.rows if labels[0] == "company"}
    (month, *_) = exporter_live(exporter, Level.COMPANY, "")
    assert (month["low"], month["high"]) == (rows["low"], rows["high"])
    (quarter,) = exporter_live(exporter, Level.TEAM, "south")
    assert quarter["low"] == quarter["high"] > 0, "south never varies"
    assert "low" not in exporter_live(exporter, Level.MANAGER, "m-1")[0]


def put_deals(shown):
    """Deals of two teams by day, some of them open still; three from before all of it."""
    made, over = key("dc", "retail"), {end: key("dx", "retail", end) for end in ("won", "lost")}
    added = {"north": [], "south": []}
    for back in range(DAYS, -1, -1):
        opened, won_, lost = back * 5 % 7, back * 3 % 4, back * 5 % 4
        added["north"].append(opened - won_ - lost)
        added["south"].append(1 if back % 2 else -1)
        south = {made: 1} if back % 2 else {over["won"]: 1}
        fields = {
            Field(2, "m-1", "north"): {made: opened, over["won"]: won_, over["lost"]: lost},
            Field(3, "m-2", ""): south,
        }
        shown.put(("d", TODAY.toordinal() - back), fields)
    held = {team: sum(days) + 3 for team, days in added.items()}
    now = {
        Field(2, "m-1", "north"): {key("od", "retail", "S1"): 2, key("od", "retail", "S2"): held["north"] - 2},
        Field(3, "m-2", ""): {key("od", "b2b", "S1"): held["south"]},
    }
    shown.put(("o", 0), now)
    return {team: [held[team] - sum(days[n:]) for n in range(len(days))] for team, days in added.items()}


async def test_knows_how_many_deals_were_open(exporter):
    """Of won amounts and deals; counted back from those that are open now, by team and of the company."""
    opened = put_deals(exporter.board)
    make(exporter)
    days = range(TODAY.toordinal() - DAYS, TODAY.toordinal() + 1)
    forecasts = exporter.forecasts
    for team, expected in opened.items():
        assert forecasts._open_before(team, days) == [max(0.0, n) for n in expected]
    both = [float(max(0, sum(pair))) for pair in zip(*opened.values(), strict=True)]
    assert forecasts._open_before("", days) == both
    found = {
        labels[4]: value
        for labels, value in forecasts.outlook.rows
        if labels[:4] == ("company", "", "won_amount", "month")
    }
    history_ = await history(exporter, "company")
    before = [date.fromordinal(n) for n in range(date(2025, 1, 1).toordinal(), TODAY.toordinal())]
    hours = exporter.board.calendar.of("")
    ahead = [hours.day_us(n) for n in range(TODAY.toordinal(), date(2026, 12, 1).toordinal())]
    done, worked = [history_[day.isoformat()] for day in before], [hours.day_us(day.toordinal()) for day in before]
    padded = [0.0] * (len(before) + 1 - len(both)) + both
    rest = Past(done, worked, padded).rest(ahead)
    begun = sum(value for day, value in history_.items() if "2026-11-01" <= day < TODAY.isoformat())
    assert found == pytest.approx(
        {"expected": begun + rest.expected, "low": begun + rest.low, "high": begun + rest.high}
    )
    assert rest != Past(done, worked).rest(ahead), "or it shows nothing"


async def test_backtest_knows_how_many_deals_were_open(exporter):
    """The same days and numbers as what is shown."""
    opened = put_deals(exporter.board)
    make(exporter)
    transport = httpx.ASGITransport(create_app(exporter))
    exporter.follower.catch_up = nothing
    async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
        added, held = await command._added(client), await command._open_now(client)
    assert held == {team: exporter.forecasts._open_now[team] for team in ("", "north", "south")}
    for team, expected in opened.items():
        found = open_before(
            held[team], [added[team].get(date.fromordinal(TODAY.toordinal() - n), 0) for n in range(DAYS, -1, -1)]
        )
        assert found == [max(0.0, n) for n in expected]


async def test_backtest_asks_the_exporter(exporter):
    """Company and each team, from what history tells alone."""
    transport = httpx.ASGITransport(create_app(exporter))
    async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
        found = [one async for one in command._of(client, exporter.settings, "won_amount", None)]
    expected = []
    for level, name in (("company", {}), ("team", {"name": "north"}), ("team", {"name": "south"})):
        days = await history(exporter, level, **name)
        done = {date.fromisoformat(day): value for day, value in days.items() if value and day < TODAY.isoformat()}
        expected += outcomes(done, exporter.board.calendar.of(name.get("name", "")), TODAY)
    assert len(found) > 500
    assert sorted(found, key=str) == sorted(expected, key=str)


def brought(day, run, opened):
    """What a ledger says of the deals that `put_deals` has opened: the more were open the more came."""
    today = TODAY.toordinal()
    judged = [n for n in range(day - run - 365, day - run + 1) if n >= today - DAYS]
    counts = [opened[n - today - 1] for n in (*judged, day)]
    return Brought([10.0 * count for count in counts], [9.0 * count for count in counts[:-1]], counts)


async def test_knows_stages_and_ages_where_the_ledger_says_them(exporter):
    """What is shown is made of them, and said to be; another team's plan is made of what is known of that."""
    opened = put_deals(exporter.board)
    both = [float(max(0, sum(pair))) for pair in zip(*opened.values(), strict=True)]
    make(exporter)
    before = dict(exporter.forecasts.outlook.rows)
    said = {
        "team": "", "measure": "won_amount", "run": 13, **brought(TODAY.toordinal(), 13, both)._asdict()
    }  # fmt: skip
    exporter.open_deals.take(TODAY.toordinal(), {"brought": [said]})
    make(exporter)
    month, south = ("company", "", "won_amount", "month"), ("team", "south", "won_amount", "quarter")
    assert exporter.forecasts.outlook.bases[month] is Basis.STAGES
    assert exporter.forecasts.outlook.bases[south] is Basis.NUMBER
    changed = {labels[:4] for labels, value in exporter.forecasts.outlook.rows if value != before[labels]}
    assert changed == {month}
    assert exporter_live(exporter, Level.COMPANY, "")[0]["basis"] == "stages_and_ages"
    assert exporter_live(exporter, Level.TEAM, "south")[0]["basis"] == "open_deals"
    exporter.open_deals.take(TODAY.toordinal() - 1, {"brought": [said]})
    make(exporter)
    assert dict(exporter.forecasts.outlook.rows) == before, "what was said yesterday says nothing of today"
    assert exporter_live(exporter, Level.COMPANY, "")[0]["basis"] == "open_deals"


async def test_the_ledger_is_asked_beside_all_else(exporter):
    """Of today and what is left of month and quarter; one that is away is asked again, and nobody waits for it."""
    asked, twice = [], asyncio.Event()

    class Ledger:
        async def brought(self, day, runs):
            asked.append((day, runs))
            if len(asked) == 1:
                raise AwayError("it is behind")
            twice.set()
            return {"brought": []}

    exporter.open_deals = OpenDeals(lambda: NOW, exporter.board.zone)
    following = asyncio.create_task(exporter.open_deals.following(Ledger(), look=0.01, again=0.01))
    async with asyncio.timeout(5):
        await twice.wait()
    await asyncio.sleep(0.1)
    following.cancel()
    assert asked == [(TODAY, [13, 44])] * 2


async def test_backtest_judges_what_the_ledger_says(exporter):
    """By the very functions of what is shown; of measures that no deal promises as without it."""
    opened = put_deals(exporter.board)
    both = [float(max(0, sum(pair))) for pair in zip(*opened.values(), strict=True)]

    class Pipeline:
        def brought(self, team, measure, run, day):
            assert measure == "won_amount"
            return None if team else brought(day, run, both)

    exporter.follower.catch_up = nothing
    transport = httpx.ASGITransport(create_app(exporter))
    async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
        with_it = [one async for one in command._of(client, exporter.settings, "won_amount", Pipeline())]
        without = [one async for one in command._of(client, exporter.settings, "won_amount", None)]
        calls = [one async for one in command._of(client, exporter.settings, "revenue_amount", Pipeline())]
    assert len(with_it) == len(without) > 500
    made = Counter(one.basis for one in with_it)
    assert made[Basis.STAGES] > 100
    assert made[Basis.NUMBER] > 100
    assert Basis.STAGES not in {one.basis for one in (*without, *calls)}
    pairs = zip(with_it, without, strict=True)
    assert all(one == other for one, other in pairs if one.basis is not Basis.STAGES)
