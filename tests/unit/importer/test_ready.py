"""Events judged and decided many at once: as each by itself, or not at all."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.errors import Refused
from producers.events import CallEnded
from producers.events.wire import decode, decode_made
from producers.importer.check import check, check_made
from producers.importer.corrections import Corrections
from producers.importer.entities import item
from producers.importer.known import Known
from producers.importer.ready import ReadyEvent, ReadyMany, ready_many
from tests.support.strategies import events

NOW = 1_900_000_000_000
ODD = [
    b'{"a":1}', b"{}", b'{"specversion":"1.0","type":"sales.rate.set.v1"}', b"", b"[]", b"\xff", b"{} ,{}",
    b'{"x":"' + b"a" * 600 + b'"}', b'{"time":"2026-11-23T09:15:02.1234567Z"}',
]  # fmt: skip
VALUES = st.lists(events().map(msgspec.json.encode), max_size=6)


def alone(judge, values):
    """What is made of each by itself; None where one is refused."""
    try:
        return [judge(value) for value in values]
    except Refused:
        return None


@given(VALUES, st.sampled_from([None, *ODD]), st.integers(0, 6))
def test_decoded_together(values, odd, place):
    """Many values are the events that each of them is; with one that is none, nothing is."""
    if odd is not None:
        values = [*values[:place], odd, *values[place:]]
    together = decode_made(values)
    assert together is None or together == alone(decode, values)
    if all(value.isascii() and len(value) < 500 for value in values) and values and b"." not in b"".join(values):
        assert (together is None) == (alone(decode, values) is None)


@given(VALUES)
def test_columns_of_events(values):
    """What many events are compared by is what each of them is compared by; there and back nothing changes."""
    found = [decode(value) for value in values]
    ready = [ReadyEvent(event.key.encode(), value, item(event)) for event, value in zip(found, values, strict=True)]
    by_type = {}
    for event, value, one in zip(found, values, ready, strict=True):
        by_type.setdefault(event.type, []).append((value, event, one))
    for some in by_type.values():
        assert list(ready_many(*zip(*[(v, e) for v, e, _ in some], strict=True)).singly()) == [r for *_, r in some]
    assert ready_many(values, found) == ReadyMany.of(ready)


def call(number, **change):
    return CallEnded.of(**{
        "source": "pbx://x", "time": "2026-11-23T09:15:02Z", "id": f"e-{number}", "call_id": f"c-{number}",
        "client_id": "k", "direction": "inbound", "outcome": "missed", "started_at": "2026-11-23T09:14:02Z",
    } | change)  # fmt: skip


@pytest.mark.parametrize("change", [
    {}, {"time": "2099-01-01T00:00:00Z"}, {"partitionkey": "other"}, {"partitionkey": "k"},
    {"time": "1999-01-01T00:00:00Z", "started_at": "1999-01-01T00:00:00Z"},
    {"started_at": "2026-11-23T10:14:02Z"},
])  # fmt: skip
def test_what_is_looked_at_by_itself(change):
    """What one of many is refused for alone keeps the many from being taken unlooked."""
    values = [call(0).to_json(), _as_it_is(change), call(2).to_json()]
    found = check_made(values, NOW)
    if alone(lambda value: check(value, NOW), values) is None:
        assert found is None
    elif not change:
        assert [event.id for event in found] == ["e-0", "e-1", "e-2"]


def _as_it_is(change):
    """An event that a model might not let pass."""
    value = call(1).to_json()
    for name, was in (("time", "2026-11-23T09:15:02Z"), ("started_at", "2026-11-23T09:14:02Z")):
        if name in change:
            value = value.replace(f'"{name}":"{was}"'.encode(), f'"{name}":"{change[name]}"'.encode())
    if "partitionkey" in change:
        value = value[:-1] + b',"partitionkey":"%b"}' % change["partitionkey"].encode()
    return value


@given(st.lists(st.integers(0, 12), max_size=30), st.integers(1, 9), st.integers(1, 9))
def test_decided_together(numbers, size, other):
    """What is sent, known or waits does not hang on how many events are decided about at once."""
    told = []
    for step in (size, other, 1):
        with Known(None, gathered=7) as known:
            run = known.begin()
            corrections, sent, counts = Corrections(known, run, None), [], None
            for begin in range(0, len(numbers), step):
                values = [call(number % 10, id=f"e-{number}").to_json() for number in numbers[begin : begin + step]]
                decided = corrections.decide(ready_many(values, [decode(value) for value in values]))
                known.save(decided, run)
                if known.is_full:
                    known.flush()
                sent += decided.events
                counts = decided.counts if counts is None else counts + decided.counts
            known.flush()
            told.append((sent, counts, len(known)))
    assert told[0] == told[1] == told[2]
