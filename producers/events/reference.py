"""What is known rather than what happened: managers, plans and rates, the latest of each kept by key."""

from typing import Literal

from producers.events.envelope import Data, Event
from producers.events.fields import Currency, Day, Id, Money, Period, Rate, Scope

PlanMeasure = Literal["won_amount", "revenue_amount", "deals_won", "calls", "meetings"]


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
