"""Leads, deals and invoices: snapshots, the latest version of which replaces what the earlier one said."""

from typing import ClassVar, Literal, Self

from pydantic import ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from producers.events.envelope import ClientData, Event
from producers.events.fields import Currency, Id, Moment, Money, Probability

Temperature = Literal["cold", "warm", "hot"]
LeadStatus = Literal["open", "converted", "lost"]
DealStatus = Literal["open", "won", "lost"]
InvoiceStatus = Literal["issued", "cancelled", "written_off"]


class LeadChangedData(ClientData):
    """A lead's whole state; without `status` it is open."""

    times: ClassVar[tuple[str, ...]] = ("created_at",)

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


class LeadDeletedData(ClientData):
    """A lead, named."""

    lead_id: Id
    client_id: Id


class LeadDeleted(Event):
    """A lead was deleted; a greater version after it brings the lead back."""

    type: Literal["sales.lead.deleted.v1"] = "sales.lead.deleted.v1"
    data: LeadDeletedData


class DealChangedData(ClientData):
    """A deal's whole state; `cost` is its direct cost in the deal's currency."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"status": {"enum": ["won", "lost"]}}},
            "then": {"required": ["closed_at"], "properties": {"closed_at": {"type": "string"}}},
        }
    )

    times: ClassVar[tuple[str, ...]] = ("created_at", "closed_at")

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

    @model_validator(mode="after")
    def _closed_deals_say_when(self) -> Self:
        if self.status != "open" and self.closed_at is None:
            raise PydanticCustomError(
                "closed_at", "is missing; a won or lost deal needs it", {"field": "data.closed_at"}
            )
        return self


class DealChanged(Event):
    """A deal was made or changed; `time` is the change."""

    type: Literal["sales.deal.changed.v1"] = "sales.deal.changed.v1"
    data: DealChangedData


class DealDeletedData(ClientData):
    """A deal, named."""

    deal_id: Id
    client_id: Id


class DealDeleted(Event):
    """A deal was deleted; a greater version after it brings the deal back."""

    type: Literal["sales.deal.deleted.v1"] = "sales.deal.deleted.v1"
    data: DealDeletedData


class InvoiceChangedData(ClientData):
    """An invoice's whole state; `due_at` may lie ahead."""

    times: ClassVar[tuple[str, ...]] = ("issued_at",)

    invoice_id: Id
    client_id: Id
    manager_id: Id
    amount: Money
    currency: Currency
    status: InvoiceStatus
    issued_at: Moment
    due_at: Moment
    team_id: Id | None = None


class InvoiceChanged(Event):
    """An invoice was issued or changed; `time` is the change."""

    type: Literal["sales.invoice.changed.v1"] = "sales.invoice.changed.v1"
    data: InvoiceChangedData
