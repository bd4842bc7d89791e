"""Reference data as the exporter needs it: the roster, plans and rates, from the view's reference hash."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

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

    def team_of(self, manager: str, stated: str) -> str:
        """The team as stated, else by the roster, else unknown."""
        if stated:
            return stated
        known = self.managers.get(manager)
        return known.team if known else UNKNOWN

    def name_of(self, manager: str) -> str:
        """A manager's name; the id while the roster does not know it."""
        known = self.managers.get(manager)
        return known.name if known else manager


def build(records: dict[str, dict[str, Any]], base: str) -> Reference:
    """Look up tables from reference records: key → {"type", "data"}; unknown types are left out."""
    reference = Reference(Rates(base))
    for record in records.values():
        data = record["data"]
        match str(record["type"]).split(".")[1]:
            case "manager":
                manager = Manager(data["manager_id"], data["name"], data["team_id"], bool(data["active"]))
                reference.managers[manager.id] = manager
            case "plan":
                level, _, name = data["scope"].partition(":")
                plan = PlanRecord((level, name), data["measure"], data["period"], data["target"], data.get("currency"))
                reference.plans[plan.scope, plan.measure, plan.period] = plan
            case "rate":
                reference.rates.set(data["currency"], date.fromisoformat(data["date"]).toordinal(), data["rate"])
    return reference
