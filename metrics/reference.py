"""Reference data as the exporter needs it: the roster, names of pipelines, plans and rates, from the view's hash."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from unicodedata import normalize

from metrics.money import Rates

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Manager:
    """One person of the roster."""

    id: str
    name: str
    team: str
    active: bool


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """One plan. scope: ("manager", id), ("team", id) or ("company", "")."""

    scope: tuple[str, str]
    measure: str
    period: str
    target: str
    currency: str | None


@dataclass(slots=True)
class Reference:
    """All winning reference records, looked up by what they say."""

    rates: Rates
    managers: dict[str, Manager] = field(default_factory=dict)
    plans: dict[tuple[tuple[str, str], str, str], PlanRecord] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Manager → what people call him; no two of the roster are called the same."""
    pipelines: dict[str, str] = field(default_factory=dict)
    """Pipeline of deals → what people call it; no two are called the same."""
    stages: dict[tuple[str, str], str] = field(default_factory=dict)
    """Pipeline and stage → what people call the stage; no two of a pipeline are called the same."""

    def team_of(self, manager: str, stated: str) -> str:
        """The team as stated, else by the roster, else unknown."""
        if stated:
            return stated
        known = self.managers.get(manager)
        return known.team if known else UNKNOWN

    def teams(self) -> list[str]:
        """All teams that people or plans belong to, and the unknown one."""
        planned = {name for level, name in (plan.scope for plan in self.plans.values()) if level == "team"}
        return sorted({UNKNOWN, *planned, *(manager.team for manager in self.managers.values())})

    def known(self) -> set[str]:
        """Managers of the roster, and whoever has a plan."""
        return {*self.managers, *(name for (level, name), _, _ in self.plans if level == "manager")}

    def name_of(self, manager: str) -> str:
        """What people call a manager; the id while the roster does not know it."""
        return self.names.get(manager, manager)

    def names_of(self, labels: Mapping[str, str]) -> dict[str, str]:
        """What people call a pipeline, and the stage of it, that a number's labels name; nothing of what has no name.

        A stage is told apart by its pipeline; without that by itself, where all that have it call it the same.
        """
        found = {}
        pipeline, stage = labels.get("pipeline"), labels.get("stage")
        if pipeline is not None and pipeline in self.pipelines:
            found["pipeline"] = self.pipelines[pipeline]
        if stage is not None:
            named = {name for (of, one), name in self.stages.items() if one == stage and pipeline in (None, of)}
            if len(named) == 1:
                found["stage"] = named.pop()
        return found


def distinct(names: Mapping[str, str]) -> dict[str, str]:
    """Id → name, such that no two share one: those who would carry their id with it.

    Names that look the same are the same: spacing and the way accents are encoded make no difference.
    """
    shown = {person: normalize("NFC", " ".join(name.split())) or person for person, name in names.items()}
    while shared := {name for name, count in Counter(shown.values()).items() if count > 1}:
        shown = {person: f"{name} ({person})" if name in shared else name for person, name in shown.items()}
    return shown


def build(records: dict[str, dict[str, Any]], base: str) -> Reference:
    """Look up tables from reference records: key → {"type", "data"}; unknown types are left out."""
    reference, pipelines = Reference(Rates(base)), {}
    for record in records.values():
        data = record["data"]
        match str(record["type"]).split(".")[1]:
            case "manager":
                manager = Manager(data["manager_id"], data["name"], data["team_id"], bool(data["active"]))
                reference.managers[manager.id] = manager
            case "pipeline" if data["of"] == "deal":
                pipelines[data["pipeline"]] = data["name"]
                stages = distinct({one["stage"]: one["name"] for one in data["stages"]})
                reference.stages |= {(data["pipeline"], stage): name for stage, name in stages.items()}
            case "plan":
                level, _, name = data["scope"].partition(":")
                plan = PlanRecord((level, name), data["measure"], data["period"], data["target"], data.get("currency"))
                reference.plans[plan.scope, plan.measure, plan.period] = plan
            case "rate":
                reference.rates.set(data["currency"], date.fromisoformat(data["date"]).toordinal(), data["rate"])
    reference.pipelines = distinct(pipelines)
    reference.names = distinct({manager.id: manager.name for manager in reference.managers.values()})
    return reference
