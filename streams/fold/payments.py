"""Payments, refunds and costs: money that moved, and the invoices it pays."""

from collections.abc import Mapping
from typing import Final

from metrics import measure
from metrics.catalogue.money import COST, MONEY_EVENTS, REVENUE
from producers.events.units import money
from producers.events.wire import CostBooked, PaymentReceived, PaymentRefunded
from streams.fold.context import Context, Handler, Keeper, outdated, replace, while_it_counts
from streams.fold.deltas import plus
from streams.fold.encoding import decoder, encode
from streams.fold.invoices import ISSUED, held_invoice, pay
from streams.fold.page import Page
from streams.fold.state import FOLDED, UNKNOWN, Outcome, Payment, Remembered

PAYMENT: Final = "p"
REFUND: Final = "f"
COST_NAME: Final = "k"


class Cost(Remembered, gc=False):
    """A cost of selling."""

    manager: str
    team: str
    category: str
    amount: int
    currency: str


decode_payment: Final = decoder(Payment)
decode_cost: Final = decoder(Cost)


def received(client: Page, event: PaymentReceived, at: int, out: Context) -> Outcome:
    """A client paid."""
    return _replace(client, event, PAYMENT, 1, at, out)


def refunded(client: Page, event: PaymentRefunded, at: int, out: Context) -> Outcome:
    """A client got money back."""
    return _replace(client, event, REFUND, -1, at, out)


def _replace(
    client: Page, event: PaymentReceived | PaymentRefunded, prefix: str, sign: int, at: int, out: Context
) -> Outcome:
    data = event.data
    name = prefix + data.payment_id
    new = Payment(
        event.sequence or "",
        at,
        event.id,
        data.manager_id,
        data.team_id or "",
        sign * money(data.amount),
        data.currency,
        data.invoice_id,
    )
    raw = client.get(name)
    if raw is not None:
        old = decode_payment(raw)
        if is_known(client, old, out):
            if (seen := outdated((new.sequence, at, new.id), old)) is not None:
                return seen
            _count(old, out, -1)
            if old.invoice is not None:
                pay(client, old.invoice, old.time, old.currency, old.amount, -1, out)
    _count(new, out, 1)
    if new.invoice is not None:
        new.issue = _name_invoice(client, new, out)
    client.put(name, encode(new))
    return FOLDED


def _name_invoice(client: Page, payment: Payment, out: Context) -> int:
    """Pay the invoice, unless neither it nor the day of payment is kept."""
    if payment.time < out.horizon and held_invoice(client, payment.invoice or "", out).status != ISSUED:
        return 0
    return pay(client, payment.invoice or "", payment.time, payment.currency, payment.amount, 1, out)


def is_known(client: Page, payment: Payment, out: Context) -> bool:
    """Whether it still counts: its day is kept, or an issued invoice has counted it ever since it was issued."""
    if payment.time >= out.horizon:
        return True
    if payment.invoice is None:
        return False
    invoice = held_invoice(client, payment.invoice, out)
    return invoice.status == ISSUED and (payment.issue == invoice.issue or payment.time >= invoice.horizon)


def _count(payment: Payment, out: Context, n: int) -> None:
    cell, specs = out.cell(payment.time, payment.manager, payment.team), out.specs
    plus(cell, specs[_revenue, payment.currency], n * payment.amount)
    # Beside the money, so that the exporter can say of how many events no rate converts it.
    plus(cell, specs[_money_event, payment.currency], n)


def booked(client: Page, event: CostBooked, at: int, out: Context) -> Outcome:
    """A cost was booked; without a manager it is its team's."""
    data = event.data
    new = Cost(
        event.sequence or "",
        at,
        event.id,
        data.manager_id or UNKNOWN,
        data.team_id or "",
        data.category,
        money(data.amount),
        data.currency,
    )
    return replace(client, COST_NAME + data.cost_id, new, decode_cost, _count_cost, out)


def _count_cost(cost: Cost, out: Context, n: int) -> None:
    out.add(cost.time, cost.manager, cost.team, (_cost, cost.category, cost.currency), n * cost.amount)
    out.add(cost.time, cost.manager, cost.team, (_money_event, cost.currency), n)


def _revenue(currency: str) -> tuple[str, ...]:
    return (measure.key(REVENUE.code, currency),)


def _money_event(currency: str) -> tuple[str, ...]:
    return (measure.key(MONEY_EVENTS, currency),)


def _cost(category: str, currency: str) -> tuple[str, ...]:
    return (measure.key(COST.code, category, currency),)


def _keep(client: Page, entity: bytes, out: Context) -> bytes | None:
    return entity if is_known(client, decode_payment(entity), out) else None


HANDLERS: Mapping[type, Handler] = {PaymentReceived: received, PaymentRefunded: refunded, CostBooked: booked}
KEEPERS: Mapping[str, Keeper] = {PAYMENT: _keep, REFUND: _keep, COST_NAME: while_it_counts(decode_cost)}
