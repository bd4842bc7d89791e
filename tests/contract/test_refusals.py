"""Every reason of the contract, on the corpus of bad input, with the field named."""

# ruff: noqa: E501 - a table reads best with one case a line

import json
from pathlib import Path
from typing import Any

import pytest

from producers.errors import Refused
from producers.events import REASONS, intake, parse, wire
from producers.events.binary import Headers
from tests.support.folding import LogRecord

EXAMPLES = [line.encode() for line in (Path(__file__).parent / "example-events.jsonl").read_text().splitlines()]
CALL, DEAL, WON, PAYMENT, PLAN = (EXAMPLES[n] for n in (0, 3, 4, 5, 6))


def changed(value: bytes, data: dict[str, Any] | None = None, **envelope: Any) -> bytes:
    """The event with members set; `...` takes one out."""
    event = json.loads(value)
    for target, changes in ((event, envelope), (event["data"], data or {})):
        for name, new in changes.items():
            if new is ...:
                del target[name]
            else:
                target[name] = new
    return json.dumps(event).encode()


def typed(kind: str, **data: Any) -> bytes:
    """An event of a type that the example file lacks."""
    return changed(CALL, type=f"sales.{kind}.v1", data=data)


STAFF = {"client_id": "cl-1", "manager_id": "m-1"}
MONEY = {"amount": "1.00", "currency": "RUB"}

NOT_JSON = [
    None, b"", b" ", b"{", CALL[:-1], CALL + b"x", CALL + b"\x00", b"\xef\xbb\xbf" + CALL, CALL.decode().encode("utf-16"),
    CALL.replace(b'"data"', b'"x":NaN,"data"'), CALL.replace(b'"data"', b'"x":Infinity,"data"'),
    CALL.replace(b'"data"', b'"x":"\xff","data"'), CALL.replace(b'"data"', b'"x":"\xed\xa0\x80","data"'),
    CALL.replace(b'"data"', b'"x":"\\ud800","data"'), CALL.replace(b'"data"', b'"x":01,"data"'),
    CALL.replace(b'"data"', b'"x":[1,],"data"'), CALL.replace(b"cl-7", b"\xc0\xaf"), b"'a'", b"{'a':1}",
    b"[" * 262_144, b'{"a":' * 50_000, CALL.replace(b'"data"', b'"x":' + b"[" * 5000 + b"]" * 5000 + b',"data"'),
    b'"' + b'\\"' * 100_000, CALL.replace(b"cl-7", b"cl\n7"), b"\x1f\x8b\x08\x00",
]  # fmt: skip


@pytest.mark.parametrize("value", NOT_JSON, ids=range(len(NOT_JSON)))
def test_not_json(value: bytes | None):
    """What is no JSON text in UTF-8 is refused as such, whatever its size and depth."""
    with pytest.raises(Refused) as refused:
        wire.decode(value)
    assert refused.value.reason == "not_json"


NOT_CLOUDEVENTS = [
    (b"null", "object"), (b"[]", "object"), (b"5", "object"), (b'"x"', "object"), (b"{}", "specversion"),
    (changed(CALL, specversion=...), "specversion"), (changed(CALL, specversion="0.3"), "specversion"),
    (changed(CALL, specversion=1.0), "specversion"), (changed(CALL, id=...), "id"), (changed(CALL, id=""), "id"),
    (changed(CALL, id=5), "id"), (changed(CALL, id=None), "id"), (changed(CALL, source=...), "source"),
    (changed(CALL, source=""), "source"), (changed(CALL, source="a b"), "source"),
    (changed(CALL, source="портал"), "source"), (changed(CALL, type=...), "type"), (changed(CALL, type=""), "type"),
    (changed(CALL, type=None), "type"), (changed(CALL, type=["x"]), "type"), (changed(CALL, time=...), "time"),
    (changed(CALL, time="2026-11-23"), "time"), (changed(CALL, time="2026-11-23T09:15:02"), "time"),
    (changed(CALL, time="2026-02-30T09:15:02Z"), "time"), (changed(CALL, time=1795680000), "time"),
    (changed(CALL, time="2026-11-23T25:00:00Z"), "time"), (changed(CALL, sequence=1), "sequence"),
    (changed(CALL, subject=1), "subject"), (changed(CALL, partitionkey=1), "partitionkey"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "names"), NOT_CLOUDEVENTS)
