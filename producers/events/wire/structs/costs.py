"""Costs of selling.

Made by `sales-pulse generate` from the models; do not edit.
"""

from typing import ClassVar

from typing_extensions import override

from producers.events.wire.envelope import Data, Envelope, Id


class CostBookedData(Data, frozen=True, gc=False):
    """A cost of selling; it has no client, so its own id is the key."""

    cost_id: Id
    amount: str
    currency: str
    category: Id
    manager_id: Id | None = None
    team_id: Id | None = None


class CostBooked(Envelope, frozen=True, gc=False, tag="sales.cost.booked.v1"):
    """A cost was booked; `time` is the day it belongs to."""

    type: ClassVar[str] = "sales.cost.booked.v1"
    data: CostBookedData

    @property
    @override
    def key(self) -> str:
        return self.data.cost_id
