"""Which function folds which type of event, and which entities can be forgotten when."""

from collections.abc import Callable
from typing import Any

from producers.events import wire
from streams.fold import activities, calls, chats, deals, invoices, leads, payments, returns, touches
from streams.fold.call_kinds import CALL, decode_call
from streams.fold.context import Client, Context, known
from streams.fold.state import READY, Deal, Outcome, encode

Handler = Callable[[Client, Any, int, Context], Outcome]
"""(client, event, its time in us, context) → FOLDED, DUPLICATE or STALE."""

HANDLERS: dict[type, Handler] = {
    wire.CallStarted: calls.started,
    wire.CallAnswered: calls.answered,
    wire.CallEnded: calls.ended,
    wire.ChatMessage: chats.message,
    wire.ChatHandedOff: chats.handed_off,
    wire.ChatClosed: chats.closed,
    wire.LeadChanged: leads.changed,
    wire.LeadDeleted: leads.deleted,
    wire.DealChanged: deals.changed,
    wire.DealDeleted: deals.deleted,
    wire.InvoiceChanged: invoices.changed,
    wire.PaymentReceived: payments.received,
    wire.PaymentRefunded: payments.refunded,
    wire.MeetingHeld: activities.met,
    wire.RatingGiven: activities.rated,
    wire.CostBooked: payments.booked,
}

_DECODERS: dict[str, Callable[[bytes], Any]] = {
    CALL: decode_call,
    touches.RINGING: touches.decode_ringing,
    touches.CHAT: chats.decode_chat,
    touches.LEAD: touches.decode_lead,
    invoices.INVOICE: invoices.decode_invoice,
    returns.MEETING: activities.decode_meeting,
    returns.TRAIL: returns.decode_trail,
    touches.GATE: touches.decode_gate,
    activities.RATING: activities.decode_rating,
    payments.COST_NAME: payments.decode_cost,
}


_RECALLED = frozenset((CALL, touches.CHAT, touches.LEAD, returns.MEETING, returns.TRAIL, touches.GATE))
"""Kinds that are known for longer, as they say how others count."""


def keep(client: Client, name: str, entity: bytes, out: Context) -> bytes | None:
    """What is still to be remembered of an entity: all, a shorter form, or nothing.

    Fold functions treat what is past its time as forgotten whether or not it was swept; this only frees memory.
    """
    letter = name[0]
    if letter == READY:
        return entity  # its deal is open, and kept for ever
    if letter == deals.DEAL:
        return _keep_deal(entity, out.horizon)
    if letter in {payments.PAYMENT, payments.REFUND}:
        return entity if payments.is_known(client, payments.decode_payment(entity), out) else None
    if letter == returns.LAST:
        return entity if returns.touches_until(client) >= out.recall else None
    if letter == touches.MARK:
        return entity if client.get(touches.LEAD + name[1:]) is not None else None
    horizon = out.recall if letter in _RECALLED else out.horizon
    return entity if known(entity, _DECODERS[letter], horizon) is not None else None


def _keep_deal(entity: bytes, horizon: int) -> bytes | None:
    deal = deals.decode_deal(entity)
    if deal.last >= horizon or deal.status == "open":
        return entity
    if deal.status != "won":
        return None
    # Its id, version and closing time decide what is a repeat sale; what it counts in is past.
    closed = deal.closed or 0
    return encode(Deal(deal.sequence, deal.time, deal.id, "won", created=closed, closed=closed))
