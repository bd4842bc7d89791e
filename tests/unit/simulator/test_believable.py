"""The numbers of sixty days look right together, as a head of sales would say."""

from collections import Counter

import pytest

from producers.simulator.floor import EVENTS_PER_DAY, Setup, SimulatedFloor
from producers.simulator.plans import reference
from producers.simulator.rhythm import DAY
from producers.simulator.staff import Staff

NOW = 1_795_435_200_000_000  # Monday 2026-11-23 12:00 UTC
BEGAN = NOW - 60 * DAY


@pytest.fixture(scope="module")
def floor():
    return SimulatedFloor(Setup(seed=1, managers=40, zone="Europe/Moscow"))


@pytest.fixture(scope="module")
def events(floor):
    return [event for _, event in floor.events(BEGAN, NOW)]


@pytest.fixture(scope="module")
def deals(events):
    """Latest snapshot of each deal."""
    found = {}
    for event in events:
        if event["type"] == "sales.deal.changed.v1":
            held = found.get(event["data"]["deal_id"])
            if held is None or held["sequence"] < event["sequence"]:
                found[event["data"]["deal_id"]] = event
    return [event["data"] for event in found.values()]


def test_volume_and_mix(events):
    """Sixty days of forty people are some ninety thousand events, nearly half of them calls."""
    assert 60_000 < len(events) < 110_000
    assert len(events) / 40 / 55.7 == pytest.approx(EVENTS_PER_DAY, rel=0.1)
    kinds = Counter(event["type"].split(".")[1] for event in events)
    share = {kind: count / len(events) for kind, count in kinds.items()}
    assert share["call"] == pytest.approx(0.45, abs=0.05)
    assert share["chat"] == pytest.approx(0.25, abs=0.05)
    assert share["deal"] == pytest.approx(0.20, abs=0.04)


def test_mess(events):
    """About one event in a hundred comes twice, and some late."""
    ids = Counter(event["id"] for event in events)
    assert 0.005 < sum(count > 1 for count in ids.values()) / len(ids) < 0.02


def test_win_rate_check_and_margin(deals):
    """A fifth to a third of the closed deals are won; margins lie between 20 and 40 %."""
    states = Counter(deal["status"] for deal in deals)
    assert 0.20 < states["won"] / (states["won"] + states["lost"]) < 0.36
    assert states["open"] > 100
    won = [d for d in deals if d["status"] == "won" and d["currency"] == "RUB"]
    assert 60_000 < sum(float(d["amount"]) for d in won) / len(won) < 180_000
    costed = [d for d in won if "cost" in d]
    margin = 1 - sum(float(d["cost"]) for d in costed) / sum(float(d["amount"]) for d in costed)
    assert 0.2 < margin < 0.4


def test_clients_come_back(deals):
    """A part of the wins is with clients who bought before."""
    clients = Counter(deal["client_id"] for deal in deals if deal["status"] == "won")
    assert 0.1 < sum(count - 1 for count in clients.values()) / clients.total() < 0.5


def test_service_level(events):
    """Most inbound calls are answered, most of them soon."""
    calls = {e["data"]["call_id"]: e for e in events if e["type"] == "sales.call.ended.v1"}
    inbound = [e["data"] for e in calls.values() if e["data"]["direction"] == "inbound"]
    due = [d for d in inbound if d["outcome"] in ("answered", "missed", "abandoned")]
    answered = [d for d in due if d["outcome"] == "answered"]
    soon = [d for d in answered if _seconds(d["started_at"], d["answered_at"]) <= 20]
    assert 0.75 < len(soon) / len(due) < 0.92


def test_plans_fit_the_trade(floor, deals):
    """The company meets its month about; nearly every team lies within believable bounds."""
    plans = {k: float(e["data"]["target"]) for k, e in reference(floor, BEGAN, NOW, NOW) if "target" in e["data"]}
    won: Counter[str] = Counter()
    for deal in deals:
        if deal["status"] == "won" and deal["closed_at"].startswith("2026-10") and deal["currency"] == "RUB":
            won["company"] += float(deal["amount"])
            won[f"team:{deal['team_id']}"] += float(deal["amount"])
    assert 0.8 < won["company"] / plans["plan:company:won_amount:2026-10"] < 1.25
    shares = [won[f"team:{team}"] / plans[f"plan:team:{team}:won_amount:2026-10"] for team in floor.staff.teams]
    assert all(0.5 < share < 1.7 for share in shares)


@pytest.mark.parametrize("days", [0, 3, 30, 60, 200, 400])
def test_the_plan_of_a_year_is_that_of_its_quarters(floor, days):
    """For everybody and every measure, whenever the floor began; each measure that walls show has a plan."""
    plans = {
        tuple(key.removeprefix("plan:").rsplit(":", 2)): float(event["data"]["target"])
        for key, event in reference(floor, NOW - days * DAY, NOW, NOW)
        if "target" in event["data"]
    }
    assert {measure for _, measure, _ in plans} == {"won_amount", "revenue_amount", "deals_won", "calls", "meetings"}
    for (scope, measure, period), target in plans.items():
        if len(period) == 4:
            quarters = [plans.get((scope, measure, f"{period}-Q{n}"), 0.0) for n in range(1, 5)]
            rounding = (10_000 if measure.endswith("amount") else 1) * 3
            assert target >= sum(quarters) - rounding, (scope, period)


def test_nobody_can_be_recognised(events):
    """Clients are numbers: there is no field for a name, a telephone number or an address."""
    names = {name for event in events for name in event["data"]}
    assert not names & {"name", "phone", "email", "client_name", "address"}
    assert all(event["data"].get("client_id", "cl-").startswith("cl-") for event in events)


@pytest.mark.parametrize("managers", [1, 3, 8, 40, 160, 500])
def test_teams(managers):
    """Teams have five to eight people where there are enough; names and ids are unique."""
    staff = Staff(1, managers)
    assert len({m.id for m in staff.managers}) == len({m.name for m in staff.managers}) == managers
    sizes = Counter(m.team for m in staff.managers)
    assert all(size <= 8 for size in sizes.values())
    assert managers < 10 or all(size >= 5 for size in sizes.values())


def test_office_hours():
    """A floor with office hours is quiet at night and at weekends."""
    floor = SimulatedFloor(Setup(seed=1, managers=40, zone="UTC", always_open=False))
    days = Counter(e["time"][:10] for _, e in floor.events(NOW - 9 * DAY, NOW))
    assert days["2026-11-21"] < days["2026-11-20"] / 5
    hours = Counter(int(e["time"][11:13]) for _, e in floor.events(NOW - 9 * DAY, NOW))
    assert hours[3] < hours[11] / 20


def _seconds(start: str, end: str) -> float:
    def second(text: str) -> float:
        hour, minute, rest = text[11:-1].split(":")
        return int(hour) * 3600 + int(minute) * 60 + float(rest)

    return (second(end) - second(start)) % 86_400
