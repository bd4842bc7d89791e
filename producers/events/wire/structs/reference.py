"""What is known rather than what happened: managers, pipelines, plans and rates, the latest of each kept by key.

Made by `sales-pulse generate` from the models; do not edit.
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct
from typing_extensions import override

from producers.events.wire.envelope import Data, Envelope, Id

PlanMeasure = Literal["won_amount", "revenue_amount", "deals_won", "calls", "meetings"]
PipelineOf = Literal["deal", "lead"]


class ManagerChangedData(Data, frozen=True, gc=False):
    """A manager's whole state."""

    manager_id: Id
    name: Id
    team_id: Id
    active: bool


class ManagerChanged(Envelope, frozen=True, gc=False, tag="sales.manager.changed.v1"):
    """A manager came, changed team or left."""

    type: ClassVar[str] = "sales.manager.changed.v1"
    data: ManagerChangedData

    @property
    @override
    def key(self) -> str:
        return f"manager:{self.data.manager_id}"


class StageName(Struct, frozen=True, gc=False):
    """A stage, and what people call it."""

    stage: Id
    name: Id


class PipelineChangedData(Data, frozen=True, gc=False):
    """What people call a pipeline of deals, or of leads, and its stages in their order."""

    of: PipelineOf
    pipeline: Id
    name: Id
    stages: Annotated[list[StageName], Meta(max_length=500)]


class PipelineChanged(Envelope, frozen=True, gc=False, tag="sales.pipeline.changed.v1"):
    """A pipeline or a stage of it was made or renamed."""

    type: ClassVar[str] = "sales.pipeline.changed.v1"
    data: PipelineChangedData

    @property
    @override
    def key(self) -> str:
        return f"pipeline:{self.data.of}:{self.data.pipeline}"


class PlanSetData(Data, frozen=True, gc=False):
    """A target; without a currency, money is in the base currency."""

    scope: str
    measure: PlanMeasure
    period: str
    target: str
    currency: str | None = None


class PlanSet(Envelope, frozen=True, gc=False, tag="sales.plan.set.v1"):
    """A plan was set."""

    type: ClassVar[str] = "sales.plan.set.v1"
    data: PlanSetData

    @property
    @override
    def key(self) -> str:
        return f"plan:{self.data.scope}:{self.data.measure}:{self.data.period}"


class RateSetData(Data, frozen=True, gc=False):
    """Units of the base currency for one unit of `currency`, from `date` on."""

    currency: str
    date: str
    rate: str


class RateSet(Envelope, frozen=True, gc=False, tag="sales.rate.set.v1"):
    """An exchange rate was set."""

    type: ClassVar[str] = "sales.rate.set.v1"
    data: RateSetData

    @property
    @override
    def key(self) -> str:
        return f"rate:{self.data.currency}:{self.data.date}"