def test_not_cloudevents(value: bytes, names: str):
    """A wrong attribute of the envelope is named."""
    with pytest.raises(Refused) as refused:
        wire.decode(value)
    assert refused.value.reason == "not_cloudevents"
    assert names in refused.value.detail


@pytest.mark.parametrize("kind", ["sales.call.ended.v2", "Sales.call.ended.v1", "x", "sales.plan.set.v1"])
def test_unknown_type(kind: str):
    """A type that this topic has not is unknown, also one of the other topic, whatever its data."""
    for value in (changed(CALL, type=kind), b'{"data":5,' + changed(CALL, type=kind)[1:].replace(b'"data"', b'"x"')):
        with pytest.raises(Refused) as refused:
            wire.decode(value)
        assert refused.value.reason == "unknown_type"
    with pytest.raises(Refused) as refused:
        wire.decode_reference(CALL)
    assert refused.value.reason == "unknown_type"
    assert parse(PLAN).key == "plan:manager:m-3:won_amount:2026-11"


INVALID = [
    (json.dumps({k: v for k, v in json.loads(CALL).items() if k != "data"}).encode(), "data"),
    (CALL.replace(b'"data":{', b'"data":[],"other":{'), "data"),
    (CALL.replace(b'"data":{', b'"data":null,"other":{'), "data"),
    (changed(CALL, {"call_id": ...}), "data.call_id"), (changed(CALL, {"call_id": ""}), "data.call_id"),
    (changed(CALL, {"call_id": "x" * 129}), "data.call_id"), (changed(CALL, {"client_id": 7}), "data.client_id"),
    (changed(CALL, {"client_id": None}), "data.client_id"), (changed(CALL, {"direction": "up"}), "data.direction"),
    (changed(CALL, {"outcome": "Answered"}), "data.outcome"), (changed(CALL, {"started_at": "soon"}), "data.started_at"),
    (changed(CALL, {"started_at": "1999-12-31T23:59:59Z"}), "data.started_at"),
    (changed(CALL, {"answered_at": "2026-11-23T09:25:02.000001Z"}), "data.answered_at"),
    (changed(CALL, {"team_id": ""}), "data.team_id"), (changed(CALL, {"manager_id": []}), "data.manager_id"),
    (typed("chat.message", chat_id="c", author="manager", manager_id=...), "data.manager_id"),
    (typed("chat.message", chat_id="c", author="manager", manager_id=None), "data.manager_id"),
    (typed("lead.changed", lead_id="l", temperature="icy", created_at="2026-11-23T09:15:02Z"), "data.temperature"),
    (typed("lead.changed", lead_id="l", temperature="hot", created_at="2026-11-23T09:26:02Z"), "data.created_at"),
    (changed(DEAL, {"amount": 5}), "data.amount"), (changed(DEAL, {"amount": "-5"}), "data.amount"),
    (changed(DEAL, {"amount": "5.00001"}), "data.amount"), (changed(DEAL, {"amount": "1" * 19}), "data.amount"),
    (changed(DEAL, {"amount": "1,5"}), "data.amount"), (changed(DEAL, {"amount": "٥"}), "data.amount"),
    (changed(DEAL, {"amount": "5\n"}), "data.amount"), (changed(DEAL, {"amount": "1e3"}), "data.amount"),
    (changed(DEAL, {"currency": "rub"}), "data.currency"), (changed(DEAL, {"currency": "RU"}), "data.currency"),
    (changed(DEAL, {"cost": "-1"}), "data.cost"), (changed(DEAL, {"probability": 1.01}), "data.probability"),
    (changed(DEAL, {"probability": "0.5"}), "data.probability"), (changed(DEAL, {"probability": True}), "data.probability"),
    (DEAL.replace(b"0.4", b"1e999"), "data.probability"), (changed(DEAL, {"status": "won"}), "data.closed_at"),
    (changed(WON, {"closed_at": None}), "data.closed_at"), (changed(WON, {"closed_at": "2026-11-26T12:00:00Z"}), "data.closed_at"),
    (changed(PAYMENT, {"currency": ...}), "data.currency"), (changed(PAYMENT, {"invoice_id": 5}), "data.invoice_id"),
    (typed("rating.given", rating_id="r", score=6), "data.score"), (typed("rating.given", rating_id="r", score=0), "data.score"),
    (typed("rating.given", rating_id="r", score=4.5), "data.score"), (typed("rating.given", rating_id="r", score=True), "data.score"),
    (typed("rating.given", rating_id="r", score="5"), "data.score"), (typed("cost.booked", cost_id="k", **MONEY), "data.category"),
    (typed("invoice.changed", invoice_id="i", **MONEY, status="issued", issued_at="2026-11-23T09:15:02Z",
           due_at="9999-06-01T00:00:00Z"), "data.due_at"),
    (typed("invoice.changed", invoice_id="i", **MONEY, status="paid", issued_at="2026-11-23T09:15:02Z",
           due_at="2026-12-01T00:00:00Z"), "data.status"),
]  # fmt: skip
INVALID_REFERENCE = [
    (changed(PLAN, {"scope": "everyone"}), "data.scope"), (changed(PLAN, {"scope": "team:"}), "data.scope"),
    (changed(PLAN, {"measure": "luck"}), "data.measure"), (changed(PLAN, {"period": "2026-13"}), "data.period"),
    (changed(PLAN, {"period": "2026-Q5"}), "data.period"), (changed(PLAN, {"target": 5}), "data.target"),
    (changed(PLAN, {"currency": "₽"}), "data.currency"),
    (changed(PLAN, {"currency": "USD", "date": "2026-11-31", "rate": "92.5"}, type="sales.rate.set.v1"), "data.date"),
    (changed(PLAN, {"currency": "USD", "date": "2026-11-30", "rate": "0.00"}, type="sales.rate.set.v1"), "data.rate"),
    (changed(PLAN, {"currency": "USD", "date": "2026-11-30", "rate": 92.5}, type="sales.rate.set.v1"), "data.rate"),
    (changed(PLAN, {"manager_id": "m", "name": "A", "team_id": "t", "active": 1}, type="sales.manager.changed.v1"), "data.active"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "names", "reference"), [(*c, False) for c in INVALID] + [(*c, True) for c in INVALID_REFERENCE]
)
def test_invalid_data(value: bytes, names: str, reference: bool):
    """A wrong field is named by its path, with what to do, and no value of it leaks into the detail."""
    with pytest.raises(Refused) as refused:
        (wire.decode_reference if reference else wire.decode)(value)
    assert refused.value.reason == "invalid_data"
    assert refused.value.detail.startswith(f"{names}: ")
    assert "send" in refused.value.detail or "needs it" in refused.value.detail


