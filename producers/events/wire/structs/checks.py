"""What no type says of an event, by its type.

Made by `sales-pulse generate` from the models; do not edit.
"""

from collections.abc import Callable
from typing import Any, Final

from producers.events.rules import EARLIEST, is_date, is_money, is_period, is_rate, is_scope
from producers.events.wire.known import in_range, is_soon, known_currency
from producers.events.wire.structs.calls import CallEnded
from producers.events.wire.structs.chats import ChatMessage
from producers.events.wire.structs.costs import CostBooked
from producers.events.wire.structs.deals import DealChanged, InvoiceChanged, LeadChanged
from producers.events.wire.structs.payments import PaymentReceived, PaymentRefunded
from producers.events.wire.structs.reference import PlanSet, RateSet


def _call_ended(event: CallEnded) -> bool:
    data, time = event.data, event.time
    return (EARLIEST <= data.started_at <= time or is_soon(data.started_at, time)) and (
        data.answered_at is None or EARLIEST <= data.answered_at <= time or is_soon(data.answered_at, time)
    )


def _chat_message(event: ChatMessage) -> bool:
    data = event.data
    return data.manager_id is not None or data.author != "manager"


def _lead_changed(event: LeadChanged) -> bool:
    data, time = event.data, event.time
    return EARLIEST <= data.created_at <= time or is_soon(data.created_at, time)


def _deal_changed(event: DealChanged) -> bool:
    data, time = event.data, event.time
    return (
        is_money(data.amount) is not None
        and known_currency(data.currency)
        and (EARLIEST <= data.created_at <= time or is_soon(data.created_at, time))
        and (data.cost is None or is_money(data.cost) is not None)
        and (data.closed_at is None or EARLIEST <= data.closed_at <= time or is_soon(data.closed_at, time))
        and (data.closed_at is not None or data.status not in ("won", "lost"))
    )


def _invoice_changed(event: InvoiceChanged) -> bool:
    data, time = event.data, event.time
    return (
        is_money(data.amount) is not None
        and known_currency(data.currency)
        and (EARLIEST <= data.issued_at <= time or is_soon(data.issued_at, time))
        and in_range(data.due_at)
    )


def _payment_received(event: PaymentReceived) -> bool:
    data = event.data
    return is_money(data.amount) is not None and known_currency(data.currency)


def _payment_refunded(event: PaymentRefunded) -> bool:
    data = event.data
    return is_money(data.amount) is not None and known_currency(data.currency)


def _cost_booked(event: CostBooked) -> bool:
    data = event.data
    return is_money(data.amount) is not None and known_currency(data.currency)


def _plan_set(event: PlanSet) -> bool:
    data = event.data
    return (
        is_scope(data.scope) is not None
        and is_period(data.period)
        and is_money(data.target) is not None
        and (data.currency is None or known_currency(data.currency))
    )


def _rate_set(event: RateSet) -> bool:
    data = event.data
    return known_currency(data.currency) and is_date(data.date) and is_rate(data.rate)


CHECKS: Final[dict[type, Callable[[Any], bool]]] = {
    CallEnded: _call_ended,
    ChatMessage: _chat_message,
    LeadChanged: _lead_changed,
    DealChanged: _deal_changed,
    InvoiceChanged: _invoice_changed,
    PaymentReceived: _payment_received,
    PaymentRefunded: _payment_refunded,
    CostBooked: _cost_booked,
    PlanSet: _plan_set,
    RateSet: _rate_set,
}
"""Type → whether an event of it is sound; what is not there has nothing more to be asked."""
