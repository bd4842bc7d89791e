"""The fast path and the models are one contract: same verdicts, same values."""

import json
from datetime import datetime
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.errors import Refused
from producers.events import REFERENCE_TYPES, parse, wire
from producers.events.units import us
from producers.events.wire import decoding, judging
from tests.support.strategies import Json, any_events, encode


def fast_alone(value: bytes, *, reference: bool) -> Any:
    """The fast path's own event, or None where it hands over to the models."""
    return decoding.fast(value, decoding._references if reference else decoding._events)


def agree(value: bytes, *, reference: bool) -> bool:
    """Check that both paths say the same; return whether they accept."""
    fast = fast_alone(value, reference=reference)
    try:
        model = parse(value, reference=reference)
    except Refused:
        assert fast is None
        return False
    judged = judging.judge(value, reference=reference)
    decoded = (wire.decode_reference if reference else wire.decode)(value)
    assert judged == decoded
    if fast is not None:
        assert fast == judged
    data = get_type_hints(type(decoded))["data"]
    for name in data.__struct_fields__:
        ours, theirs = getattr(decoded.data, name), getattr(model.data, name)
        if isinstance(ours, list):
            ours, theirs = msgspec.to_builtins(ours), [one.model_dump() for one in theirs]
        assert ours == theirs
        assert type(ours) is type(theirs) or isinstance(ours, datetime)
    assert decoded.key == model.key
    return True


@given(any_events())
def test_valid_events_take_the_fast_path(event: Json):
    """Every valid event is accepted by both, with equal values, and never needs the slow path."""
    reference = event["type"] in REFERENCE_TYPES
    assert agree(encode(event), reference=reference)
    assert fast_alone(encode(event), reference=reference) is not None
    assert not agree(encode(event), reference=not reference)


ODD_VALUES: list[Any] = [
    None, True, False, 0, 1, 5, 5.0, 5.5, -1, 10**30, 1e300, "", " ", "a" * 128, "a" * 129, "я" * 128, "9" * 64,
    "😀" * 64, "9" * 65, "a" * 256, "я" * 256, "a" * 257, "a" * 64 + "é", "\x00",
    "1250", "1250.", ".5", "1e3", "-1", "+1", "01", "0", "0.00000", "1.23456", "1" * 18, "1" * 19, "١٢", "1\n",
    "RUB", "rub", "RUBL", "РУБ", "open", "won", "lost", "manager", "client", "answered", "hot", "inbound",
    "2026-11-23T09:15:02Z", "2026-11-23t09:15:02.9999999z", "2026-11-23 09:15:02+03:00", "2026-11-23",
    "2026-11-23T09:15:02", "2026-02-30T00:00:00Z", "1999-12-31T23:59:59Z", "1999-12-31T23:59:59-01:00",
    "2026-11-23T09:15:02.0000005Z", "2026-11-23T23:59:59.99999999999Z", "2026-11-23T09:15:60Z",
    "2026-11-23T24:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-11-23T09:15:02+0300",
    "2026-11-23T09:15:02+24:00", "9998-12-31T23:59:59-23:59", "2026-11-23T09:15:02,5Z", "２026-11-23T09:15:02Z",
    "company", "team:", "team:x", "manager:m:1", "2026-13", "2026-00", "2026-Q5", "2026-Q1", "1999", "2026-11-31",
    "pbx://spb", "a b", "%zz", "1a:b", "портал://x", "1.0", "1.1", "sales.deal.changed.v1", "sales.plan.set.v1",
    [], {}, [1], {"a": 1}, [[[]]],
]  # fmt: skip
ODD = st.sampled_from(ODD_VALUES)
SCALARS = st.one_of(ODD, st.text(max_size=6), st.floats(allow_nan=False), st.integers())


@st.composite
def mutated(draw: st.DrawFn) -> tuple[bytes, bool]:
    """A valid event with some members changed, removed or added, in the envelope or in data."""
    event = draw(any_events())
    reference = event["type"] in REFERENCE_TYPES
    for _ in range(draw(st.integers(1, 3))):
        target = event["data"] if draw(st.integers(0, 3)) and isinstance(event.get("data"), dict) else event
        names = [*target, "subject", "partitionkey", "sequence", "team_id", "cost", "probability", "unknown"]
        name = draw(st.sampled_from(names))
        if draw(st.integers(0, 3)):
            target[name] = draw(SCALARS)
        else:
            target.pop(name, None)
    return json.dumps(event, ensure_ascii=draw(st.booleans())).encode(), reference


PLAIN = (
    b'{"specversion":"1.0","id":"e-1","source":"t://1","type":"sales.call.ended.v1","time":"2026-11-23T09:15:02.5Z","data":'
    b'{"call_id":"1","client_id":"c","direction":"inbound","outcome":"missed","started_at":"2026-11-23T09:14:02Z"}}'
)


