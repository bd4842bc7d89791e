"""The floor follows from its seed alone, whoever asks for which part of it."""

from dataclasses import replace
from itertools import islice, pairwise

import msgspec
import pytest

from producers.events.intake import check_ahead, check_key
from producers.events.wire import decode, decode_reference
from producers.simulator.floor import Setup, SimulatedFloor, key_of
from producers.simulator.live import LiveFloor, Stretch, load_floor
from producers.simulator.plans import reference
from producers.simulator.rhythm import DAY, HOUR, MINUTE, SECOND
from producers.simulator.session import SessionPlan, left_open, resumed, stream
from producers.simulator.state import save

NOON = 1_795_435_200_000_000  # Monday 2026-11-23 12:00 UTC
SETUP = Setup(seed=5, managers=12, zone="Europe/Moscow")
CROWD = Setup(seed=5, managers=60, zone="Europe/Moscow")

encode = msgspec.json.encode


def test_same_seed_same_bytes():
    """Two floors of one seed are the same to the byte; another seed is another floor."""
    one = [encode(pair) for pair in SimulatedFloor(SETUP).events(NOON - 2 * DAY, NOON)]
    two = [encode(pair) for pair in SimulatedFloor(SETUP).events(NOON - 2 * DAY, NOON)]
    other = [encode(pair) for pair in SimulatedFloor(Setup(seed=6, managers=12)).events(NOON - 2 * DAY, NOON)]
    assert one == two
    assert one != other


@pytest.mark.parametrize("cut", [NOON - DAY, NOON - 7 * HOUR - 1234, NOON - 1])
def test_any_split_is_the_same_stream(cut):
    """A stream cut in two at any moment, by two floors that know nothing of each other, is the whole one."""
    whole = list(SimulatedFloor(SETUP).events(NOON - 2 * DAY, NOON))
    parts = [*SimulatedFloor(SETUP).events(NOON - 2 * DAY, cut), *SimulatedFloor(SETUP).events(cut, NOON)]
    assert parts == whole


