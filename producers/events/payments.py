"""Payments and refunds: money that moved."""

from typing import ClassVar, Literal

from producers.events.envelope import ClientData, Event
from producers.events.fields import Currency, Id, Money

__all__ = ["PaymentReceived", "PaymentRefunded"]


class PaymentData(ClientData):
    """Money that came in or went back; it carries the client of the deal or invoice that it names."""

    payment_id: Id
    client_id: Id
    manager_id: Id
    amount: Money
    currency: Currency
    team_id: Id | None = None
    deal_id: Id | None = None
    invoice_id: Id | None = None


class PaymentReceived(Event):
    """A client paid; `time` is the receipt."""

    type: Literal["sales.payment.received.v1"] = "sales.payment.received.v1"
    data: PaymentData
    entity: ClassVar = ("payment", "payment_id")
    example: ClassVar = {
        "payment_id": "p-1",
        "client_id": "cl-1",
        "manager_id": "m-1",
        "amount": "1250.00",
        "currency": "RUB",
        "invoice_id": "i-1",
    }


class PaymentRefunded(Event):
    """A client got money back; its id is in an id space apart from payments."""

    type: Literal["sales.payment.refunded.v1"] = "sales.payment.refunded.v1"
    data: PaymentData
    entity: ClassVar = ("refund", "payment_id")
    example: ClassVar = {
        "payment_id": "r-1",
        "client_id": "cl-1",
        "manager_id": "m-1",
        "amount": "1250.00",
        "currency": "RUB",
    }
