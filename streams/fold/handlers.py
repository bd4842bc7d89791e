"""Which function folds which type of event, and which entities can be forgotten when."""

from collections.abc import Callable, Mapping
from typing import Any

from metrics.view import MISS, Waiting
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
    activities.RATING: activities.decode_rating,
    payments.COST_NAME: payments.decode_cost,
}


_RECALLED = frozenset((CALL, touches.CHAT, touches.LEAD, returns.MEETING))
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
    horizon = out.recall if letter in _RECALLED else out.horizon
    return entity if known(entity, _DECODERS[letter], horizon) is not None else None


def tidy(client: Client, waits: Mapping[str, Waiting], out: Context) -> None:
    """Let go of who waits in a page where no view lists that any more, and of a trail of what is forgotten."""
    trail, rules = client.trail, out.rules
    for name, wait in list(waits.items()):
        match wait.channel:
            case calls.CHANNEL:
                until = wait.start + calls.LISTED
            case chats.CHANNEL:
                continue
            case _:
                until = rules.listed_until(wait.channel, wait.start, wait.team, out.time)
        if until <= out.time:
            client.wait(name, None)
            if wait.channel == MISS and trail is not None:
                trail.gone = max(trail.gone, rules.return_by(wait.start, wait.team))
    if trail is None:
        is_known = client.until >= out.recall or not client.until
    else:
        is_known = trail.last >= out.recall or (trail.gate is not None and trail.gate.last >= out.recall)
    if not is_known:
        client.trail, client.until, client.line, client.leads = None, 0, None, None
        client.touch()


def _keep_deal(entity: bytes, horizon: int) -> bytes | None:
    deal = deals.decode_deal(entity)
    if deal.last >= horizon or deal.status == "open":
        return entity
    if deal.status != "won":
        return None
    # Its id, version and closing time decide what is a repeat sale; what it counts in is past.
    closed = deal.closed or 0
    return encode(Deal(deal.sequence, deal.time, deal.id, "won", created=closed, closed=closed))
