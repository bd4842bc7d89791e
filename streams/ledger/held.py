"""What the index holds of one client: each entity's plain state as bytes, and its place among the client's others."""

from typing import Any, NamedTuple

import msgspec
from msgspec.structs import astuple

from producers.events import wire
from streams.plain import deals
from streams.plain.calls import PlainRing, is_unanswered
from streams.plain.chats import PlainChat
from streams.plain.client import PlainClient, name_of
from streams.plain.exact import moment, version
from streams.plain.leads import PlainLead, PlainTouch
from streams.plain.returns import is_contact
from streams.plain.rules import PlainRules

KINDS = (
    *("call", "meeting", "rating", "cost", "payment", "refund", "deal", "invoice"),
    *("lead", "chat", "message", "ring"),
)
"""What a client has. Stored entities are numbered by this, so new ones come last."""
NUMBERS = {kind: number for number, kind in enumerate(KINDS)}
CONTACT, MISS = 1, 2
"""Flags of calls: whether one closes misses, or is one."""
WON = 1
"""Flag of deals."""
_END = "\x01"
"""Less than whatever an id or a version goes on with."""
UNTOUCHED, TOUCHED = 0, 1
"""Flags of leads: the first stand in line by their creation, the others by their first touch."""

Name = tuple[str, str]
"""Kind and id."""

_TYPES: tuple[type[wire.Envelope], ...] = (
    *(wire.CallStarted, wire.CallAnswered, wire.CallEnded, wire.MeetingHeld, wire.RatingGiven, wire.CostBooked),
    *(wire.PaymentReceived, wire.PaymentRefunded, wire.DealChanged, wire.DealDeleted, wire.InvoiceChanged),
    *(wire.LeadChanged, wire.LeadDeleted),
)
_CODES = {kind: code for code, kind in enumerate(_TYPES)}
_DATA: tuple[type[Any], ...] = tuple(kind.__annotations__["data"] for kind in _TYPES)
_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode


class Place(NamedTuple):
    """Where an entity stands. at: moment (us) in the client's line of its kind.

    ref: the invoice that it names; of an open deal by which its client may be ready, the manager and its version.
    """

    at: int | None = None
    flag: int = 0
    ref: str | None = None


def place(kind: str, value: Any, rules: PlainRules, touched: int | None = None) -> Place:  # noqa: PLR0911 - a table
    """The place of an entity, by which those that depend on each other are found.

    touched: the moment (us) of a lead's first touch.
    """
    match kind:
        case "call":
            flag = CONTACT if is_contact(value) else MISS if is_unanswered(value) and _is_named(value) else 0
            return Place(moment(value.time), flag)
        case "deal" if isinstance(value, wire.DealChanged):
            if value.data.status == "won":
                return Place(moment(value.data.closed_at or value.time), WON)
            is_ready = value.data.status == "open" and deals.is_ready(value.data, rules)
            return Place(ref=_version_of(value)) if is_ready else Place()
        case "lead" if isinstance(value.latest, wire.LeadChanged):
            return Place(value.created()) if touched is None else Place(touched, TOUCHED)
        case "meeting":
            return Place(moment(value.time))
        case "message":
            return Place(value.at)
        case "payment" | "refund":
            return Place(ref=value.data.invoice_id)
        case _:
            return Place()


def _version_of(deal: wire.DealChanged) -> str:
    """Its manager and its version, so that text order is the order of versions."""
    sequence, time, identifier = version(deal)
    return f"{deal.data.manager_id}{_END}{sequence}{_END}{time:020}{_END}{identifier}"


def ready_of(manager: str) -> tuple[str, tuple[int | str, ...]]:
    """A condition for the open deals of a manager by which their client is ready, the greatest version first."""
    after = f"{manager}{chr(ord(_END) + 1)}"
    return "AND kind = ? AND ref >= ? AND ref < ? ORDER BY ref DESC", (NUMBERS["deal"], f"{manager}{_END}", after)


def _is_named(call: wire.CallEnded) -> bool:
    return not call.data.client_id.startswith("anonymous:")


