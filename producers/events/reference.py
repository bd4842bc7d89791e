"""What is known rather than what happened: managers, pipelines, plans and rates, the latest of each kept by key."""

from typing import Annotated, Literal

from pydantic import Field

from producers.events.envelope import ContractModel, Data, Event
from producers.events.fields import Currency, Day, Id, Money, Period, Rate, Scope
from producers.events.rules import MOST_STAGES

PlanMeasure = Literal["won_amount", "revenue_amount", "deals_won", "calls", "meetings"]
PipelineOf = Literal["deal", "lead"]


class ManagerChangedData(Data):
    """A manager's whole state."""

    manager_id: Id
    name: Id
    team_id: Id
    active: bool

    @property
    def key(self) -> str:
        """The Kafka key."""
        return f"manager:{self.manager_id}"


class ManagerChanged(Event):
    """A manager came, changed team or left."""

    type: Literal["sales.manager.changed.v1"] = "sales.manager.changed.v1"
    data: ManagerChangedData


class StageName(ContractModel):
    """A stage, and what people call it."""

    stage: Id
    name: Id


class PipelineChangedData(Data):
    """What people call a pipeline of deals, or of leads, and its stages in their order."""

    of: PipelineOf
    pipeline: Id
    name: Id
    stages: Annotated[list[StageName], Field(max_length=MOST_STAGES)]

    @property
    def key(self) -> str:
        """The Kafka key."""
        return f"pipeline:{self.of}:{self.pipeline}"


class PipelineChanged(Event):
    """A pipeline or a stage of it was made or renamed."""

    type: Literal["sales.pipeline.changed.v1"] = "sales.pipeline.changed.v1"
    data: PipelineChangedData


class PlanSetData(Data):
    """A target; without a currency, money is in the base currency."""

    scope: Scope
    measure: PlanMeasure
    period: Period
    target: Money
    currency: Currency | None = None

    @property
    def key(self) -> str:
        """The Kafka key."""
        return f"plan:{self.scope}:{self.measure}:{self.period}"


class PlanSet(Event):
    """A plan was set."""

    type: Literal["sales.plan.set.v1"] = "sales.plan.set.v1"
    data: PlanSetData


class RateSetData(Data):
    """Units of the base currency for one unit of `currency`, from `date` on."""

    currency: Currency
    date: Day
    rate: Rate

    @property
    def key(self) -> str:
        """The Kafka key."""
        return f"rate:{self.currency}:{self.date}"


class RateSet(Event):
    """An exchange rate was set."""

    type: Literal["sales.rate.set.v1"] = "sales.rate.set.v1"
    data: RateSetData
