"""Leads, deals and invoices: snapshots, the latest version of which replaces what the earlier one said.

Made by `sales-pulse generate` from the models; do not edit.
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta
from typing_extensions import override

from producers.events.rules import EARLIEST, is_money
from producers.events.wire.envelope import Data, Envelope, Id, Moment, in_range, is_soon, known_currency

Temperature = Literal["cold", "warm", "hot"]
LeadStatus = Literal["open", "converted", "lost"]
DealStatus = Literal["open", "won", "lost"]
InvoiceStatus = Literal["issued", "cancelled", "written_off"]


class LeadChangedData(Data, frozen=True, gc=False):
    """A lead's whole state; without `status` it is open."""

    lead_id: Id
    client_id: Id
    manager_id: Id
    temperature: Temperature
    created_at: Moment
    team_id: Id | None = None
    status: LeadStatus | None = None


class LeadChanged(Envelope, frozen=True, gc=False, tag="sales.lead.changed.v1"):
    """A lead was made or changed; `time` is the change."""

    type: ClassVar[str] = "sales.lead.changed.v1"
    data: LeadChangedData

    @override
    def sound(self) -> bool:
        data, time = self.data, self.time
        return EARLIEST <= data.created_at <= time or is_soon(data.created_at, time)


class LeadDeletedData(Data, frozen=True, gc=False):
    """A lead, named."""

    lead_id: Id
    client_id: Id


class LeadDeleted(Envelope, frozen=True, gc=False, tag="sales.lead.deleted.v1"):
    """A lead was deleted; a greater version after it brings the lead back."""

    type: ClassVar[str] = "sales.lead.deleted.v1"
    data: LeadDeletedData


class DealChangedData(Data, frozen=True, gc=False):
    """A deal's whole state; `cost` is its direct cost in the deal's currency."""

    deal_id: Id
    client_id: Id
    manager_id: Id
    pipeline: Id
    stage: Id
    status: DealStatus
    amount: str
    currency: str
    created_at: Moment
    team_id: Id | None = None
    cost: str | None = None
    probability: Annotated[float, Meta(ge=0, le=1)] | None = None
    closed_at: Moment | None = None


class DealChanged(Envelope, frozen=True, gc=False, tag="sales.deal.changed.v1"):
    """A deal was made or changed; `time` is the change."""

    type: ClassVar[str] = "sales.deal.changed.v1"
    data: DealChangedData

    @override
    def sound(self) -> bool:
        data, time = self.data, self.time
        return (
            is_money(data.amount) is not None
            and known_currency(data.currency)
            and (EARLIEST <= data.created_at <= time or is_soon(data.created_at, time))
            and (data.cost is None or is_money(data.cost) is not None)
            and (data.closed_at is None or EARLIEST <= data.closed_at <= time or is_soon(data.closed_at, time))
            and (data.closed_at is not None or data.status not in ("won", "lost"))
        )


class DealDeletedData(Data, frozen=True, gc=False):
    """A deal, named."""

    deal_id: Id
    client_id: Id


class DealDeleted(Envelope, frozen=True, gc=False, tag="sales.deal.deleted.v1"):
    """A deal was deleted; a greater version after it brings the deal back."""

    type: ClassVar[str] = "sales.deal.deleted.v1"
    data: DealDeletedData


class InvoiceChangedData(Data, frozen=True, gc=False):
    """An invoice's whole state; `due_at` may lie ahead."""

    invoice_id: Id
    client_id: Id
    manager_id: Id
    amount: str
    currency: str
    status: InvoiceStatus
    issued_at: Moment
    due_at: Moment
    team_id: Id | None = None


class InvoiceChanged(Envelope, frozen=True, gc=False, tag="sales.invoice.changed.v1"):
    """An invoice was issued or changed; `time` is the change."""

    type: ClassVar[str] = "sales.invoice.changed.v1"
    data: InvoiceChangedData

    @override
    def sound(self) -> bool:
        data, time = self.data, self.time
        return (
            is_money(data.amount) is not None
            and known_currency(data.currency)
            and (EARLIEST <= data.issued_at <= time or is_soon(data.issued_at, time))
            and in_range(data.due_at)
        )
