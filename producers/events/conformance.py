"""Good and bad records with the verdict of the contract, so that any producer can test itself in any language."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from producers.events.registry import ALL_TYPES, REFERENCE_TYPES, keyed

Json = dict[str, Any]

_ENVELOPE: Json = {"specversion": "1.0", "source": "crm://example", "time": "2026-11-23T09:15:02Z"}
_GOOD: dict[str, Json] = {kind: model.example for kind, model in ALL_TYPES.items()}
_STRUCTURED = {"content-type": "application/cloudevents+json"}
_CALL, _DEAL = "sales.call.ended.v1", "sales.deal.changed.v1"
_LEAD = "sales.lead.changed.v1"
_MESSAGE, _RATING = "sales.chat.message.v1", "sales.rating.given.v1"
_PLAN, _RATE = "sales.plan.set.v1", "sales.rate.set.v1"
_PIPELINE = "sales.pipeline.changed.v1"
# name, type, changes of data (None here: member taken out), the field that is wrong; None when all is well
_DATA: list[tuple[str, str, Json, str | None]] = [
    ("optional field null", _CALL, {"team_id": "null"}, None),
    ("unknown field", _CALL, {"mood": {"good": True}}, None),
    ("id of 128 characters", _CALL, {"call_id": "я" * 128}, None),
    ("id of 129 characters", _CALL, {"call_id": "x" * 129}, "call_id"),
    ("empty id", _CALL, {"call_id": ""}, "call_id"),
    ("id as number", _CALL, {"call_id": 7}, "call_id"),
    ("field missing", _CALL, {"started_at": None}, "started_at"),
    ("value not in the list", _CALL, {"outcome": "talked"}, "outcome"),
    ("time without zone", _CALL, {"started_at": "2026-11-23T09:00:00"}, "started_at"),
    ("time of day that is none", _CALL, {"started_at": "2026-11-23T25:00:00Z"}, "started_at"),
    ("nanoseconds and offset", _CALL, {"started_at": "2026-11-23T12:00:00.123456789+03:00"}, None),
    ("time before 2000", _CALL, {"started_at": "1999-12-31T23:59:59Z"}, "started_at"),
    ("time 10 minutes after the event", _CALL, {"answered_at": "2026-11-23T09:25:02Z"}, None),
    ("time later than that", _CALL, {"answered_at": "2026-11-23T09:25:03Z"}, "answered_at"),
    ("money as number", _DEAL, {"amount": 1250}, "amount"),
    ("money of five places", _DEAL, {"amount": "1.00001"}, "amount"),
    ("money below zero", _DEAL, {"amount": "-1"}, "amount"),
    ("money with a comma", _DEAL, {"cost": "1,50"}, "cost"),
    ("money without places", _DEAL, {"amount": "0"}, None),
    ("currency in small letters", _DEAL, {"currency": "rub"}, "currency"),
    ("probability above one", _DEAL, {"probability": 1.5}, "probability"),
    ("won without closing time", _DEAL, {"closed_at": None}, "closed_at"),
    ("open without closing time", _DEAL, {"closed_at": None, "status": "open"}, None),
    ("manager's message without manager", _MESSAGE, {"manager_id": None}, "manager_id"),
    ("client's message without manager", _MESSAGE, {"manager_id": None, "author": "client"}, None),
    ("lead of an unknown status", _LEAD, {"status": "won"}, "status"),
    ("lead without a status", _LEAD, {"status": None}, None),
    ("score of six", _RATING, {"score": 6}, "score"),
    ("score of a half", _RATING, {"score": 4.5}, "score"),
    ("score as truth value", _RATING, {"score": True}, "score"),
    ("without stages", _PIPELINE, {"stages": []}, None),
    ("of something else", _PIPELINE, {"of": "invoice"}, "of"),
    ("stage without a name", _PIPELINE, {"stages": [{"stage": "NEW"}]}, "stages.0.name"),
    ("500 stages", _PIPELINE, {"stages": [{"stage": str(n), "name": "x"} for n in range(500)]}, None),
    ("501 stages", _PIPELINE, {"stages": [{"stage": str(n), "name": "x"} for n in range(501)]}, "stages"),
    ("thirteenth month", _PLAN, {"period": "2026-13"}, "period"),
    ("measure not in the list", _PLAN, {"measure": "luck"}, "measure"),
    ("rate of zero", _RATE, {"rate": "0"}, "rate"),
    ("day that is none", _RATE, {"date": "2026-02-30"}, "date"),
]
# name, changes of the envelope (None: taken out), reason
_ATTRIBUTES: list[tuple[str, Json, str | None]] = [
    ("unknown attribute", {"traceparent": "00-1"}, None),
    ("lower-case time", {"time": "2026-11-23t09:15:02z"}, None),
    ("partitionkey that is the key", {"partitionkey": "cl-1"}, None),
    ("partitionkey that is not", {"partitionkey": "cl-2"}, "wrong_key"),
    ("another specversion", {"specversion": "0.3"}, "not_cloudevents"),
    ("no id", {"id": None}, "not_cloudevents"),
    ("empty id attribute", {"id": ""}, "not_cloudevents"),
    ("id attribute of 256 characters", {"id": "я" * 256}, None),
    ("id attribute of 257 characters", {"id": "x" * 257}, "not_cloudevents"),
    ("source that is not a URI-reference", {"source": "my crm"}, "not_cloudevents"),
    ("source of 256 characters", {"source": "crm://" + "a" * 250}, None),
    ("source of 257 characters", {"source": "crm://" + "a" * 251}, "not_cloudevents"),
    ("subject of 256 characters", {"subject": "😀" * 256}, None),
    ("subject of 257 characters", {"subject": "x" * 257}, "not_cloudevents"),
    ("sequence of 64 characters", {"sequence": "9" * 64}, None),
    ("sequence of 65 characters", {"sequence": "9" * 65}, "not_cloudevents"),
    ("no time", {"time": None}, "not_cloudevents"),
    ("day for time", {"time": "2026-11-23"}, "not_cloudevents"),
    ("sequence as number", {"sequence": 7}, "not_cloudevents"),
    ("type that is none", {"type": "sales.call.ended.v9"}, "unknown_type"),
    ("type of the other topic", {"type": _PLAN}, "unknown_type"),
    ("data missing", {"data": None}, "invalid_data"),
    ("data as list", {"data": []}, "invalid_data"),
    ("eleven minutes ahead", {"time": "2026-11-23T09:31:00Z"}, "time_out_of_range"),
]
_TEXTS = [
    ("no text", "", "not_json"),
    ("half an object", '{"specversion":"1.0"', "not_json"),
    ("NaN", '{"specversion":"1.0","x":NaN}', "not_json"),
    ("a list", "[]", "not_cloudevents"),
]


class Case(NamedTuple):
    """A record (`timestamp`: ms, by the clock of its type) and its verdict: `accepted`, or a reason with the `field`.

    What is accepted counts whatever its partition and key: what lies wrong is forwarded.
    """

    name: str
    topic: str
    key: str
    value: str
    verdict: str
    field: str | None = None
    timestamp: int = 1_795_425_600_000
    headers: Mapping[str, str] = _STRUCTURED
    timestamp_type: str = "LogAppendTime"


def cases() -> Iterator[Case]:
    """Every case; partitions are not part of them."""
    for kind in _GOOD:
        yield _case(f"{kind} as it should be", kind, _event(kind), "accepted")
    for name, kind, changes, wrong in _DATA:
        data = _changed(_GOOD[kind], changes)
        event = {**_event(kind), "data": data}
        yield _case(f"{kind}: {name}", kind, event, "invalid_data" if wrong else "accepted", wrong and f"data.{wrong}")
    for name, changes, reason in _ATTRIBUTES:
        field = next(iter(changes)) if reason not in {None, "wrong_key"} else None
        yield _case(f"envelope: {name}", _CALL, _changed(_event(_CALL), changes), reason or "accepted", field)
    for name, text, reason in _TEXTS:
        yield Case(f"text: {name}", "events", "cl-1", text, reason)
    yield _case("key of another client", _CALL, _event(_CALL), "accepted")._replace(key="cl-2")
    yield from _binary()
    yield _case("before 2000", _CALL, _old(), "time_out_of_range", "time")
    for kind in (_CALL, _RATE):
        case = _case(f"its sender's time only: {kind}", kind, _event(kind), "no_broker_time")
        yield case._replace(timestamp_type="CreateTime")


def _binary() -> Iterator[Case]:
    """Attributes in headers, data in the value; the content type of structured mode goes before."""
    for kind in (_CALL, _RATE):
        event = _event(kind)
        data = json.dumps(event.pop("data"), ensure_ascii=False)
        headers = {"content-type": "application/json", **{f"ce_{name}": text for name, text in event.items()}}
        case = _case(f"binary mode: {kind}", kind, event, "accepted")._replace(value=data, headers=headers)
        yield case
        if kind == _CALL:
            changed = {"ce_specversion": "0.3"}
            yield case._replace(
                name="binary mode: another specversion", verdict="not_cloudevents", field="specversion",
                headers=headers | changed,
            )  # fmt: skip
            yield case._replace(name="binary mode: no JSON", verdict="not_json", value="call_id=c-1")
            yield case._replace(name="binary mode: data as list", verdict="invalid_data", field="data", value="[]")
            yield case._replace(name="binary mode: no data", verdict="invalid_data", field="data", value="")
            yield _case("structured, attributes in headers too", kind, _event(kind), "accepted")._replace(
                headers=headers | changed | _STRUCTURED
            )


def _old() -> Json:
    return {**_event("sales.call.started.v1"), "time": "1999-12-31T23:59:59Z"}


def _event(kind: str) -> Json:
    return {**_ENVELOPE, "id": f"example-{kind}", "type": kind, "data": _GOOD[kind]}


def _case(name: str, kind: str, event: Json, verdict: str, field: str | None = None) -> Case:
    topic = "reference" if kind in REFERENCE_TYPES else "events"
    value = json.dumps(event, ensure_ascii=False)
    return Case(name, topic, keyed(ALL_TYPES[kind]).format_map(_GOOD[kind]), value, verdict, field)


def _changed(members: Json, changes: Json) -> Json:
    merged = {**members, **changes}
    return {name: None if item == "null" else item for name, item in merged.items() if item is not None}