ACCEPTED = [
    *EXAMPLES[:6], changed(CALL, subject=None, partitionkey=None, sequence=None), changed(CALL, {"team_id": None}),
    changed(CALL, unknown=[1, {"a": None}], datacontenttype="application/json"), changed(CALL, {"phone": {"a": 1}}),
    changed(CALL, time="2026-11-23t12:15:02.123456789+03:00"), changed(CALL, {"call_id": "я" * 128}),
    changed(CALL, {"answered_at": "2026-11-23T09:25:02Z"}), changed(CALL, {"started_at": "2000-01-01T00:00:00Z"}),
    changed(DEAL, {"amount": "0"}), changed(DEAL, {"amount": "999999999999999999.9999"}),
    changed(CALL, source="http://h:port/"), changed(CALL, source="pbx://spb:main"),
    DEAL.replace(b"0.4", b"1.0000000000000001"), changed(DEAL, {"probability": 1}), changed(DEAL, {"probability": 0}), changed(DEAL, {"closed_at": "2026-11-23T09:20:00Z"}),
    typed("rating.given", rating_id="r", score=5.0), typed("rating.given", rating_id="r", score=1),
    typed("chat.message", chat_id="c", author="client", manager_id=...), typed("meeting.held", meeting_id="m"),
    CALL.replace(b'"data"', b'"x":' + b"[" * 250 + b"]" * 250 + b',"data"'), b" \n" + CALL + b"\r\n\t",
    CALL.replace(b'"data"', b'"x":1e999,"y":' + b"9" * 6000 + b',"data"'),
    CALL.replace(b'"data"', b'"data":{"call_id":5},"data"'), CALL.replace(b'"type"', b'"\\u0074ype"'),
]  # fmt: skip


