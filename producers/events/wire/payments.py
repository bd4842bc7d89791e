"""Payments, refunds and costs on the wire."""

from typing import ClassVar

from typing_extensions import override

from producers.events.rules import is_money
from producers.events.wire.envelope import Data, Envelope, Id, known_currency


class PaymentData(Data, frozen=True, gc=False):
    """Money that came in or went back."""

    payment_id: Id
    client_id: Id
    manager_id: Id
    amount: str
    currency: str
    team_id: Id | None = None
    deal_id: Id | None = None
    invoice_id: Id | None = None


class PaymentReceived(Envelope, frozen=True, gc=False, tag="sales.payment.received.v1"):
    """A client paid."""

    type: ClassVar[str] = "sales.payment.received.v1"
    data: PaymentData

    @override
    def sound(self) -> bool:
        return is_money(self.data.amount) is not None and known_currency(self.data.currency)


class PaymentRefunded(Envelope, frozen=True, gc=False, tag="sales.payment.refunded.v1"):
    """A client got money back; its id is in an id space apart from payments."""

    type: ClassVar[str] = "sales.payment.refunded.v1"
    data: PaymentData

    @override
    def sound(self) -> bool:
        return is_money(self.data.amount) is not None and known_currency(self.data.currency)


class CostBookedData(Data, frozen=True, gc=False):
    """A cost of selling."""

    cost_id: Id
    amount: str
    currency: str
    category: Id
    manager_id: Id | None = None
    team_id: Id | None = None


class CostBooked(Envelope, frozen=True, gc=False, tag="sales.cost.booked.v1"):
    """A cost was booked; it has no client, so its own id is the key."""

    type: ClassVar[str] = "sales.cost.booked.v1"
    data: CostBookedData

    @property
    @override
    def key(self) -> str:
        return self.data.cost_id

    @override
    def sound(self) -> bool:
        return is_money(self.data.amount) is not None and known_currency(self.data.currency)