def length(call: wire.CallEnded) -> int:
    """How far (us) the moments of a call lie from its end, at most."""
    data, end = call.data, moment(call.time)
    return max(abs(end - moment(at)) for at in (data.started_at, data.answered_at) if at is not None)


def names(event: wire.Event) -> tuple[Name, ...]:
    """The entities that an event is about."""
    match event:
        case wire.CallStarted() | wire.CallAnswered() | wire.CallEnded():
            return ("call", event.data.call_id), ("ring", event.data.call_id)
        case wire.ChatMessage() | wire.ChatHandedOff() | wire.ChatClosed():
            return ("chat", event.data.chat_id), ("message", event.data.chat_id)
        case wire.LeadChanged() | wire.LeadDeleted():
            return (("lead", event.data.lead_id),)
        case _:
            return (name_of(event),)


def source_of(value: Any) -> str:
    """The source of the version of an entity that counts; "" of a chat and a message, which do not keep it."""
    match value:
        case PlainLead():
            return value.latest.source if value.latest is not None else ""
        case PlainRing():
            event = value.start or value.answer
            return event.source if event is not None else ""
        case wire.Envelope():
            return value.source
        case _:
            return ""


def put(client: PlainClient, name: Name, value: Any) -> None:
    """Give an entity to its client."""
    kind, identifier = name
    match kind:
        case "lead":
            client.leads[identifier] = value
        case "chat":
            client.chats[identifier] = value
        case "message":
            client.messages[identifier] = value
        case "ring":
            client.ringing[identifier] = value
        case _:
            client.latest[name] = value


def everything(client: PlainClient) -> dict[Name, Any]:
    """All entities of a client."""
    found: dict[Name, Any] = dict(client.latest)
    held = (("lead", client.leads), ("chat", client.chats), ("message", client.messages), ("ring", client.ringing))
    for kind, entities in held:
        found |= {(kind, identifier): value for identifier, value in entities.items()}
    return found


def encode(kind: str, value: Any, touched: int | None = None) -> bytes:
    """The state of an entity as bytes; of a chat without what it has added, which is in the rows.

    touched: of a lead; it stands in a line by it, so that a state with another one is another.
    """
    match kind:
        case "lead":
            lead: PlainLead = value
            versions = [0 if one is lead.latest else _packed(one) for one in (lead.first, lead.warmed)]
            return _encode([_packed(lead.latest), *versions, lead.was_cold, lead.message, touched])
        case "chat":
            chat: PlainChat = value
            state = (chat.last, chat.writer, chat.waiting_since, chat.answered_before, chat.bot_wrote)
            return _encode([*state, list(chat.seen)])
        case "message":
            return _encode(value)
        case "ring":
            return _encode([_packed(value.start), _packed(value.answer)])
        case _:
            return _encode(_packed(value))


def decode(name: Name, body: bytes, client: PlainClient) -> Any:
    """The inverse; `client`: whose it is."""
    kind, identifier = name
    held = _decode(body)
    match kind:
        case "lead":
            latest = _unpacked(held[0])
            first, warmed = (latest if one == 0 else _unpacked(one) for one in held[1:3])
            return PlainLead(latest, first, warmed, held[3], None if held[4] is None else PlainTouch(*held[4]))
        case "chat":
            last, writer, since, answered, bot, seen = held
            chat = PlainChat(identifier, client.client, client.rules, last, tuple(writer), since, answered, bot)
            chat.seen.extend(map(tuple, seen))
            return chat
        case "message":
            return PlainTouch(*held)
        case "ring":
            return PlainRing(*map(_unpacked, held))
        case _:
            return _unpacked(held)


def _packed(event: Any) -> list[Any] | None:
    """An event without names of fields; absent ones at its end are left out."""
    if event is None:
        return None
    data = list(astuple(event.data))
    while data[-1] is None:
        data.pop()
    return [_CODES[type(event)], event.id, event.source, event.time, event.sequence, data]


def _unpacked(held: list[Any] | None) -> Any:
    if held is None:
        return None
    code, identifier, source, time, sequence, data = held
    return _TYPES[code](
        _DATA[code](*data), specversion="1.0", id=identifier, source=source, time=time, sequence=sequence
    )
