"""What a client with very many entities costs: as many steps as there are events, not as pairs of them."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from streams.ledger.held import decode
from streams.plain import recompute
from streams.plain.leads import TOUCHED_WITHIN, PlainTouch, first_touches, touches
from tests.laws.logs import InMemoryLog
from tests.laws.mixtures import encode
from tests.laws.replay import plain_rules
from tests.laws.test_ledger import compare
from tests.support.ledgers import Kept

RULES = plain_rules(ZoneInfo("UTC"))
START = datetime(2026, 10, 20, 6, tzinfo=UTC)
NOW = (START + timedelta(days=30)).timestamp()


def of(kind, n, at, **data):
    held = {"client_id": "cl-1", "manager_id": f"m-{n % 3}", **data}
    found = {"specversion": "1.0", "id": f"{kind}-{n}", "source": "s://a", "type": f"sales.{kind}.v1", "data": held}
    return found | {"time": at.isoformat()}


def leads_and_calls(count):
    """A lead and a call in turn; every third call is missed, every other one goes on for a while."""
    for n in range(count):
        at = START + timedelta(minutes=n)
        yield of("lead.changed", n, at, lead_id=f"l-{n}", temperature="cold", created_at=at.isoformat())
        answered = {"answered_at": at.isoformat()} if n % 3 else {}
        outcome, direction = ("answered" if n % 3 else "missed"), ("inbound" if n % 2 else "outbound")
        end = at + timedelta(minutes=20 if n % 2 else 1)
        told = {"started_at": at.isoformat(), "outcome": outcome, "direction": direction, **answered}
        yield of("call.ended", n, end, call_id=f"c-{n}", **told)


def leads_and_meetings(count):
    """A lead and a meeting in turn."""
    for n in range(count):
        at = START + timedelta(minutes=n)
        yield of("lead.changed", n, at, lead_id=f"l-{n}", temperature="cold", created_at=at.isoformat())
        yield of("meeting.held", n, at + timedelta(seconds=30), meeting_id=f"mt-{n}")


def deals(count):
    """Open deals, by which the client is ready or not, and won ones."""
    for n in range(2 * count):
        at = START + timedelta(minutes=n)
        status = ("open", "open", "won")[n % 3]
        closed = {} if status == "open" else {"closed_at": at.isoformat()}
        money = {"amount": "10", "currency": "RUB", "pipeline": "p", "stage": ("READY", "NEW")[n % 2]}
        yield of("deal.changed", n, at, deal_id=f"d-{n}", created_at=at.isoformat(), status=status, **money, **closed)


@pytest.mark.parametrize("life", [leads_and_calls, leads_and_meetings, deals])
def test_steps_grow_with_events_and_not_with_their_square(tmp_path, monkeypatch, life):
    """Read in batches as they come in: twice as many events of one client are read and looked at twice as often."""
    steps = 0

    def counted(step):
        def one(*given):
            nonlocal steps
            steps += 1
            return step(*given)

        return one

    monkeypatch.setattr("streams.ledger.near.decode", counted(decode))
    monkeypatch.setattr("streams.plain.leads.touches", counted(touches))
    monkeypatch.setattr("streams.ledger.touching.touches", counted(touches))
    found = []
    for count in (150, 300):
        log = InMemoryLog(list(life(count)), 1)
        (tmp_path / str(count)).mkdir()
        kept, steps = Kept(str(tmp_path / str(count)), RULES, 1, NOW), 0
        for _ in range(0, 2 * count, 20):
            kept.read(log, 20)
        found.append(steps)
        if count == 150:
            compare(kept, log)
    assert found[1] < 2.6 * found[0], found
    assert found[1] < 40 * 2 * 300


def test_the_plain_definition_looks_at_each_touch_once(monkeypatch):
    """Of 400 leads and 400 calls no pairs are made."""
    from producers.events import wire

    looked = 0

    def counted(created, events):
        nonlocal looked
        for event in events:
            looked += 1
            yield from touches(created, [event])

    monkeypatch.setattr("streams.plain.leads.touches", counted)
    plain = recompute([wire.decode(encode(one)) for one in leads_and_calls(400)], RULES)
    assert sum(1 for _ in plain.contributions()) > 800
    assert looked <= 2 * 800


@pytest.mark.parametrize("seed", range(20))
def test_first_touches_are_the_least_of_all(seed):
    """For each moment the same as looking at every event."""
    from producers.events import wire

    rng, events = random.Random(seed), []
    for n in range(rng.randrange(12)):
        answered = START + timedelta(minutes=rng.randrange(40))
        started = answered - timedelta(minutes=rng.choice([0, 0, 3, 50_000]))
        end = answered + timedelta(minutes=rng.choice([-2, 0, 1, 5, 30, 50_000]))
        told = {"started_at": started.isoformat(), "answered_at": answered.isoformat()}
        told |= {"outcome": rng.choice(["answered", "missed"]), "direction": rng.choice(["inbound", "outbound"])}
        call = of("call.ended", n, end, call_id=f"c-{rng.randrange(9)}-{n}", **told)
        events.append(rng.choice([call, of("meeting.held", n, answered, meeting_id=f"mt-{n}")]))
    decoded = [wire.decode(encode(one)) for one in events]
    first = int(START.timestamp()) * 10**6
    created = [first + minute * 60 * 10**6 for minute in (-50_000, *range(42), 50_000)]

    def least(at: int) -> PlainTouch | None:
        found = [one for one in touches(at, decoded) if at <= one.at <= at + TOUCHED_WITHIN]
        return min(found, key=lambda touch: touch[:3], default=None)

    expected = {at: found for at in created if (found := least(at)) is not None}
    assert first_touches(created, decoded) == expected
