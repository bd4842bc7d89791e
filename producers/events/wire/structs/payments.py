"""Payments and refunds: money that moved.

Made by `sales-pulse generate` from the models; do not edit.
"""

from typing import ClassVar

from producers.events.wire.envelope import Data, Envelope, Id


class PaymentData(Data, frozen=True, gc=False):
    """Money that came in or went back; it carries the client of the deal or invoice that it names."""

    payment_id: Id
    client_id: Id
    manager_id: Id
    amount: str
    currency: str
    team_id: Id | None = None
    deal_id: Id | None = None
    invoice_id: Id | None = None


class PaymentReceived(Envelope, frozen=True, gc=False, tag="sales.payment.received.v1"):
    """A client paid; `time` is the receipt."""

    type: ClassVar[str] = "sales.payment.received.v1"
    data: PaymentData


class PaymentRefunded(Envelope, frozen=True, gc=False, tag="sales.payment.refunded.v1"):
    """A client got money back; its id is in an id space apart from payments."""

    type: ClassVar[str] = "sales.payment.refunded.v1"
    data: PaymentData
