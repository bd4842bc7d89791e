"""Mixtures of events of all types that collide: few clients, few entities, versions, reopenings, late and far times.

An event is drawn as a handful of small numbers and spelled out by `event`, so that drawing is quick and a failing
mixture shrinks to few events with plain fields.
"""

import json
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

Json = dict[str, Any]
Drawn = tuple[int, int, int, int, int]
"""Type, entity, anchor, minutes after it, and the seed of all other choices (0: the plainest)."""

KINDS = (
    *("deal.changed",) * 4,
    *("chat.message",) * 5,
    *("call.ended",) * 5,
    *("invoice.changed",) * 2,
    *("payment.received",) * 2,
    *("lead.changed",) * 3,
    "deal.deleted",
    "lead.deleted",
    "chat.handed_off",
    "chat.closed",
    "call.started",
    "call.answered",
    "payment.refunded",
    "meeting.held",
    "rating.given",
    "cost.booked",
)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham")
_START = datetime(2026, 10, 25, tzinfo=UTC)
"""The day on which Europe's clocks go back; a week before America's."""
ANCHORS = tuple(
    _START + timedelta(days=days) for days in (0, 0, 0, 0, 0, 1, 6, 7, 70, 156, 798, 799, 800, 801, 802, 1700)
)
_BEFORE = (0, 5, 20, 60, 61, 3600, 86_400, 40 * 86_400, 799 * 86_400, 801 * 86_400, -300, -600)
"""Seconds that a time in `data` lies before the event's."""
LATER = tuple(
    1000 * (60 * minutes + seconds)
    for minutes, seconds in (
        (0, 0), (0, 1), (1, 0), (60, 0), (179, 0), (180, 0), (1739, 0), (1740, 0),
        *((1440 * days, 0) for days in (8, 15, 16, 17, 18, 30, 900)),
    )
)  # fmt: skip
"""How long (ms) after they happened events reach the broker: at once, or as history."""
_MONEY = ("100", "0", "99.99", "0.0001", "123456789012345678.9999", "250.5", "100.0001", "5000")


class Choices:
    """Choices taken one after another out of one number."""

    def __init__(self, seed: int) -> None:
        self._left = seed

    def of(self, *options: Any) -> Any:
        """The next choice."""
        self._left, index = divmod(self._left, len(options))
        return options[index]


def drawn() -> st.SearchStrategy[Drawn]:
    """One event, as numbers."""
    return st.tuples(
        st.integers(0, len(KINDS) - 1),
        st.integers(0, 3),
        st.integers(0, len(ANCHORS) - 1),
        st.integers(0, 200),
        st.integers(0, 2**50),
    )


def mixtures(size: int = 30, least: int = 1) -> st.SearchStrategy[list[Json]]:
    """From `least` up to `size` events in log order."""
    return st.lists(drawn(), min_size=least, max_size=size).map(lambda rows: [event(*row) for row in rows])


def event(kind: int, entity: int, anchor: int, minutes: int, seed: int) -> Json:
    """Spell out one event. Entities of one number belong to one client, so that a client never changes."""
    choose = Choices(seed)
    time = ANCHORS[anchor] + timedelta(minutes=minutes, seconds=choose.of(0, 1, 59.999999))
    found: Json = {
        "specversion": "1.0",
        "id": f"e-{choose.of(*range(40))}",
        "source": choose.of("crm://a", "pbx://b"),
        "type": f"sales.{KINDS[kind]}.v1",
        "time": time.isoformat(),
    }
    sequence = choose.of(None, None, "1", "2", "3")
    if sequence is not None:
        found["sequence"] = sequence
    return found | {"data": _data(KINDS[kind], entity, time, choose)}


