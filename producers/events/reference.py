"""What is known rather than what happened: managers, pipelines, plans and rates, the latest of each kept by key."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from producers.events.envelope import ContractModel, Data, Event
from producers.events.fields import Currency, Day, Id, Money, Period, Rate, Scope
from producers.events.rules import MOST_STAGES

__all__ = ["ManagerChanged", "PipelineChanged", "PlanSet", "RateSet"]

PlanMeasure = Literal["won_amount", "revenue_amount", "deals_won", "calls", "meetings"]
PipelineOf = Literal["deal", "lead"]


class ManagerChangedData(Data):
    """A manager's whole state."""

    keyed: ClassVar = "manager:{manager_id}"

    manager_id: Id
    name: Id
    team_id: Id
    active: bool


class ManagerChanged(Event):
    """A manager came, changed team or left."""

    type: Literal["sales.manager.changed.v1"] = "sales.manager.changed.v1"
    data: ManagerChangedData
    example: ClassVar = {"manager_id": "m-1", "name": "Anna", "team_id": "north", "active": True}


class StageName(ContractModel):
    """A stage, and what people call it."""

    stage: Id
    name: Id


class PipelineChangedData(Data):
    """What people call a pipeline of deals, or of leads, and its stages in their order."""

    keyed: ClassVar = "pipeline:{of}:{pipeline}"

    of: PipelineOf
    pipeline: Id
    name: Id
    stages: Annotated[list[StageName], Field(max_length=MOST_STAGES)]


class PipelineChanged(Event):
    """A pipeline or a stage of it was made or renamed."""

    type: Literal["sales.pipeline.changed.v1"] = "sales.pipeline.changed.v1"
    data: PipelineChangedData
    example: ClassVar = {
        "of": "deal",
        "pipeline": "7",
        "name": "Wholesale",
        "stages": [{"stage": "C7:NEW", "name": "Talking"}],
    }


class PlanSetData(Data):
    """A target; without a currency, money is in the base currency."""

    keyed: ClassVar = "plan:{scope}:{measure}:{period}"

    scope: Scope
    measure: PlanMeasure
    period: Period
    target: Money
    currency: Currency | None = None


class PlanSet(Event):
    """A plan was set."""

    type: Literal["sales.plan.set.v1"] = "sales.plan.set.v1"
    data: PlanSetData
    example: ClassVar = {
        "scope": "manager:m-1",
        "measure": "won_amount",
        "period": "2026-11",
        "target": "900000.00",
        "currency": "RUB",
    }


class RateSetData(Data):
    """Units of the base currency for one unit of `currency`, from `date` on."""

    keyed: ClassVar = "rate:{currency}:{date}"

    currency: Currency
    date: Day
    rate: Rate


class RateSet(Event):
    """An exchange rate was set."""

    type: Literal["sales.rate.set.v1"] = "sales.rate.set.v1"
    data: RateSetData
    example: ClassVar = {"currency": "USD", "date": "2026-11-23", "rate": "92.5"}
