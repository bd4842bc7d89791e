"""The law of clients nobody answered: in any order of calls, corrected, late, repeated, numbers are the plain ones.

One or two clients with calls and meetings whose times meet, leads between them that change and are deleted, chats in
log order, days apart and weeks; restarts in between, both stores, pages that are split.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.view import decode_part, parse_field
from producers.events import wire
from streams.plain import PlainPartition, recompute
from streams.plain.listed import still_listed
from streams.plain.parts import Parts, parts
from tests.laws.mixtures import Choices, Json, key_of
from tests.laws.replay import fold_rules, plain_rules
from tests.laws.test_streamed import LAW
from tests.support.folding import LogRecord
from tests.support.stored import STORES, StoredPartition

_START = datetime(2026, 10, 20, 8, tzinfo=UTC)
_STARTS = (_START, *(datetime(*day, 8, tzinfo=UTC) for day in ((2026, 9, 24), (2027, 3, 10), (2027, 3, 25))))
"""Days before clocks go back, or forward, in one of the zones."""
_DAYS = (0, 0, 0, 0, 1, 1, 2, 3, 6, 15, 16, 31, 45, 799, 820, 835, 870)
_MINUTES = (0, 1, 2, 5, 19, 20, 21, 60, 600, 1000)
_LASTED = (3, 6, 60, 300, 4000, 86_400, 20 * 86_400, -300)
"""Seconds from the start of a call to its end; it may overlap others, or (by mistake) end first."""
_KINDS = (*("call.ended",) * 8, *("lead.changed",) * 3, *("chat.message",) * 2, "meeting.held", "lead.deleted")
_RINGING = ("call.started", "call.answered")


def event(
    number: int, kind: str, entity: int, day: int, minute: int, seed: int, padding: str = "", start: datetime = _START
) -> Json:
    """Spell out one event. Two clients, one of whom nobody can call."""
    choose = Choices(seed)
    client = choose.of("cl-1", "cl-1", "cl-1", "cl-1", "anonymous:1")
    time = start + timedelta(days=_DAYS[day], minutes=_MINUTES[minute], seconds=choose.of(0, 0, 30))
    found: Json = {"specversion": "1.0", "source": "pbx://a", "type": f"sales.{kind}.v1", "time": time.isoformat()}
    found["id"] = choose.of(f"e-{number}", f"e-{number}", f"e-{number}", "e-0")
    if (sequence := choose.of(None, None, "1", "2")) is not None:
        found["sequence"] = sequence
    entity_id = f"{client[0]}-{entity}{padding}"
    staff = {"manager_id": choose.of("m-1", "m-2"), **choose.of({"team_id": "t-1"}, {}, {"team_id": "t-2"})}
    return found | {"data": {"client_id": client} | _data(kind, entity_id, time, staff, choose)}


def _data(kind: str, entity: str, time: datetime, staff: Json, choose: Choices) -> Json:  # noqa: PLR0911 - a table
    def before(*seconds: int) -> str:
        return str((time - timedelta(seconds=choose.of(*seconds))).isoformat())

    match kind:
        case "call.ended":
            direction, outcome = choose.of(
                ("inbound", "missed"), ("inbound", "missed"), ("inbound", "abandoned"), ("inbound", "answered"),
                ("outbound", "missed"), ("outbound", "answered"), ("outbound", "failed"), ("inbound", "busy"),
            )  # fmt: skip
            data = {"call_id": entity, "direction": direction, "outcome": outcome, "started_at": before(*_LASTED)}
            answered = {"answered_at": before(0, 3, 60, 300, -300)} if outcome == "answered" else {}
            return data | choose.of(answered, answered, {}) | choose.of(staff, staff, {})
        case "call.started":
            return {"call_id": entity, "direction": choose.of("inbound", "outbound"), **staff}
        case "call.answered":
            return {"call_id": entity, **staff}
        case "lead.changed":
            made = {"lead_id": entity, **staff, "temperature": choose.of("cold", "warm")}
            status = choose.of({}, {}, {"status": "open"}, {"status": "converted"}, {"status": "lost"})
            return {**made, **status, "created_at": before(0, 60, 300, 4000, 86_400, 29 * 86_400, -300)}
        case "lead.deleted":
            return {"lead_id": entity}
        case "chat.message":
            return {"chat_id": entity[:4], "author": choose.of("manager", "manager", "client", "bot"), **staff}
        case _:
            return {"meeting_id": entity, **staff}


def _records(mixture: list[Json]) -> list[LogRecord]:
    return [LogRecord(offset, key_of(one).encode(), json.dumps(one).encode()) for offset, one in enumerate(mixture)]


def _plain(mixture: list[Json], zone: ZoneInfo) -> PlainPartition:
    return recompute((wire.decode(json.dumps(one).encode()) for one in mixture), plain_rules(zone))


def _held(stored: StoredPartition) -> tuple[Parts, list[Any]]:
    """All cells, and what is listed."""
    found: Parts = {}
    listed: list[Any] = []
    for update in stored.partition.everything():
        for (kind, bucket), fields in update.cells.items():
            for raw, payload in fields.items():
                name = parse_field(raw)
                if payload is not None:
                    found[kind, bucket, name.manager, name.team] = decode_part(payload)
        listed = listed if update.unanswered is None else update.unanswered
    return found, sorted(listed)


def _agrees(mixture: list[Json], zone: ZoneInfo, store: str, steps: list[int]) -> None:
    """Folded in batches, with cuts and restarts in between."""
    records, expected = _records(mixture), _plain(mixture, zone)
    with TemporaryDirectory() as folder:
        stored = StoredPartition(store, Path(folder), fold_rules(zone))
        for turn in range(len(records)):
            stored.fold(records[turn : turn + 1])
            match steps[turn % len(steps)]:
                case 1:
                    stored.cut()
                case 2:
                    stored.cut()
                    stored.restart()
                case 3:
                    stored.partition.view()
                case _:
                    pass
        assert _held(stored) == (parts(expected), still_listed(expected.open_things(), expected.time, expected.rules))
        stored.cut()
        stored.restart()
        assert _held(stored) == (parts(expected), still_listed(expected.open_things(), expected.time, expected.rules))
        stored.store.close()


_ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Chatham")


def _mixture(random: Random, kinds: tuple[str, ...], days: int) -> list[Json]:
    """Many events, or few; of one client, or two; near each other, or not. Long ids split a client's page."""
    within, entities, padding = random.randint(2, days), random.choice([1, 2, 3, 5]), random.choice(["", "", "x" * 110])
    mixture, start = [], random.choice(_STARTS)
    for number in range(random.randint(3, 45)):
        where = random.randrange(entities), random.randrange(within), random.randrange(len(_MINUTES))
        mixture.append(event(number, random.choice(kinds), *where, random.randrange(2**40), padding, start))
    if random.random() < 0.5:  # else sequences decide nearly all versions
        for one in mixture:
            one.pop("sequence", None)
    return mixture


