"""Leads, deals and invoices: snapshots, the latest version of which replaces what the earlier one said."""

from typing import ClassVar, Literal

from producers.events.envelope import ClientData, ConditionalData, Event, Needed
from producers.events.fields import Currency, DueMoment, Id, Moment, Money, Probability

__all__ = ["DealChanged", "DealDeleted", "InvoiceChanged", "LeadChanged", "LeadDeleted"]

Temperature = Literal["cold", "warm", "hot"]
LeadStatus = Literal["open", "converted", "lost"]
DealStatus = Literal["open", "won", "lost"]
InvoiceStatus = Literal["issued", "cancelled", "written_off"]


class LeadChangedData(ClientData):
    """A lead's whole state; without `status` it is open."""

    lead_id: Id
    client_id: Id
    manager_id: Id
    temperature: Temperature
    created_at: Moment
    team_id: Id | None = None
    status: LeadStatus | None = None


class LeadChanged(Event):
    """A lead was made or changed; `time` is the change."""

    type: Literal["sales.lead.changed.v1"] = "sales.lead.changed.v1"
    data: LeadChangedData
    entity: ClassVar = ("lead", "lead_id")
    example: ClassVar = {
        "lead_id": "l-1",
        "client_id": "cl-1",
        "manager_id": "m-1",
        "temperature": "warm",
        "created_at": "2026-11-23T09:00:00Z",
        "status": "converted",
    }


class LeadDeletedData(ClientData):
    """A lead, named."""

    lead_id: Id
    client_id: Id


class LeadDeleted(Event):
    """A lead was deleted; a greater version after it brings the lead back."""

    type: Literal["sales.lead.deleted.v1"] = "sales.lead.deleted.v1"
    data: LeadDeletedData
    entity: ClassVar = ("lead", "lead_id")
    example: ClassVar = {"lead_id": "l-1", "client_id": "cl-1"}


class DealChangedData(ConditionalData):
    """A deal's whole state; `cost` is its direct cost in the deal's currency."""

    needed: ClassVar = Needed("closed_at", "status", ("won", "lost"), "a won or lost deal needs it")

    deal_id: Id
    client_id: Id
    manager_id: Id
    pipeline: Id
    stage: Id
    status: DealStatus
    amount: Money
    currency: Currency
    created_at: Moment
    team_id: Id | None = None
    cost: Money | None = None
    probability: Probability | None = None
    closed_at: Moment | None = None


class DealChanged(Event):
    """A deal was made or changed; `time` is the change."""

    type: Literal["sales.deal.changed.v1"] = "sales.deal.changed.v1"
    data: DealChangedData
    entity: ClassVar = ("deal", "deal_id")
    example: ClassVar = {
        "deal_id": "d-1",
        "client_id": "cl-1",
        "manager_id": "m-1",
        "pipeline": "retail",
        "stage": "WON",
        "status": "won",
        "amount": "1250.00",
        "currency": "RUB",
        "cost": "800.0000",
        "probability": 1,
        "created_at": "2026-11-23T09:00:00Z",
        "closed_at": "2026-11-23T09:00:00Z",
    }


class DealDeletedData(ClientData):
    """A deal, named."""

    deal_id: Id
    client_id: Id


class DealDeleted(Event):
    """A deal was deleted; a greater version after it brings the deal back."""

    type: Literal["sales.deal.deleted.v1"] = "sales.deal.deleted.v1"
    data: DealDeletedData
    entity: ClassVar = ("deal", "deal_id")
    example: ClassVar = {"deal_id": "d-1", "client_id": "cl-1"}


class InvoiceChangedData(ClientData):
    """An invoice's whole state; `due_at` may lie ahead."""

    invoice_id: Id
    client_id: Id
    manager_id: Id
    amount: Money
    currency: Currency
    status: InvoiceStatus
    issued_at: Moment
    due_at: DueMoment
    team_id: Id | None = None


class InvoiceChanged(Event):
    """An invoice was issued or changed; `time` is the change."""

    type: Literal["sales.invoice.changed.v1"] = "sales.invoice.changed.v1"
    data: InvoiceChangedData
    entity: ClassVar = ("invoice", "invoice_id")
    example: ClassVar = {
        "invoice_id": "i-1",
        "client_id": "cl-1",
        "manager_id": "m-1",
        "amount": "1250.00",
        "currency": "RUB",
        "status": "issued",
        "issued_at": "2026-11-23T09:00:00Z",
        "due_at": "2027-01-15T00:00:00+03:00",
    }
