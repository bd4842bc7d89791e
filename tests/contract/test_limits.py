"""The size of a record is one limit on every way: key, value and headers together."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from producers.errors import Refused
from producers.events import MAX_BYTES, intake
from producers.gateway.reading import body
from producers.importer.check import check
from producers.publisher import CONTENT_TYPE
from streams.plain.placed import PlainPlaces
from streams.plain.reference import PlainReference
from streams.state.partition import Partition
from tests.support.folding import FAR_MS, LogRecord, rules

EVENT = {
    "specversion": "1.0", "id": "m-1", "source": "crm://a", "type": "sales.meeting.held.v1",
    "time": "2026-11-23T09:15:02Z", "data": {"meeting_id": "m-1", "client_id": "cl-7", "manager_id": "m-3"},
}  # fmt: skip
RATE = EVENT | {"type": "sales.rate.set.v1", "data": {"currency": "USD", "date": "2026-11-23", "rate": "92.5"}}
KEYS = {"cl-7": EVENT, "rate:USD:2026-11-23": RATE}
HEADERS: list[Any] = [
    [*CONTENT_TYPE],
    [],
    [("null", None), ("и", b"\xff")],
    [(f"h{n}", b"x" * 100) for n in range(1000)],
    [("x" * 200_000, b"y")],
]


def padded(event: dict[str, Any], size: int) -> bytes:
    """The event with an unknown member that makes it as long as that."""
    value = json.dumps(event | {"pad": ""}).encode()
    return json.dumps(event | {"pad": "x" * (size - len(value))}).encode()


def reason(take: Callable[[], Any]) -> str:
    try:
        take()
    except Refused as refused:
        return refused.reason
    return ""


@pytest.mark.parametrize("headers", HEADERS, ids=range(len(HEADERS)))
@pytest.mark.parametrize(("over", "expected"), [(0, ""), (1, "too_large")])
@pytest.mark.parametrize("key", KEYS)
def test_whoever_reads(key: str, headers: Any, over: int, expected: str) -> None:
    """Worker, oracle and reference judge a record at the border alike, whatever it is made of."""
    raw, reference = key.encode(), key.startswith("rate")
    value = padded(KEYS[key], MAX_BYTES - intake.record_size(raw, None, headers) + over)
    record = LogRecord(0, raw, value, FAR_MS, tuple(headers))
    if reference:
        assert reason(lambda: intake.check_reference(record)) == expected
        held = PlainReference("RUB")
        held.take_record(record)
        assert bool(held.held) is (not expected)
        return
    assert reason(lambda: intake.check(record)) == expected
    assert reason(lambda: PlainPlaces(0, 1).judge(record)) == expected
    refused = Partition(0, 1, rules()).fold([record])
    assert [one.reason for one in refused] == ([expected] if expected else [])


@pytest.mark.parametrize(("over", "expected"), [(0, ""), (1, "too_large")])
@pytest.mark.parametrize("key", KEYS)
def test_whoever_sends(key: str, over: int, expected: str) -> None:
    """Ways in count the key and the header that the publisher adds: what they take, no worker refuses."""
    value = padded(KEYS[key], MAX_BYTES - intake.record_size(key.encode(), None, CONTENT_TYPE) + over)
    assert reason(lambda: check(value, FAR_MS)) == expected
    found = body.read(body.split({"content-type": "application/cloudevents+json"}, value), FAR_MS)
    assert [problem.reason for problem in found.problems] == ([expected] if expected else [])
    assert len(found.records) == 1 - over