def _law(seed: int, store: str) -> None:
    # Drawn by a seed: what must meet here is found by Hypothesis far too seldom, and is not made smaller by it.
    random = Random(seed)
    mixture, zone = _mixture(random, (*_KINDS, *_RINGING), len(_DAYS)), ZoneInfo(random.choice(_ZONES))
    _agrees(mixture, zone, store, [random.randrange(4) for _ in range(random.randint(1, 5))])


@settings(LAW, max_examples=120)
@given(st.integers(0, 2**48))
def test_any_order_is_plain(seed: int) -> None:
    """Calls, leads, meetings and messages in any order, corrections and deletions among them."""
    _law(seed, "memory")


@settings(LAW, max_examples=6)
@given(st.integers(0, 2**48))
def test_from_disk_too(seed: int) -> None:
    """The same with the store on disk."""
    _law(seed, STORES[1])


@settings(LAW, max_examples=60)
@given(st.integers(0, 2**48))
def test_order_of_calls_does_not_matter(seed: int) -> None:
    """Within what is kept, calls and meetings make the same of misses and of a lead, whichever comes first."""
    random = Random(seed)
    mixture = _mixture(random, (*("call.ended",) * 4, "meeting.held"), 12)
    for number, one in enumerate(mixture):
        one["id"] = f"e-{number}"
    events = [event(99, "lead.changed", 0, 0, 3, 0) | {"id": "e-99"}, *mixture]
    told = []
    for order in (events, random.sample(events, len(events))):
        with TemporaryDirectory() as folder:
            stored = StoredPartition("memory", Path(folder), fold_rules(ZoneInfo("Europe/Berlin")))
            stored.fold(_records(order))
            told.append(_held(stored))
    assert told[0] == told[1]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(LAW, max_examples=20_000)
@given(st.integers(0, 2**48))
def test_any_order_is_plain_at_length(seed: int) -> None:
    """Many more, by hand."""
    _law(seed, "memory")
