"""The standing audit: what differs is found in the next cycle, and whatever goes on meanwhile is no difference."""

import json
import random
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from metrics.view import encode_any, fenced
from streams.audit.standing.standing import CYCLE_SECONDS, StandingAudit
from streams.audit.standing.view import View
from tests.laws.mixtures import ANCHORS, KINDS, LATER, event
from tests.laws.replay import plain_rules
from tests.support.ledgers import Kept
from tests.support.standing import World

ZONE = "America/St_Johns"
NOW = ANCHORS[7].timestamp() + 4 * 3600


def some(rng, count, anchors=(0, 5, 6, 7, 7)):
    """Events of all types on few clients and entities: late ones, corrections, deletions."""
    for _ in range(count):
        entity, anchor = rng.randrange(4), rng.choice(anchors)
        found = event(rng.randrange(len(KINDS)), entity, anchor, rng.randrange(200), rng.randrange(2**50))
        number = rng.randrange(8)
        text = json.dumps(found).replace('"cl-', f'"cl-{number}-').replace('"k-', f'"k-{number}-')
        yield json.loads(text) | {"id": f"{found['id']}-{number}"}


@pytest.fixture
def world(tmp_path) -> Iterator[World]:
    zone = ZoneInfo(ZONE)
    made = World(Kept(str(tmp_path), plain_rules(zone), 3, NOW), zone, ZONE, 3)
    for one in some(random.Random(1), 200):
        made.log.add(one)
    made.settle()
    yield made
    made.ledger.index.close()


def audit_of(world, share=1.0, zone=ZONE, now=NOW):
    view = View(world.store, "test", zone, world.ledger.kept.rules)
    return StandingAudit(
        world.ledger, view, world.ledger.kept.rules, share=share, clock=lambda: now + world.slept, sleep=world.sleep
    )


async def test_what_is_right_is_proved(world):
    """All of it, as of the moment at which the look began, without the ledger ever standing still."""
    audit = audit_of(world)
    await audit.cycle()
    assert audit.status.problem == ""
    assert audit.status.differences == {}
    assert NOW <= audit.status.shown <= audit.status.all_days < NOW + 1
    assert audit.status.compared["days"] > 100
    assert audit.status.compared["open"] > 5
    assert world.ledger.holds == 0


async def test_a_part_that_was_changed_is_found_in_one_cycle(world):
    """With both values, the family and what explains it, once; it is forgotten when it is right again."""
    audit = audit_of(world)
    for kind, data in (("d", "days"), ("h", "hours"), ("m", "minutes"), ("o", "open")):
        key, name, before = world.store.falsify(kind)
        with capture_logs() as said:
            await audit.cycle()
        (found,) = (one for some in audit.status.differences.values() for one in some)
        assert found.data == data
        assert int(found.what.shown) == int(found.what.log) + 1
        told = audit.status.as_json()
        assert [one["count"] for one in told["differences"]] == [1]
        assert told["examples"][0]["what"] == found.what.where
        assert (found.explain != "") is (kind in "do")
        assert [one["what"] for one in said if one["log_level"] == "error"] == [found.what.where]
        began = NOW + world.slept
        with capture_logs() as said:
            await audit.cycle()
        assert said == []
        assert audit.status.shown < began
        world.store.held[key][name] = before
        await audit.cycle()
        assert audit.status.differences == {}
        assert audit.status.shown >= began


async def test_a_log_that_stands_still_since_long_ago(world):
    """What is kept goes by the log's time, partition by partition, not by the clock."""
    audit = audit_of(world, now=NOW + 300 * 86_400)
    await audit.cycle()
    assert (audit.status.problem, audit.status.differences) == ("", {})
    world.store.falsify("h")
    await audit.cycle()
    assert [one.data for some in audit.status.differences.values() for one in some] == ["hours"]


async def test_what_is_missing_or_too_much_is_found(world):
    """Not only values that changed."""
    audit, store = audit_of(world), world.store
    key = next(name for name in sorted(store.held) if ":cells:d:" in name)
    part = store.held[key]
    one, value = next(iter(part.items()))
    more = {**part, encode_any((int(key[-1]), "m-none", "")): fenced(0, encode_any({"m": 3, "zz": 1}))}
    cases = [("days", key, {}), ("days", key, {k: v for k, v in part.items() if k != one}), ("days", key, more)]
    for what in ("waiting", "unanswered"):
        name = getattr(store.keys, what)
        number, value = next((number, value) for number, value in store.held[name].items() if len(value) > 20)
        cases.append((what, name, {**store.held[name], number: value[:16] + encode_any([])}))
    for data, name, wrong in cases:
        right, store.held[name] = store.held[name], wrong
        await audit.cycle()
        assert {one.data for some in audit.status.differences.values() for one in some} == {data}
        store.held[name] = right
    await audit.cycle()
    assert audit.status.differences == {}


