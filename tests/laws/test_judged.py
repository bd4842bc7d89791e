"""Fold and plain definition come to the same verdict on any record, whatever its headers, key, clock and mode."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from producers.errors import Refused
from producers.events import wire
from producers.events.intake import decode
from streams.plain.placed import COUNTED_BEFORE, COUNTS, FORWARDED, PlainPlaces
from streams.state.counts import PartitionCounts
from streams.state.forwarding import digest
from streams.state.partition import Partition
from tests.laws.test_streamed import LAW
from tests.support.binary import binary
from tests.support.folding import FAR_MS, LogRecord, rules
from tests.support.strategies import Json, encode, events

COUNT = 3
NUMBERS = [b"0", b"1", b"2", b"3", b"7", b"007", b"9223372036854775807", b"9" * 20, b"-1", b"+1", b" 1", b"", b"x",
           "١".encode(), None]  # fmt: skip
ODD = ["", " ", "0.3", "1.0", "x y", "\0", "\ud7ff", '"', "\\", "сделка", "2026-11-23", "x" * 300, '{"a":1}']
marks = st.lists(
    st.tuples(
        st.sampled_from(["forwarded-partition", "forwarded-offset", "forwarded-partitions"]), st.sampled_from(NUMBERS)
    ),
    max_size=4,
)
numbered = st.tuples(st.integers(0, COUNT), st.integers(0, 5)).map(
    lambda at: [("forwarded-partition", b"%d" % at[0]), ("forwarded-offset", b"%d" % at[1])]
)
others = st.lists(
    st.tuples(st.sampled_from(["content-type", "ce_specversion", "ce_id", "ce_x", "traceparent", "ce_data"]),
              st.sampled_from([b"1.0", b"application/cloudevents+json", b"application/json", b"x", b"\xff", None])),
    max_size=2,
)  # fmt: skip


@st.composite
def records(draw: st.DrawFn) -> LogRecord:
    """One record; a digest of its own or of another."""
    event = draw(events())
    value, headers = binary(event) if draw(st.booleans()) else (encode(event), ())
    value = draw(st.sampled_from([value, value, value, value[:-1], b"", None]))
    found = [*headers, *draw(others), *draw(st.one_of(st.just([]), numbered, numbered, marks))]
    told = draw(st.sampled_from([None, None, digest(value, found), b"0"]))
    if told is not None:
        found.append(("forwarded-digest", told))
    key = draw(st.sampled_from([None, b"", event["data"].get("client_id", "x").encode(), b"x"]))
    return LogRecord(0, key, value, draw(st.sampled_from([FAR_MS, FAR_MS, 0, -1, 1_780_000_000_000])), tuple(found))


def _folded(partition: Partition, record: LogRecord) -> str:
    refused = partition.fold([record])
    counts, partition.counts = partition.counts, PartitionCounts()
    if refused:
        return refused[0].reason
    if counts.forwarded:
        return FORWARDED
    return COUNTS if sum(counts.sources.values()) else COUNTED_BEFORE


def _plainly(places: PlainPlaces, record: LogRecord) -> str:
    try:
        return places.judge(record).verdict
    except Refused as refused:
        return refused.reason


@settings(LAW, max_examples=200)
@given(st.lists(records(), min_size=1, max_size=12), st.integers(0, COUNT - 1))
def test_judged_alike(log: list[LogRecord], number: int) -> None:
    """PartitionCounts, is forwarded, counted before, or is refused for the same reason."""
    partition, places = Partition(number, COUNT, rules()), PlainPlaces(number, COUNT)
    for offset, one in enumerate(log):
        record = LogRecord(offset, *[getattr(one, name) for name in ("key", "value", "timestamp", "headers")])
        assert _folded(partition, record) == _plainly(places, record)


def _verdict(record: LogRecord) -> tuple[str, Any]:
    try:
        return "", decode(record)
    except Refused as refused:
        return refused.reason, None


@settings(LAW, max_examples=250)
@given(events(), st.sampled_from(["", *wire.Envelope.__struct_fields__, "type"]), st.sampled_from(ODD))
def test_binary_mode_means_the_same(event: Json, attribute: str, odd: str) -> None:
    """Any event, and one with an odd attribute, is read, or refused for the same reason, in both modes."""
    if attribute:
        event = event | {attribute: odd}
    value, headers = binary(event)
    structured = LogRecord(0, None, json.dumps(event).encode(), FAR_MS)
    assert _verdict(LogRecord(0, None, value, FAR_MS, headers)) == _verdict(structured)


@settings(LAW, max_examples=150)
@given(events(), st.sampled_from([b', "sequence": "9"', b"}", b' {"a": 1}', b",", b"\0"]), st.booleans())
def test_data_cannot_add_attributes(event: Json, more: bytes, is_before: bool) -> None:
    """What is no single JSON value is refused, and never read as members of the event."""
    value, headers = binary(event)
    record = LogRecord(0, None, more + value if is_before else value + more, FAR_MS, headers)
    assert _verdict(record) == ("not_json", None)