@pytest.mark.parametrize(
    ("what", "instead", "is_taken"),
    [
        (b"02.5Z", b"02.9999999Z", True),
        (b"02.5Z", b"02.123456Z", True),
        (b"2026-11-23T09:14:02Z", b"2026-11-23T10:14:02Z", False),
        (b"t://1", b"a b", False),
        (b"2026-11-23T09:15", b"1999-11-23T09:15", False),
        (b'"1"', '"я"'.encode(), True),
        (b'"outcome"', b'"unknown":"\xff","outcome"', False),
        (b'"outcome"', b'"unknown":%b,"outcome"' % (b"[" * 300 + b"]" * 300), False),
        (PLAIN, b"{", False),
        (PLAIN, b"", False),
        (PLAIN, None, False),
    ],
)
def test_many_are_decoded_as_each_is(what: bytes, instead: bytes | None, is_taken: bool):
    """What is asked of all of them at once says of each what is asked of it alone."""
    odd = instead if what == PLAIN else PLAIN.replace(what, instead or b"")
    alone = [decoding.fast(value, decoding._events) for value in (PLAIN, odd, PLAIN)]
    assert [one is not None for one in alone] == [True, is_taken, True]
    times = [us(event.time) if event else 0 for event in alone]
    assert decoding.decode_each([PLAIN, odd, PLAIN]) == (alone, times)
    assert decoding.decode_each([]) == ([], [])


@given(mutated())
def test_mutated_events_get_one_verdict(case: tuple[bytes, bool]):
    """A wrong member is wrong for both paths, an odd but right one right for both."""
    agree(case[0], reference=case[1])


@st.composite
def torn(draw: st.DrawFn) -> tuple[bytes, bool]:
    """A valid event whose bytes are cut, doubled or overwritten somewhere."""
    event = draw(any_events())
    event["extra"] = draw(st.sampled_from(["x", {"a": [1, {"b": "ю"}]}, 1.5, "\u2028"]))
    value = bytearray(json.dumps(event, ensure_ascii=draw(st.booleans())).encode())
    for _ in range(draw(st.integers(1, 2))):
        start = draw(st.integers(0, len(value)))
        end = draw(st.integers(start, min(len(value), start + 4)))
        value[start:end] = draw(
            st.one_of(
                st.binary(max_size=3),
                st.sampled_from(
                    [
                        b"\\ud800",
                        b"\\u00e9",
                        b"\\x",
                        b"NaN",
                        b"1e999",
                        b"01",
                        b"\xff",
                        b"\xed\xa0\x80",
                        b'"',
                        b"}",
                        b",",
                    ]
                ),
            )
        )
    return bytes(value), event["type"] in REFERENCE_TYPES


@given(torn())
def test_torn_events_get_one_verdict(case: tuple[bytes, bool]):
    """Broken bytes are broken for both paths, also inside members that nobody reads."""
    agree(case[0], reference=case[1])


@given(st.lists(st.tuples(st.sampled_from(["type", "id", "time", "data", "x"]), ODD), max_size=4), any_events())
def test_doubled_members_get_one_verdict(doubles: list[tuple[str, Any]], event: Json):
    """Of a name that stands twice the last counts, for both paths."""
    reference = event["type"] in REFERENCE_TYPES
    members = [*doubles[:2], *event.items(), *doubles[2:]]
    value = "{" + ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in members) + "}"
    agree(value.encode(), reference=reference)


@given(any_events())
def test_encoding_is_the_inverse_of_decoding(event: Json):
    """Decode, encode, decode: the same event; the model's JSON too."""
    reference = event["type"] in REFERENCE_TYPES
    decode = wire.decode_reference if reference else wire.decode
    decoded = decode(encode(event))
    assert decode(wire.encode(decoded)) == decoded
    assert decode(parse(encode(event)).to_json()) == decoded


@given(any_events(), st.integers(0, 10**12 - 1), st.integers(6, 12))
def test_finer_fractions_are_cut_on_the_fast_path(event: Json, fraction: int, digits: int):
    """Nanoseconds (Go and Java write them) neither round up nor cost the slow path, unless the name is disguised."""
    reference = event["type"] in REFERENCE_TYPES
    event["time"] = f"2026-12-31T23:59:59.{fraction:012}"[: 20 + digits] + "Z"
    event["id"] = f"at-2026-12-31T23:59:59.{fraction:012}Z"
    value = encode(event)
    if agree(value, reference=reference):
        decoded = (wire.decode_reference if reference else wire.decode)(value)
        assert decoded.id == event["id"]
        assert decoded.time.microsecond == fraction // 10**6
    agree(value.replace(b'"time"', b'"\\u0074ime"'), reference=reference)
    agree(value.replace(b"23:59:59.", b"23:59\\u003a59."), reference=reference)
