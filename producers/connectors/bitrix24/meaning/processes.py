"""Smart processes that count: which of them hold sales, costs and plans, and in which fields."""

from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from producers.events.fields import Id
from producers.events.reference import PlanMeasure

MEASURES: tuple[PlanMeasure, ...] = get_args(PlanMeasure)


class Part(BaseModel):
    """A part of the mapping's file."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


Name = Annotated[str, Field(pattern=r"^([a-z][A-Za-z0-9]*|UF_CRM_[A-Z0-9_]+)$")]
"""A field of an item: as `crm.item.fields` names it, custom ones by their original names."""
_Number = Annotated[str, Field(pattern=r"^[1-9][0-9]{1,8}$")]
"""entityTypeId of a smart process."""


class Sales(Part):
    """A smart process whose items are sales, as deals are; absent parts are where deals have them."""

    amount: Name = "opportunity"
    currency: Name = "currencyId"
    manager: Name = "assignedById"
    cost: Name | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """What is asked of an item for this alone."""
        return tuple(name for name in (self.amount, self.currency, self.manager, self.cost) if name is not None)


class Costs(Part):
    """A smart process whose items are costs of selling."""

    amount: Name = "opportunity"
    currency: Name = "currencyId"
    date: Name = "begindate"
    category: Id
    """What they are for; a custom field that says it, where it begins with UF_CRM_."""
    categories: dict[str, Id] = Field(default_factory=dict)
    """Values of that field, as names."""
    manager: Name | None = None
    team: Name | None = None
    stages: tuple[str, ...] = ()
    """Stages in which a cost counts; without any all but those of failure."""

    @property
    def fields(self) -> tuple[str, ...]:
        """What is asked of an item for this alone."""
        named = (self.amount, self.currency, self.date, self.manager, self.team)
        return tuple(name for name in (*named, custom(self.category)) if name is not None)


class Plans(Part):
    """A smart process whose items are plans, each for one measure, one period and one manager, team or the company."""

    target: Name = "opportunity"
    currency: Name = "currencyId"
    measure: str = "won_amount"
    """Of what; a custom field that says it, where it begins with UF_CRM_."""
    measures: dict[str, PlanMeasure] = Field(default_factory=dict)
    """Values of that field, as measures."""
    period: Name = "begindate"
    """A date in it, or text like 2026-11, 2026-Q4, 2026."""
    length: Literal["month", "quarter", "year"] = "month"
    """How long a plan is whose period a date says."""
    level: Literal["manager", "team", "company"] = "manager"
    manager: Name = "assignedById"
    team: Name | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """What is asked of an item for this alone."""
        whose = {"manager": self.manager, "team": self.team, "company": None}[self.level]
        named = (self.target, self.currency, self.period, whose, custom(self.measure))
        return tuple(name for name in named if name is not None)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.level == "team" and self.team is None:
            raise ValueError("level team needs `team`: the field that says which one")
        if custom(self.measure) is None and self.measure not in MEASURES:
            raise ValueError(f"measure is one of {', '.join(MEASURES)}, or a custom field (UF_CRM_...)")
        return self


class Processes(Part):
    """What the items of smart processes are, by entityTypeId."""

    deals: dict[_Number, Sales] = Field(default_factory=dict)
    costs: dict[_Number, Costs] = Field(default_factory=dict)
    plans: dict[_Number, Plans] = Field(default_factory=dict)

    @property
    def fields(self) -> dict[str, tuple[str, ...]]:
        """Of each of them what is asked of its items."""
        return {number: part.fields for parts in (self.deals, self.costs, self.plans) for number, part in parts.items()}

    @model_validator(mode="after")
    def _each_is_one_thing(self) -> Self:
        numbers = [number for part in (self.deals, self.costs, self.plans) for number in part]
        if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
            raise ValueError(f"{', '.join(twice)} stands under two of deals, costs and plans")
        if wrong := sorted({"31"} & set(numbers)):
            raise ValueError(f"{', '.join(wrong)} is not a smart process: invoices are read as they are")
        return self


def custom(name: str) -> str | None:
    """A custom field where something else may stand."""
    return name if name.startswith("UF_CRM_") else None
