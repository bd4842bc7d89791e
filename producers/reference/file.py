"""The reference file: its form, and the records of the contract that it stands for."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from producers.events.fields import Currency, Day, Id, Money, Period, Rate
from producers.events.reference import PipelineOf, PlanMeasure
from producers.events.rules import MOST_STAGES
from producers.faults import say
from producers.reference.errors import ReferenceProblem
from producers.reference.text import Place, Text

Record = dict[str, Any]
"""The `data` of one event, without absent fields."""


class _ReferenceModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ManagerEntry(_ReferenceModel):
    """One manager."""

    id: Id
    name: Id
    team: Id
    active: bool = True


class PlanEntry(_ReferenceModel):
    """The targets of one measure in one period, at any of the three levels."""

    measure: PlanMeasure
    period: Period
    currency: Currency | None = None
    company: Money | None = None
    teams: dict[Id, Money] = {}
    managers: dict[Id, Money] = {}


class PipelineEntry(_ReferenceModel):
    """What people call a pipeline and its stages, in their order."""

    id: Id
    of: PipelineOf = "deal"
    name: Id
    stages: Annotated[dict[Id, Id], Field(max_length=MOST_STAGES)] = {}


class ReferenceFile(_ReferenceModel):
    """The whole file. `calendar` is checked by whoever knows its format."""

    teams: Annotated[tuple[Id, ...] | None, Field(description="all team ids, against misspellings")] = None
    managers: tuple[ManagerEntry, ...] = ()
    plans: tuple[PlanEntry, ...] = ()
    rates: dict[Currency, dict[Day, Rate]] = {}
    pipelines: tuple[PipelineEntry, ...] = ()
    calendar: dict[str, Any] | None = None


def read(text: str, name: str, calendar_problem: Callable[[dict[str, Any]], str | None]) -> ReferenceFile:
    """Read and check a whole file. Raises ReferenceProblem with every problem, one a line.

    `calendar_problem` says what is wrong with the calendar section, whose format this room does not know.
    """
    source = Text(text, name)
    problems = list(source.problems)
    calendar = source.content.get("calendar") if isinstance(source.content, dict) else None
    if isinstance(calendar, dict) and (what := calendar_problem(calendar)):
        problems.append(source.problem(("calendar",), what))
    try:
        file = ReferenceFile.model_validate(source.content)
    except ValidationError as error:
        for fault in error.errors():
            place = tuple(step for step in fault["loc"] if step != "[key]")
            problems.append(source.problem(place, say(fault)))
        raise ReferenceProblem("\n".join(problems)) from None
    problems += [source.problem(place, what) for place, what in _contradictions(file)]
    if problems:
        raise ReferenceProblem("\n".join(problems))
    return file


def records(file: ReferenceFile) -> dict[str, tuple[str, Record]]:
    """Return Kafka key → (type, data) of all that a file says."""
    found: dict[str, tuple[str, Record]] = {}
    for entry in file.managers:
        data = {"manager_id": entry.id, "name": entry.name, "team_id": entry.team, "active": entry.active}
        found[f"manager:{entry.id}"] = ("sales.manager.changed.v1", data)
    for plan in file.plans:
        for scope, target, _ in _targets(plan):
            data = {"scope": scope, "measure": plan.measure, "period": plan.period, "target": target}
            if plan.currency:
                data["currency"] = plan.currency
            found[f"plan:{scope}:{plan.measure}:{plan.period}"] = ("sales.plan.set.v1", data)
    for currency, days in file.rates.items():
        for day, rate in days.items():
            data = {"currency": currency, "date": str(day), "rate": rate}
            found[f"rate:{currency}:{day}"] = ("sales.rate.set.v1", data)
    for pipeline in file.pipelines:
        stages = [{"stage": stage, "name": name} for stage, name in pipeline.stages.items()]
        data = {"of": pipeline.of, "pipeline": pipeline.id, "name": pipeline.name, "stages": stages}
        found[f"pipeline:{pipeline.of}:{pipeline.id}"] = ("sales.pipeline.changed.v1", data)
    return found


def _targets(plan: PlanEntry) -> Iterator[tuple[str, str, Place]]:
    if plan.company is not None:
        yield "company", plan.company, ("company",)
    for team, target in plan.teams.items():
        yield f"team:{team}", target, ("teams", team)
    for manager, target in plan.managers.items():
        yield f"manager:{manager}", target, ("managers", manager)


def _twice(file: ReferenceFile) -> Iterator[tuple[Place, str]]:
    pipelines: set[tuple[str, str]] = set()
    for number, pipeline in enumerate(file.pipelines):
        if (pipeline.of, pipeline.id) in pipelines:
            yield ("pipelines", number, "id"), f"{pipeline.id!r} is there twice"
        pipelines.add((pipeline.of, pipeline.id))


def _contradictions(file: ReferenceFile) -> Iterator[tuple[Place, str]]:
    """Yield what each part allows but the whole does not."""
    teams = set(file.teams) if file.teams is not None else None
    managers: set[str] = set()
    for number, entry in enumerate(file.managers):
        if entry.id in managers:
            yield ("managers", number, "id"), f"{entry.id!r} is there twice"
        managers.add(entry.id)
        if teams is not None and entry.team not in teams:
            yield ("managers", number, "team"), f"{entry.team!r} is not among `teams`"
    yield from _twice(file)
    known_teams = teams or {entry.team for entry in file.managers}
    seen: set[tuple[str, str, str]] = set()
    for number, plan in enumerate(file.plans):
        for scope, _, place in _targets(plan):
            here = ("plans", number, *place)
            key = (scope, plan.measure, plan.period)
            if key in seen:
                yield here, f"another plan of {scope} for {plan.measure} in {plan.period} stands above"
            seen.add(key)
            kind, _, id_ = scope.partition(":")
            if kind == "manager" and managers and id_ not in managers:
                yield here, f"{id_!r} is not among `managers`"
            if kind == "team" and known_teams and id_ not in known_teams:
                yield here, f"no manager of this file is in the team {id_!r}"
        if plan.currency and not plan.measure.endswith("_amount"):
            yield ("plans", number, "currency"), f"{plan.measure} is a number, not money: leave the currency out"
