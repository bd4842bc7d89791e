"""Costs of selling."""

from typing import ClassVar, Literal

from producers.events.envelope import Data, Event
from producers.events.fields import Currency, Id, Money

__all__ = ["CostBooked"]


class CostBookedData(Data):
    """A cost of selling; it has no client, so its own id is the key."""

    keyed: ClassVar = "{cost_id}"

    cost_id: Id
    amount: Money
    currency: Currency
    category: Id
    manager_id: Id | None = None
    team_id: Id | None = None


class CostBooked(Event):
    """A cost was booked; `time` is the day it belongs to."""

    type: Literal["sales.cost.booked.v1"] = "sales.cost.booked.v1"
    data: CostBookedData
    entity: ClassVar = ("cost", "cost_id")
    example: ClassVar = {"cost_id": "k-1", "amount": "1250.00", "currency": "RUB", "category": "advertising"}
