"""What payments, refunds and costs add, and what invoices still ask for."""

from collections.abc import Iterable, Iterator, Mapping

from metrics.catalogue.money import COST, MONEY_EVENTS, OPEN_MONEY_EVENTS, REVENUE
from metrics.catalogue.now import RECEIVABLE
from producers.events import wire
from streams.plain.contribution import Contribution, OpenThing
from streams.plain.exact import moment, ten_thousandths
from streams.plain.rules import PlainRules

Payment = wire.PaymentReceived | wire.PaymentRefunded
Moved = Payment | wire.CostBooked

NAMES: Mapping[type, tuple[str, str]] = {
    wire.PaymentReceived: ("payment", "payment_id"),
    wire.PaymentRefunded: ("refund", "payment_id"),
    wire.CostBooked: ("cost", "cost_id"),
    wire.InvoiceChanged: ("invoice", "invoice_id"),
}
"""Kind of the entity that an event is a version of, and the field that is its id."""


def contributions(record: Moved) -> Iterator[Contribution]:
    """Everything that the latest version of one record adds, at its time."""
    data = record.data
    at = moment(record.time)
    who = (data.manager_id or "unknown", data.team_id or "")
    match record:
        case wire.PaymentReceived(data=paid) | wire.PaymentRefunded(data=paid):
            refund = isinstance(record, wire.PaymentRefunded)
            what = ("refund" if refund else "payment", paid.payment_id, paid.client_id, paid.currency)
            yield Contribution(REVENUE.code, (), *who, at, signed(record), *what)
            yield Contribution(MONEY_EVENTS, (), *who, at, 1, *what)
        case wire.CostBooked(data=cost):
            what = ("cost", cost.cost_id, "", cost.currency)
            yield Contribution(COST.code, (cost.category,), *who, at, ten_thousandths(cost.amount), *what)
            yield Contribution(MONEY_EVENTS, (), *who, at, 1, *what)


def signed(payment: Payment) -> int:
    """What a payment adds to revenue, in ten-thousandths: a refund takes away."""
    amount = ten_thousandths(payment.data.amount)
    return -amount if isinstance(payment, wire.PaymentRefunded) else amount


def open_things(
    invoices: Iterable[wire.InvoiceChanged], payments: Iterable[Payment], rules: PlainRules
) -> Iterator[OpenThing]:
    """The issued invoices of one client, each with the payments and refunds that name it."""
    payments = list(payments)
    for invoice in invoices:
        data = invoice.data
        if data.status != "issued":
            continue
        who = (data.manager_id, data.team_id or "")
        what = ("invoice", data.invoice_id, data.client_id, data.currency)
        naming = [payment for payment in payments if payment.data.invoice_id == data.invoice_id]
        against = tuple(sorted((p.data.currency, rules.day(moment(p.time)), signed(p)) for p in naming))
        due = rules.day(moment(data.due_at))
        yield OpenThing(RECEIVABLE.code, (), *who, ten_thousandths(data.amount), *what, due_day=due, against=against)
        yield OpenThing(OPEN_MONEY_EVENTS, (), *who, 1, *what)