async def test_a_difference_counts_when_it_is_still_there_at_the_second_look(world):
    """A view that lost something is mended within seconds by its worker."""
    audit = audit_of(world)
    key, name, before = world.store.falsify("d")
    world.while_asleep = lambda: world.store.held[key].update({name: before}) if world.slept >= 10 else None
    await audit.cycle()
    assert audit.status.differences == {}
    assert audit.status.shown >= NOW


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 40))])
async def test_nothing_is_found_while_events_of_all_kinds_come_in(world, seed):
    """Late, as history, corrected, deleted; view, workers, ledger in places of their own; the ledger killed."""
    rng = random.Random(seed)

    def go_on():
        for one in some(rng, rng.randrange(4)):
            world.log.add(one, rng.choice(LATER))
        for number in rng.sample(range(3), 2):
            world.fold(number, rng.randrange(8))
            if rng.random() < 0.7:
                world.show(number)
        world.ledger.read(rng.randrange(6))

    world.while_asleep = go_on
    audit, proved = audit_of(world), 0
    for _ in range(4):
        await audit.cycle()
        assert audit.status.differences == {}, audit.status.as_json()
        proved += audit.status.shown >= NOW
        audit.status.shown = 0.0
        world.ledger.again()
    assert proved >= 3
    assert world.ledger.holds >= 1
    world.while_asleep = lambda: None
    world.settle()
    world.store.falsify("d")
    await audit.cycle()
    assert len(audit.status.differences) == 1


async def test_what_was_proved_is_known_after_a_restart(world):
    """When each day was, so that it goes on with the day that has waited longest."""
    audit = audit_of(world)
    await audit.cycle()
    world.ledger.again()
    second = audit_of(world)
    world.store.held.pop(world.store.keys.partitions)
    await second.cycle()
    assert second.status.problem == "no worker has reported yet"
    assert (second.status.shown, second.status.days) == (audit.status.shown, audit.status.days)


async def test_it_takes_its_share_of_a_core_and_no_more(world):
    """It sleeps 19 times as long as it works; and of the older days it does as many as a cycle allows."""
    audit = audit_of(world, share=0.05)
    await audit.cycle()
    assert world.slept == pytest.approx(audit.status.seconds * 19, rel=1e-6)
    assert audit.status.seconds < 0.05 * CYCLE_SECONDS


async def test_days_that_were_compared_longest_ago_come_first(world):
    """However little time there is, each day's turn comes."""
    audit = audit_of(world, share=1e-9)
    await audit.cycle()
    days = [day for day in sorted(audit.status.days) if day < max(audit.status.days) - 60]
    old, seen = {}, set()
    for number, day in enumerate(days):
        old[day] = NOW - 1000 + number
    audit.status.days |= old
    await audit.cycle()
    seen = {day for day in days if audit.status.days[day] != old[day]}
    assert seen <= set(days[:1])


async def test_it_says_why_nothing_could_be_proved(world):
    """And then nothing counts as proved, nor as different."""
    store, ledger = world.store, world.ledger
    beats, waiting = store.keys.partitions, store.keys.waiting
    cases = [
        (lambda: store.held.pop(beats), "no worker has reported yet"),
        (lambda: store.held[beats].pop(b"1"), "no worker has reported on partition 1"),
        (lambda: store.show(world.partitions[1], whole=False), "the view of partition 1 is being written again"),
        (lambda: store.show(world.partitions[1], zone="Asia/Kolkata"), "workers count in Asia/Kolkata"),
        (lambda: setattr(ledger, "away", "the ledger is behind: 7 records"), "the ledger is behind: 7 records"),
        (lambda: store.held[waiting].update({b"0": b"x"}), "the view cannot be read"),
    ]
    for spoil, said in cases:
        right = {name: dict(store.held[name]) for name in (beats, waiting)}
        spoil()
        audit = audit_of(world)
        await audit.cycle()
        assert audit.status.problem.startswith(said)
        assert audit.status.shown == 0
        assert audit.status.differences == {}
        store.held |= right
        ledger.away = ""
