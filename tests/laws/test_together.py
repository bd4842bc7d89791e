"""Records that are decoded together give exactly what each gives alone: the same event, or the same refusal."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.errors import Refused
from producers.events import wire
from producers.events.rules import MAX_BYTES
from producers.events.units import us
from producers.events.wire import decoding
from streams.state.partition import Partition
from tests.contract.test_agreement import mutated, torn
from tests.support.folding import FAR_MS, LogRecord, everything, rules
from tests.support.strategies import any_events, encode

DEEP, MANY = 10_000, 5_000


def call(number: int, **more: Any) -> bytes:
    """A call's end."""
    time = more.pop("time", "2026-11-23T09:15:02Z")
    data = {"call_id": f"c-{number}", "client_id": f"cl-{number % 7}", "direction": "inbound", "outcome": "missed"}
    data["started_at"] = "2026-11-23T09:14:02Z"
    event = {"specversion": "1.0", "id": f"e-{number}", "source": "t://1", "type": "sales.call.ended.v1", "time": time}
    return json.dumps({**event, **more, "data": data}, ensure_ascii=False).encode()


def member(text: bytes) -> bytes:
    """A call with a member that nobody reads, as it is written."""
    return call(900).replace(b'"data"', b'"odd": %b, "data"' % text, 1)


def field(text: bytes) -> bytes:
    """A payment of an amount as it is written."""
    data = b'{"payment_id":"p","client_id":"cl-1","manager_id":"m","amount":%b,"currency":"RUB"}' % text
    return (
        b'{"specversion":"1.0","id":"p-1","source":"t://1","type":"sales.payment.received.v1",'
        b'"time":"2026-11-23T09:15:02Z","data":%b}' % data
    )


NUMBERS = [b"1e400", b"-1e400", b"-0", b"1E5", b"007", b"-", b"1.", b".5", b"NaN", b"Infinity"]
NUMBERS += [b"9" * MANY, b"0" * MANY]
ODD: list[bytes | None] = [
    None, b"", b" ", b"null", b"[]", b"{}", b'"x"', b"\xef\xbb\xbf" + call(901), call(902) + b",", call(903) + b" \n\t",
    call(904) + call(905), call(906) + b"\x00", call(907)[:-1], call(908)[:-1] + b",}", b"[" + call(909) + b"]",
    call(910).replace(b'"e-910"', b'"e-1", "id": "e-910"'), call(911, specversion="0.3"), call(912, type="sales.x.v1"),
    call(913, time="1999-01-01T00:00:00Z"), call(914, time="2026-11-23T09:15:02.1234567Z"),
    call(915, time="2026-11-23T23:59:59.9999999Z"), call(916, time="2026-11-23T09:15:02.000000" + "9" * 400 + "Z"),
    call(917, id="e.1234569"), call(918, id="я"), call(919, source="a b"), call(920, partitionkey="other"),
    call(921, sequence="1" * 65), call(922, pad="x" * MAX_BYTES), call(923, pad=" " * 600), call(924, pad="\u2028"),
    call(925).replace(b'"t://1"', b'"t://\\u0000"'), call(926).replace(b'"e-926"', b'"\\ud800"'),
    call(927).replace(b'"e-927"', b'"\\ud83d\\ude00"'), call(928).replace(b'"e-928"', b'"\xed\xa0\x80"'),
    call(929).replace(b"outcome", b"\\u006futcome"), call(930).replace(b"c-930", b"\xff"),
    *(member(one) for one in (*NUMBERS, b"[" * DEEP, b"[" * DEEP + b"]" * DEEP, b"[" * 300 + b"]" * 300, b'"\xff"')),
    *(field(one) for one in (*NUMBERS, b'"1250.00"', b'"-1"', b'"1e5"', b'"007"', b'"' + b"9" * MANY + b'"', b"true")),
]  # fmt: skip


def verdicts(records: Sequence[LogRecord], parts: Sequence[int]) -> tuple[Any, ...]:
    """What a partition makes of records that come in parts of such sizes, the last one again and again."""
    partition, refused, at = Partition(0, 1, rules()), [], 0
    for n in range(len(records)):
        size = parts[min(n, len(parts) - 1)]
        refused += partition.fold(records[at : at + size])
        at += size
    assert partition.fence == len(records) - 1
    told = [(one.record.offset, one.reason, one.detail) for one in refused]
    counts = partition.counts
    return told, counts.folded, counts.sources, counts.refused, counts.duplicates, counts.stale, everything(partition)


def alone(values: Sequence[bytes | None]) -> tuple[list[Any], list[int]]:
    """What the fast path says of each, and the time of that."""
    events = [decoding.fast(value, decoding._events) for value in values]
    return events, [us(event.time) if event else 0 for event in events]


def records_of(values: Sequence[bytes | None]) -> list[LogRecord]:
    return [LogRecord(n, b"cl-1", value, FAR_MS) for n, value in enumerate(values)]


@pytest.mark.parametrize("at", [0, 1, 98, 99, 100])
def test_each_odd_record_among_a_hundred_is_judged_as_alone(at: int) -> None:
    """At the first and last places of what is decoded at a time, and beside another odd one."""
    for odd in ODD:
        values: list[bytes | None] = [call(n) for n in range(101)]
        values[at] = odd
        for beside in (at, (at + 1) % 101):
            values[beside] = odd
            assert wire.decode_each(values) == alone(values)


@pytest.mark.parametrize("parts", [[100], [99, 1], [len(ODD)], [7]])
def test_odd_records_side_by_side_are_refused_as_alone(parts: list[int]) -> None:
    """The same reasons and details, and the same sums of what is between them."""
    values = [one for n, odd in enumerate(ODD) for one in (odd, call(n), odd)]
    records = records_of(values)
    wanted = verdicts(records, [1])
    assert {reason for _, reason, _ in wanted[0]} >= {
        "not_json", "not_cloudevents", "unknown_type", "invalid_data", "wrong_key", "too_large", "time_out_of_range",
    }  # fmt: skip
    assert verdicts(records, parts) == wanted
    told = []
    for value, record in zip(values, records, strict=True):
        try:
            wire.decode(value)
        except Refused as error:
            if len(value or b"") <= MAX_BYTES:
                told.append((record.offset, error.reason, error.detail))
    assert told == [one for one in wanted[0] if one[1] not in ("wrong_key", "too_large")]


VALUES = st.one_of(
    any_events().map(encode),
    mutated().map(lambda case: case[0]),
    torn().map(lambda case: case[0]),
    st.sampled_from(ODD),
)


@given(st.lists(VALUES, max_size=12), st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_any_records_together_are_what_each_is_alone(values: list[bytes | None], parts: list[int]) -> None:
    """Events, refusals and sums, however they are parted."""
    assert wire.decode_each(values) == alone(values)
    records = records_of(values)
    assert verdicts(records, parts) == verdicts(records, [1])
