"""Leads, deals and invoices: snapshots, the latest version of which replaces what the earlier one said.

Made by `sales-pulse generate` from the models; do not edit.
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from producers.events.wire.envelope import Data, Envelope, Id, Moment

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
