"""Payments, refunds, costs and what is owed of invoices."""

from itertools import permutations

import pytest

from tests.support.folding import Log, everything, fold, total

DUE = "739974"
INVOICE = ("invoice.changed", {
    "invoice_id": "i", "amount": "100", "currency": "RUB", "status": "issued",
    "issued_at": "2026-11-01T00:00:00Z", "due_at": "2026-12-24T00:00:00Z", "sequence": "1",
})  # fmt: skip


def _paid(amount: str, kind: str = "received", **more: str) -> tuple[str, dict[str, str]]:
    return f"payment.{kind}", {"payment_id": "p", "amount": amount, "currency": "RUB", "invoice_id": "i", **more}


DAY = "739943"
PAID = ("rp", "cl-1", "i")
ASKED = ("ri", "cl-1", "i", DUE, "RUB")


def _log(*events: tuple[str, dict[str, str]]) -> Log:
    log = Log()
    for i, (kind, data) in enumerate(events):
        log.add(kind, f"2026-11-23T09:{i:02}:00Z", **({} if kind == "cost.booked" else {"manager_id": "m-1"}), **data)
    return log


def _again(**changes: str) -> tuple[str, dict[str, str]]:
    return INVOICE[0], {**INVOICE[1], "sequence": "2", **changes}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([INVOICE], {("rc", DUE, "RUB"): 1_000_000}),
        ([INVOICE, _paid("30")], {("rc", DUE, "RUB"): 700_000}),
        ([INVOICE, _paid("30"), _paid("30", "refunded")], {("rc", DUE, "RUB"): 1_000_000}),
        ([INVOICE, _paid("30"), _paid("50")], {("rc", DUE, "RUB"): 500_000}),
        ([INVOICE, _paid("30"), _paid("30", invoice_id="other")], {("rc", DUE, "RUB"): 1_000_000}),
        ([INVOICE, _paid("100")], {}),
        ([INVOICE, _paid("130")], {}),
        ([INVOICE, _paid("130"), _paid("40", "refunded")], {("rc", DUE, "RUB"): 100_000}),
        ([INVOICE, _paid("30"), _again(status="cancelled")], None),
        ([INVOICE, _paid("30"), _again(status="written_off")], None),
        ([INVOICE, _again(status="cancelled"), _paid("30"), _again(sequence="3")], {("rc", DUE, "RUB"): 700_000}),
        ([INVOICE, _again(amount="50")], {("rc", DUE, "RUB"): 500_000}),
        ([INVOICE, _again(due_at="2026-12-25T00:00:00Z")], {("rc", "739975", "RUB"): 1_000_000}),
        ([INVOICE, _paid("30", "refunded")], {("rc", DUE, "RUB"): 1_000_000}),
        ([INVOICE, _paid("30", currency="USD")], {ASKED: 1_000_000, (*PAID, "USD", DAY): 300_000}),
        (
            [INVOICE, _paid("30", currency="USD"), _paid("5", payment_id="q"), _paid("1", "refunded", currency="USD")],
            {ASKED: 1_000_000, (*PAID, "USD", DAY): 290_000, (*PAID, "RUB", "0"): 50_000},
        ),
        ([INVOICE, _paid("30", currency="USD"), _paid("30", "refunded", currency="USD")], {("rc", DUE, "RUB"): 10**6}),
        ([INVOICE, _paid("30", currency="USD"), _paid("30")], {("rc", DUE, "RUB"): 700_000}),
    ],
)
def test_what_is_owed(events, expected):
    """Amount less payments plus refunds that name the invoice, between 0 and the amount, per due day.

    What is paid in another currency stands beside what the invoice asks for, by the day whose rates count.
    """
    sums = total(everything(fold(_log(*events))), "o")
    assert sums == ({} if expected is None else {("mo", "RUB"): 1, **expected})


def test_invoice_and_payments_in_any_order():
    """A payment may come before its invoice."""
    events = [INVOICE, _paid("30"), _paid("10", "refunded"), _paid("5", payment_id="q")]
    expected = {("mo", "RUB"): 1, ("rc", DUE, "RUB"): 750_000}
    for order in permutations(events):
        assert total(everything(fold(_log(*order))), "o") == expected


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([_paid("30")], {("rv", "RUB"): 300_000, ("me", "RUB"): 1}),
        ([_paid("30"), _paid("12", "refunded")], {("rv", "RUB"): 180_000, ("me", "RUB"): 2}),
        ([_paid("30"), _paid("30", "refunded")], {("me", "RUB"): 2}),
        ([_paid("30"), _paid("30", currency="USD")], {("rv", "USD"): 300_000, ("me", "USD"): 1}),
        (
            [("cost.booked", {"cost_id": "k", "category": "ads", "amount": "7", "currency": "RUB"})],
            {("co", "ads", "RUB"): 70_000, ("me", "RUB"): 1},
        ),
    ],
)
def test_money_that_moved(events, expected):
    """Payments less refunds at their time; a newer version replaces the older; ids of refunds are apart."""
    assert total(everything(fold(_log(*events))), "d") == expected


def test_a_cost_of_a_team_has_an_unknown_manager_and_never_meets_a_client():
    """A cost's id may equal a client's."""
    log = _log(
        ("cost.booked", {"cost_id": "cl-1", "category": "ads", "amount": "7", "currency": "RUB", "team_id": "t"})
    )
    log.add("meeting.held", "2026-11-23T09:00:00Z", meeting_id="x", manager_id="m-1")
    held = everything(fold(log))
    assert set(held["d", 739943]) == {("unknown", "t"), ("m-1", "")}