@pytest.mark.parametrize("value", ACCEPTED, ids=range(len(ACCEPTED)))
def test_accepted(value: bytes):
    """What the contract allows, however odd, is taken, alike by both paths."""
    assert wire.decode(value).key == parse(value).key


MOST = 256 * 1024


def record(
    value: bytes | None,
    key: bytes | None = b"cl-7",
    at: int = 1_795_680_000_000,
    headers: Headers = (),
    clock: int | None = 1,
) -> Any:
    """Check as a record."""
    return intake.check(LogRecord(0, key, value, at, tuple(headers), clock))


def test_records_that_count():
    """A record at a sane time counts, however late, and whatever its key."""
    for key in (None, b"", b"cl-8", b'"cl-7"', b"\xff"):
        assert record(CALL, key).id == "c-1001-ended"
    assert record(CALL).id == "c-1001-ended"
    assert record(CALL, at=4_000_000_000_000).id == "c-1001-ended"
    assert record(changed(CALL, partitionkey="cl-7")).partitionkey == "cl-7"
    at = 1_795_425_302_000 - 600_000
    assert record(CALL, at=at).id == "c-1001-ended"
    plan = LogRecord(0, b"plan:manager:m-3:won_amount:2026-11", PLAN, 1_795_680_000_000)
    assert intake.check_reference(plan).key.startswith("plan:")


@pytest.mark.parametrize(
    ("reason", "case"),
    [
        ("too_large", {"value": b"x" * (MOST - 3)}),
        ("not_json", {"value": b"x" * (MOST - 4)}),
        ("too_large", {"value": b"x" * (MOST + 1), "key": None}),
        ("not_json", {"value": b"x" * MOST, "key": None}),
        ("too_large", {"value": None, "key": b"x" * (MOST + 1)}),
        ("not_json", {"value": None, "key": b"x" * MOST}),
        ("too_large", {"value": CALL, "headers": [("a", b"x" * MOST)]}),
        ("too_large", {"value": None, "headers": [("x" * (MOST - 3), None)]}),
        ("too_large", {"value": None, "headers": [("я" * (MOST // 2), b"")]}),
        ("not_json", {"value": None, "headers": [("x" * (MOST - 4), None)]}),
        ("too_large", {"value": None, "headers": [("a", b"b")] * (MOST // 2 - 1)}),
        ("not_json", {"value": b"x" * MOST, "headers": [("forwarded-offset", b"7")]}),
        ("too_large", {"value": b"x" * (MOST + 1024), "headers": [("forwarded-offset", b"7")]}),
        ("wrong_key", {"value": changed(CALL, partitionkey="cl-8")}),
        ("wrong_key", {"value": changed(CALL, partitionkey="")}),
        ("no_broker_time", {"value": CALL, "at": -1}),
        ("no_broker_time", {"value": CALL, "clock": 0}),
        ("no_broker_time", {"value": CALL, "clock": None}),
        ("no_broker_time", {"value": changed(CALL, time="9998-06-01T00:00:00Z"), "clock": 0, "at": 250_000_000_000_000}),
        ("wrong_key", {"value": changed(CALL, partitionkey="cl-8"), "clock": 0}),
        ("time_out_of_range", {"value": CALL, "at": 1_795_425_302_000 - 600_001}),
        ("time_out_of_range", {"value": changed(CALL, {"started_at": "2000-01-01T00:00:00Z", "answered_at": None}, time="1999-12-31T23:59:59.999Z")}),
        ("time_out_of_range", {"value": changed(CALL, time="9999-01-01T00:00:00Z")}),
        ("time_out_of_range", {"value": changed(CALL, time="9999-12-31T23:59:59-23:59")}),
    ],
)  # fmt: skip
def test_records_that_do_not(reason: str, case: dict[str, Any]):
    """Each reason that needs the whole record, at its border."""
    with pytest.raises(Refused) as refused:
        record(**case)
    assert refused.value.reason == reason
    assert reason in REASONS


def test_wrong_reference_key():
    """A reference record's key is what its data say."""
    with pytest.raises(Refused, match="wrong_key"):
        intake.check_reference(LogRecord(0, b"plan:company:won_amount:2026-11", PLAN, 1_795_680_000_000))
