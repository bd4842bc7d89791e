"""Payments, refunds and costs: money that moved."""

from typing import Literal

from producers.events.envelope import ClientData, Data, Event
from producers.events.fields import Currency, Id, Money


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


class PaymentRefunded(Event):
    """A client got money back; its id is in an id space apart from payments."""

    type: Literal["sales.payment.refunded.v1"] = "sales.payment.refunded.v1"
    data: PaymentData


class CostBookedData(Data):
    """A cost of selling; it has no client, so its own id is the key."""

    cost_id: Id
    amount: Money
    currency: Currency
    category: Id
    manager_id: Id | None = None
    team_id: Id | None = None

    @property
    def key(self) -> str:
        """The Kafka key."""
        return self.cost_id


class CostBooked(Event):
    """A cost was booked; `time` is the day it belongs to."""

    type: Literal["sales.cost.booked.v1"] = "sales.cost.booked.v1"
    data: CostBookedData
