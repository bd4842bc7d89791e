"""Hypothesis strategies for valid events of every type, over few ids, so that entities meet each other.

`events()` draws JSON-like dicts (the CloudEvents envelope with `data`); `encode(event)` makes a record's value.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from producers.events import ALL_TYPES, EVENT_TYPES, REFERENCE_TYPES

Json = dict[str, Any]

START = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = timedelta(days=60)
SOURCES = ("bitrix24://portal-7", "pbx://spb", "widget://site")


def ids(prefix: str, count: int = 3) -> st.SearchStrategy[str]:
    """One of a few ids."""
    return st.sampled_from([f"{prefix}-{n}" for n in range(1, count + 1)])


def moments(start: datetime = START, span: timedelta = SPAN) -> st.SearchStrategy[datetime]:
    """Moments in UTC, whole seconds and fractions."""
    whole = st.integers(0, int(span.total_seconds())).map(lambda s: start + timedelta(seconds=s))
    fraction = st.one_of(st.just(0), st.integers(0, 999_999))
    return st.tuples(whole, fraction).map(lambda pair: pair[0] + timedelta(microseconds=pair[1]))


def text_of(moment: datetime) -> st.SearchStrategy[str]:
    """Ways to write a moment in RFC 3339."""
    zones = st.sampled_from([0, 180, -210, 345])
    return zones.map(lambda minutes: _written(moment, minutes))


def _written(moment: datetime, minutes: int) -> str:
    local = (moment.astimezone(UTC) + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat()
    sign = "-" if minutes < 0 else "+"
    return local + ("Z" if minutes == 0 else f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}")


def money(most: int = 10**9) -> st.SearchStrategy[str]:
    """Decimal strings with 0 to 4 places."""
    return st.tuples(st.integers(0, most), st.integers(0, 4)).map(
        lambda pair: format(Decimal(pair[0]).scaleb(-pair[1]), "f")
    )


currencies = st.sampled_from(["RUB", "USD", "EUR"])


@st.composite
def _fields(draw: st.DrawFn, kind: str, time: datetime) -> Json:  # noqa: C901, PLR0911, PLR0912, PLR0915 - one case a type
    def before(most: timedelta = timedelta(days=40)) -> str:
        seconds = draw(st.integers(-600, int(most.total_seconds())))
        return draw(text_of(time - timedelta(seconds=seconds)))

    staff: Json = {"manager_id": draw(ids("m"))}
    if draw(st.booleans()):
        staff["team_id"] = draw(ids("t", 2))
    maybe_staff = draw(st.sampled_from([staff, {}]))
    client = {"client_id": draw(ids("cl", 4))}
    call, chat = {"call_id": draw(ids("call")), **client}, {"chat_id": draw(ids("chat")), **client}
    channel = draw(st.sampled_from([{}, {"channel": "phone"}, {"channel": "telegram"}]))
    amount = {"amount": draw(money()), "currency": draw(currencies)}
    direction = draw(st.sampled_from(["inbound", "outbound"]))
    status = draw(st.sampled_from(["open", "won", "lost"]))
    names = draw(
        st.sampled_from([{}, {"deal_id": "d-1"}, {"invoice_id": "i-1"}, {"invoice_id": "i-2", "deal_id": "d-2"}])
    )
    match kind:
        case "call.started":
            return {**call, "direction": direction, **channel, **maybe_staff}
        case "call.answered":
            return {**call, **staff}
        case "call.ended":
            answered = {"answered_at": before(timedelta(hours=1))} if draw(st.booleans()) else {}
            outcome = draw(st.sampled_from(["answered", "missed", "abandoned", "busy", "failed"]))
            times = {"started_at": before(timedelta(hours=1)), **answered}
            return {**call, "direction": direction, "outcome": outcome, **times, **channel, **maybe_staff}
        case "chat.message":
            author = draw(st.sampled_from(["client", "manager", "bot", "system"]))
            return {**chat, "author": author, **channel, **(staff if author == "manager" else maybe_staff)}
        case "chat.handed_off" | "chat.closed":
            return chat
        case "lead.changed":
            temperature = draw(st.sampled_from(["cold", "warm", "hot"]))
            state = draw(st.sampled_from([{}, {"status": "open"}, {"status": "converted"}, {"status": "lost"}]))
            times = {"created_at": before()}
            return {"lead_id": draw(ids("l")), **client, **staff, "temperature": temperature, **times, **state}
        case "lead.deleted":
            return {"lead_id": draw(ids("l")), **client}
        case "deal.changed":
            extra: Json = {"closed_at": before()} if status != "open" else {}
            if draw(st.booleans()):
                extra["cost"] = draw(money())
            if draw(st.booleans()):
                extra["probability"] = draw(st.sampled_from([0, 0.1, 0.4, 0.7, 0.85, 1]))
            stage = {"pipeline": draw(ids("pipe", 2)), "stage": draw(ids("stage")), "status": status}
            return {"deal_id": draw(ids("d")), **client, **staff, **stage, **amount, "created_at": before(), **extra}
        case "deal.deleted":
            return {"deal_id": draw(ids("d")), **client}
        case "invoice.changed":
            state = draw(st.sampled_from(["issued", "cancelled", "written_off"]))
            due = draw(text_of(time + timedelta(days=draw(st.integers(-10, 60)))))
            times = {"issued_at": before(), "due_at": due}
            return {"invoice_id": draw(ids("i")), **client, **staff, **amount, "status": state, **times}
        case "payment.received":
            return {"payment_id": draw(ids("p")), **client, **staff, **amount, **names}
        case "payment.refunded":
            return {"payment_id": draw(ids("p")), **client, **staff, **amount, **names}
        case "meeting.held":
            return {"meeting_id": draw(ids("mt")), **client, **staff}
        case "rating.given":
            about = draw(st.sampled_from([{}, {"contact_id": "call-1"}]))
            return {"rating_id": draw(ids("r")), **client, **staff, "score": draw(st.integers(1, 5)), **about}
        case "cost.booked":
            category = draw(st.sampled_from(["ads", "travel"]))
            return {"cost_id": draw(ids("k")), **amount, "category": category, **maybe_staff}
        case "manager.changed":
            return {
                "manager_id": draw(ids("m")),
                "name": "Анна",
                "team_id": draw(ids("t", 2)),
                "active": draw(st.booleans()),
            }
        case "pipeline.changed":
            names = st.sampled_from(["Счёт", "Talking", "Счёт"])
            stages = st.lists(st.fixed_dictionaries({"stage": ids("s"), "name": names}), max_size=3)
            kind = draw(st.sampled_from(["deal", "lead"]))
            return {"of": kind, "pipeline": draw(ids("pl", 2)), "name": draw(names), "stages": draw(stages)}
        case "plan.set":
            scope = draw(st.sampled_from(["company", "team:t-1", "manager:m-1"]))
            measure = draw(st.sampled_from(["won_amount", "revenue_amount", "deals_won", "calls", "meetings"]))
            period = draw(st.sampled_from(["2026-11", "2026-Q4", "2026"]))
            currency = draw(st.sampled_from([{}, {"currency": "USD"}]))
            return {"scope": scope, "measure": measure, "period": period, "target": draw(money()), **currency}
        case "rate.set":
            rate = draw(st.integers(1, 10**6).map(lambda n: format(Decimal(n).scaleb(-3), "f")))
            return {"currency": draw(currencies), "date": draw(moments()).date().isoformat(), "rate": rate}
    raise AssertionError(kind)


@st.composite
def events(
    draw: st.DrawFn,
    types: Iterable[str] = tuple(EVENT_TYPES),
    *,
    time: st.SearchStrategy[datetime] | None = None,
    sequences: bool = True,
) -> Json:
    """A valid event of one of `types`. Its id is drawn from many, so that repeats are the caller's to make."""
    kind = draw(st.sampled_from(sorted(types)))
    moment = draw(time if time is not None else moments())
    event: Json = {
        "specversion": "1.0",
        "id": draw(st.integers(0, 10**6).map(lambda n: f"e-{n}")),
        "source": draw(st.sampled_from(SOURCES)),
        "type": kind,
        "time": draw(text_of(moment)),
        "data": draw(_fields(kind.removeprefix("sales.").removesuffix(".v1"), moment)),
    }
    if sequences and draw(st.booleans()):
        event["sequence"] = f"{draw(st.integers(0, 20)):010}"
    return event


def reference_events() -> st.SearchStrategy[Json]:
    """A valid event of the reference topic."""
    return events(tuple(REFERENCE_TYPES))


def any_events() -> st.SearchStrategy[Json]:
    """A valid event of either topic."""
    return events(tuple(ALL_TYPES))


def encode(event: Json) -> bytes:
    """A record's value."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def key_of(event: Json) -> bytes:
    """The Kafka key of an event on the events topic."""
    data = event["data"]
    key: str = data.get("client_id") or data["cost_id"]
    return key.encode()
