"""Until when an entity is remembered: to the last moment that it counts at, in the fold and in the plain definition."""

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from producers.events import EVENT_TYPES, wire
from streams.plain import client, recompute
from streams.plain.leads import RECALLED
from streams.plain.parts import parts
from streams.plain.rules import KEPT_DAYS
from tests.laws.mixtures import KINDS, Json, encode, event
from tests.laws.replay import plain_rules, records, replay

ZONE = ZoneInfo("UTC")
COUNTS_NOWHERE = {"started_at", "issued_at"}
"""Moments that only say how long something took: nothing counts at them."""
MOMENTS = {
    (type_, name)
    for type_, model in EVENT_TYPES.items()
    if model.entity is not None
    for name in model.model_fields["data"].annotation.times
}
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
KEPT = (timedelta(days=KEPT_DAYS), timedelta(days=KEPT_DAYS, microseconds=RECALLED))
"""For how long an entity is known that counts by itself, and one that says how others count."""


def test_the_plain_definition_knows_every_moment():
    """A field of a kind `Moment` is one that something counts at, or is named above."""
    found = {name for _, name in MOMENTS}
    assert found == {*client.COUNTED_AT, *COUNTS_NOWHERE}, "see COUNTED_AT in streams/plain/client.py"


def _log(kind: str, name: str, random: Random, kept: timedelta) -> list[Json]:
    """An entity that speaks of the day after its event; its client again once that day is past; an old version."""
    before, after = MIDNIGHT - timedelta(minutes=4), MIDNIGHT + timedelta(minutes=4)
    first, old = (event(KINDS.index(kind), 0, 0, 0, random.randrange(2**50)) for _ in range(2))
    first |= {"id": "1", "sequence": "1", "time": before.isoformat()}
    first["data"] |= {at: before.isoformat() for at in EVENT_TYPES[first["type"]].model_fields["data"].annotation.times}
    first["data"][name] = after.isoformat()
    now = (after + kept).isoformat()
    old |= {"id": "0", "sequence": "0", "time": now}
    old["data"] |= dict.fromkeys(old["data"].keys() & {one for _, one in MOMENTS}, now)
    return [first, event(KINDS.index("meeting.held"), 2, 0, 0, 0) | {"id": "2", "time": now}, old]


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize(("type_", "name"), sorted(MOMENTS))
def test_both_forget_it_on_the_same_day(type_: str, name: str, kept: timedelta):
    """On the last day that it is known, whatever it says besides: what it added stays, and an old version is stale."""
    random = Random(1)
    for _ in range(20):
        log = _log(type_.removeprefix("sales.").removesuffix(".v1"), name, random, kept)
        for told in (log[:2], log):
            _, mirror = replay(records(told), ZONE, [30])
            plain = recompute((wire.decode(encode(one)) for one in told), plain_rules(ZONE))
            assert mirror.parts == parts(plain), told