def test_in_order_of_publishing_and_nothing_early():
    """Events come in the order of publishing, and none is published before it happened."""
    events = list(SimulatedFloor(SETUP).events(NOON - 3 * DAY, NOON))
    assert all(a[0] <= b[0] for a, b in pairwise(events))
    for moment, event in events:
        check_ahead(decode(encode(event)), moment // 1000 - 600_000)  # would pass ten minutes earlier still


def test_every_event_keeps_the_contract():
    """Intake takes every event of every layer, under the key that the simulator gives it."""
    streams = [
        SimulatedFloor(SETUP).events(NOON - 20 * DAY, NOON),
        SimulatedFloor(Setup(seed=2, managers=7, currency="USD", always_open=False)).events(NOON - 9 * DAY, NOON),
        islice(LiveFloor(SETUP, 20, NOON).events(NOON), 3000),
        islice(load_floor(SETUP, 100).events(NOON), 3000),
    ]
    types = set()
    for one in streams:
        for _, event in one:
            decoded = decode(encode(event))
            check_key(decoded, key_of(event).encode())
            types.add(event["type"])
    assert len(types) == 15


def test_reference_keeps_the_contract_and_repeats_itself():
    """People, plans and rates are valid under their keys, and the same again have the same ids."""
    floor = SimulatedFloor(SETUP)
    records = list(reference(floor, NOON - 60 * DAY, NOON, NOON))
    assert records == list(reference(SimulatedFloor(SETUP), NOON - 60 * DAY, NOON, NOON))
    assert len({key for key, _ in records}) == len(records)
    for key, event in records:
        assert decode_reference(encode(event)).key == key
    tomorrow = list(reference(floor, NOON - 60 * DAY, NOON + DAY, NOON))
    ids = {event["id"] for _, event in records}
    assert {key.split(":")[0] for key, event in tomorrow if event["id"] not in ids} == {"rate"}


def test_live_rate_holds():
    """While somebody watches, the floor makes the rate that was asked for, and clients wait."""
    stream = LiveFloor(Setup(seed=1, managers=40), 20, NOON).events(NOON, NOON + 10 * MINUTE)
    events = list(stream)
    assert len(events) == pytest.approx(20 * 600, rel=0.15)
    waiting: set[str] = set()
    seen = []
    for _, event in events:
        data = event["data"]
        if event["type"] == "sales.chat.message.v1" and data["author"] == "client":
            waiting.add(data["chat_id"])
        elif event["type"] == "sales.chat.closed.v1" or data.get("author") == "manager":
            waiting.discard(data["chat_id"])
        seen.append(len(waiting))
    assert 1 <= sum(seen[2000:]) / len(seen[2000:]) <= 20


@pytest.mark.parametrize("rate", [0, 0.0001])
def test_a_rate_below_what_the_floor_naturally_does_adds_nothing(rate):
    """And does not keep the floor itself waiting."""
    live = islice(LiveFloor(SETUP, rate, NOON).events(NOON), 300)
    plain = islice(LiveFloor(SETUP, rate, NOON + 100 * DAY).events(NOON), 300)
    assert list(live) == list(plain)


def test_live_adds_nothing_to_totals_of_money():
    """What is added live creates no deal, closes none and moves no money."""
    base = {e["id"] for _, e in SimulatedFloor(SETUP).events(NOON, NOON + HOUR)}
    for _, event in LiveFloor(SETUP, 20, NOON).events(NOON, NOON + HOUR):
        if event["id"] not in base:
            assert event["type"].split(".")[1] in ("call", "chat", "deal", "rating")
            assert event["data"].get("status", "open") == "open"


def test_live_edits_stand_between_versions():
    """An edited deal stays the deal it was, and the next version of its story still counts after it."""
    versions: dict[str, str] = {}
    edits = 0
    seen = set()
    for _, event in LiveFloor(SETUP, 30, NOON - DAY).events(NOON - DAY, NOON - DAY + 2 * HOUR):
        if event["type"] == "sales.deal.changed.v1":
            if "-e" in event["id"] and event["id"] not in seen:
                edits += 1
                assert event["sequence"] > versions.get(event["data"]["deal_id"], "")
            seen.add(event["id"])
            versions[event["data"]["deal_id"]] = max(event["sequence"], versions.get(event["data"]["deal_id"], ""))
    assert edits > 100


def test_load_has_its_rate_at_once():
    """A floor for measuring makes its rate from the first minute."""
    events = list(load_floor(SETUP, 200).events(NOON, NOON + 2 * MINUTE))
    assert len(events) / 120 == pytest.approx(200, rel=0.2)
    assert max(moment for moment, _ in events) < NOON + 2 * MINUTE + SECOND


def told(events):
    """Ids of every line of a call or a chat, but for notices."""
    return {e["id"] for _, e in events if e["type"].split(".")[1] in ("call", "chat") and not e["id"].startswith("n-")}


def still_open(events):
    """Calls and chats in which a client waits after all events."""
    waiting = set()
    for _, event in sorted(events, key=lambda pair: pair[1]["time"]):
        kind, data = event["type"], event["data"]
        if kind == "sales.call.started.v1" or data.get("author") == "client":
            waiting.add(data.get("call_id") or data["chat_id"])
        elif kind.startswith("sales.call.") or kind == "sales.chat.closed.v1" or data.get("author") == "manager":
            waiting.discard(data.get("call_id") or data.get("chat_id"))
    return waiting


@pytest.mark.parametrize("pause", [pytest.param(30 * SECOND, marks=pytest.mark.slow), 3 * HOUR])
def test_stopped_and_started_again_answers_everybody(pause):
    """Who waited when the simulator stopped is answered after its next start, by the story that he began in."""
    stop, back, end = NOON + 20 * MINUTE + 7 * SECOND, NOON + 20 * MINUTE + 7 * SECOND + pause, NOON + 4 * HOUR
    whole = list(LiveFloor(CROWD, 5, NOON).events(NOON, end))
    before = [pair for pair in whole if pair[0] < stop]
    after = list(LiveFloor(CROWD, 5, back, [Stretch(NOON, stop, 5)]).events(stop, end))
    begun = {e["data"].get("call_id") or e["data"].get("chat_id") for _, e in before}
    rest = {e["id"] for m, e in whole if m >= stop and (e["data"].get("call_id") or e["data"].get("chat_id")) in begun}
    assert still_open(before)
    assert rest & told(whole) <= told(after)
    assert still_open([*before, *after]) & begun <= still_open(whole)
    assert all(a[0] <= b[0] for a, b in pairwise(after))


def test_another_floor_closes_what_the_one_before_left(tmp_path):
    """With other people on the floor, the clients of the floor before are answered all the same."""
    file, lived = tmp_path / "state.json", (Stretch(NOON, NOON + 20 * MINUTE, 20),)
    stop, end = NOON + 20 * MINUTE, NOON + 2 * HOUR
    plan = SessionPlan(CROWD, NOON, None, NOON, 20)
    _, state = resumed(plan, file, "here")
    save(file, msgspec.structs.replace(state, until_us=stop, lived=lived))
    before = list(LiveFloor(CROWD, 20, NOON).events(NOON, stop))
    other = replace(plan, setup=replace(CROWD, managers=3, seed=9), live_us=stop, end_us=end)
    resumed_plan, _ = resumed(other, file, "here")
    after = list(stream(resumed_plan))
    assert still_open(before)
    assert not still_open([*before, *after]) & still_open(before)
    assert not [e for _, e in left_open(resumed_plan.before) if e["type"] == "sales.call.started.v1"]
    assert resumed(other, file, "elsewhere")[0].before is None
