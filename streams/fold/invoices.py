"""Invoices: what is still owed of each, whichever of invoice and payments comes first."""

from collections.abc import Mapping
from typing import Final

from metrics import measure
from metrics.catalogue.money import OPEN_MONEY_EVENTS
from metrics.catalogue.now import RECEIVABLE, RECEIVABLE_ASKED, RECEIVABLE_PAID
from producers.events.units import money, us
from producers.events.wire import InvoiceChanged
from streams.fold.context import Context, Handler, Keeper, known, outdated, while_it_counts
from streams.fold.deltas import OPEN
from streams.fold.encoding import decoder, encode
from streams.fold.page import Page
from streams.fold.state import FOLDED, Invoice, Outcome

INVOICE: Final = "i"
ISSUED: Final = "issued"

decode_invoice: Final = decoder(Invoice)


def changed(client: Page, event: InvoiceChanged, at: int, out: Context) -> Outcome:
    """A snapshot of an invoice."""
    data = event.data
    name = INVOICE + data.invoice_id
    held = held_invoice(client, data.invoice_id, out)
    version = (event.sequence or "", at, event.id)
    if held.id and (seen := outdated(version, held)) is not None:
        return seen
    count(client, data.invoice_id, held, out, -1)
    if data.status == ISSUED and held.status != ISSUED:
        # Payments that name it are kept from now on, except those that are forgotten already. The offset names this
        # issuing: a payment that was folded under it counts for as long as it lasts (`payments.is_known`).
        held.issue = out.fence + 1
        held.horizon = out.horizon
        held.paid = [one for one in held.paid if one[0] >= out.horizon_day]
    held.sequence, held.time, held.id = version
    held.status = data.status
    held.manager, held.team = data.manager_id, data.team_id or ""
    held.amount, held.currency, held.due = money(data.amount), data.currency, us(data.due_at)
    count(client, data.invoice_id, held, out, 1)
    client.put(name, encode(held))
    return FOLDED


def held_invoice(client: Page, invoice_id: str, out: Context) -> Invoice:
    """The invoice as it is known; one of which only payments are known has no status."""
    held = known(client.get(INVOICE + invoice_id), decode_invoice, out.horizon)
    if held is None:
        return Invoice("", 0, "")
    if held.status != ISSUED and held.time < out.horizon:
        return Invoice("", 0, "", latest=held.latest, paid=[one for one in held.paid if one[0] >= out.horizon_day])
    return held


def pay(client: Page, invoice_id: str, at: int, currency: str, amount: int, n: int, out: Context) -> int:
    """Add a payment to its invoice (n = 1) or take it back (-1); gives the invoice's `issue`, 0 when not issued."""
    held = held_invoice(client, invoice_id, out)
    count(client, invoice_id, held, out, -1)
    day = out.rules.local.day(at)
    paid, payments = n * amount, n
    others = []
    for one in held.paid:
        if one[0] == day and one[1] == currency:
            paid += one[2]
            payments += one[3]
        else:
            others.append(one)
    held.paid = [*others, (day, currency, paid, payments)] if payments else others
    held.latest = max(held.latest, at)
    count(client, invoice_id, held, out, 1)
    client.put(INVOICE + invoice_id, encode(held))
    return held.issue if held.status == ISSUED else 0


def count(client: Page, invoice_id: str, invoice: Invoice, out: Context, n: int) -> None:
    """Add (n = 1) or take back (-1) what is owed: never below 0 and never above the amount.

    What is paid in another currency is worth what the rates of its day say, which are known when it is shown: such an
    invoice is told by itself, with what was paid on which day.
    """
    if invoice.status != ISSUED:
        return
    due, currency = out.rules.local.day(invoice.due), invoice.currency
    who = OPEN, invoice.manager, invoice.team
    out.add(*who, (_is_open, currency), n)
    own = sum(paid for _, paid_in, paid, _ in invoice.paid if paid_in == currency)
    others = [(paid_in, day, paid) for day, paid_in, paid, _ in invoice.paid if paid and paid_in != currency]
    if not others:
        if (owed := min(max(invoice.amount - own, 0), invoice.amount)) > 0:
            out.add(*who, (_receivable, due, currency), n * owed)
        return
    what = client.name, invoice_id
    out.add(*who, (_asked, *what, due, currency), n * invoice.amount)
    for paid_in, day, paid in ((currency, 0, own), *others):
        out.add(*who, (_paid, *what, paid_in, day), n * paid)


def _is_open(currency: str) -> tuple[str, ...]:
    return (measure.key(OPEN_MONEY_EVENTS, currency),)


def _receivable(due: int, currency: str) -> tuple[str, ...]:
    return (measure.key(RECEIVABLE.code, str(due), currency),)


def _asked(client: str, invoice: str, due: int, currency: str) -> tuple[str, ...]:
    return (measure.key(RECEIVABLE_ASKED, client, invoice, str(due), currency),)


def _paid(client: str, invoice: str, currency: str, day: int) -> tuple[str, ...]:
    return (measure.key(RECEIVABLE_PAID, client, invoice, currency, str(day)),)


HANDLERS: Mapping[type, Handler] = {InvoiceChanged: changed}
KEEPERS: Mapping[str, Keeper] = {INVOICE: while_it_counts(decode_invoice)}