def _data(kind: str, entity: int, time: datetime, choose: Choices) -> Json:  # noqa: C901, PLR0911, PLR0912 - a table
    def before() -> str:
        return str((time - timedelta(seconds=choose.of(*_BEFORE))).isoformat())

    client = {"client_id": f"cl-{entity % 2}"}
    staff = {"manager_id": choose.of("m-1", "m-2", "m-3"), **choose.of({}, {"team_id": "t-1"}, {"team_id": "t-2"})}
    amount = {"amount": choose.of(*_MONEY), "currency": choose.of("RUB", "RUB", "USD", "EUR")}
    call = {"call_id": f"call-{entity}{choose.of('', '', '', 'b', 'c')}", **client}
    chat = {"chat_id": f"chat-{entity % 2}", **client}
    match kind:
        case "deal.changed":
            status = choose.of("open", "won", "lost", "won")
            return {
                "deal_id": f"d-{entity}",
                **client,
                **staff,
                **amount,
                "status": status,
                "pipeline": choose.of("retail", "b2b"),
                "stage": choose.of("NEW", "READY"),
                "created_at": before(),
                **({} if status == "open" else {"closed_at": before()}),
                **choose.of({}, {"cost": "40.25"}, {"cost": "1000000"}),
                **choose.of({}, {"probability": 0.7}, {"probability": 0.1}, {"probability": 0.6999999999999}),
            }
        case "deal.deleted":
            return {"deal_id": f"d-{entity}", **client}
        case "chat.message":
            author = choose.of("client", "manager", "client", "manager", "bot", "system")
            return {**chat, "author": author, **(staff if author == "manager" else {})}
        case "chat.handed_off" | "chat.closed":
            return chat
        case "call.started":
            return {**call, "direction": choose.of("inbound", "outbound"), **choose.of({}, staff)}
        case "call.answered":
            return {**call, **staff}
        case "call.ended":
            return {
                **call,
                "direction": choose.of("inbound", "inbound", "outbound"),
                "outcome": choose.of("answered", "missed", "abandoned", "busy", "answered"),
                "started_at": before(),
                **choose.of({}, {"answered_at": before()}, {"answered_at": before()}),
                **choose.of(staff, {}),
            }
        case "lead.changed":
            temperature = choose.of("cold", "warm", "hot", "cold")
            made = {"lead_id": f"l-{entity}", **client, **staff, "temperature": temperature, "created_at": before()}
            return {**made, **choose.of({}, {"status": "open"}, {"status": "converted"}, {"status": "lost"}, {})}
        case "lead.deleted":
            return {"lead_id": f"l-{entity}", **client}
        case "invoice.changed":
            return {
                "invoice_id": f"i-{entity}",
                **client,
                **staff,
                **amount,
                "status": choose.of("issued", "issued", "cancelled", "written_off"),
                "issued_at": before(),
                "due_at": (time + timedelta(days=choose.of(10, -5, 0, 90))).isoformat(),
            }
        case "payment.received" | "payment.refunded":
            named = choose.of(
                {"invoice_id": f"i-{entity}"}, {"invoice_id": f"i-{(entity + 2) % 4}"}, {}, {"deal_id": "d"}
            )
            return {"payment_id": f"p-{entity}", **client, **staff, **amount, **named}
        case "meeting.held":
            return {"meeting_id": f"mt-{entity}", **client, **staff}
        case "rating.given":
            return {"rating_id": f"r-{entity}", **client, **staff, "score": choose.of(1, 2, 3, 4, 5)}
        case "cost.booked":
            return {"cost_id": f"k-{entity}", **amount, "category": choose.of("ads", "travel"), **choose.of(staff, {})}
    raise ValueError(f"{kind}: no such type is drawn here")


def zones() -> st.SearchStrategy[tzinfo]:
    """Zones whose clocks change in several ways."""
    return st.sampled_from(ZONES).map(ZoneInfo)


def encode(found: Json) -> bytes:
    """A record's value."""
    return json.dumps(found).encode()


def key_of(found: Json) -> str:
    """A record's key."""
    data = found["data"]
    return str(data.get("client_id") or data["cost_id"])
