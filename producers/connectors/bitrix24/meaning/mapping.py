"""What a portal's stages, fields and people mean: one YAML file, and sensible answers without it."""

from collections import abc
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from producers.connectors.bitrix24.errors import MappingError
from producers.connectors.bitrix24.meaning.processes import Part, Processes
from producers.events.calls import Outcome
from producers.events.deals import DealStatus, InvoiceStatus, LeadStatus, Temperature
from producers.events.fields import Id, Rate

_DEAL: dict[str, DealStatus] = {"S": "won", "F": "lost"}
_INVOICE: dict[str, InvoiceStatus] = {"F": "cancelled"}
_LEAD: dict[str, Temperature] = {"NEW": "cold", "CONVERTED": "hot", "JUNK": "cold"}
_LEAD_ENDED: dict[str, LeadStatus] = {"S": "converted", "F": "lost", "CONVERTED": "converted", "JUNK": "lost"}
"""By the portal's semantics, or the statuses that every portal has."""
_CALL: dict[str, Outcome] = {"200": "answered", "304": "missed", "603": "missed", "603-S": "abandoned", "486": "busy"}


class Stage(Part):
    """What a stage of deals is called, and whether it ends a deal; absent parts are as the portal has them."""

    status: DealStatus | None = None
    name: Id | None = None


class Meetings(Part):
    """Which completed activities are meetings."""

    types: tuple[str, ...] = ("1",)
    """TYPE_ID of activities."""
    providers: tuple[str, ...] = ()
    """PROVIDER_ID or PROVIDER_ID/PROVIDER_TYPE_ID of activities of type 6."""


class Mapping(Part):
    """The whole file."""

    stages: dict[str, Stage] = Field(default_factory=dict)
    ready_stages: tuple[str, ...] = ()
    pipelines: dict[str, Id] = Field(default_factory=dict)
    after_sales: tuple[str, ...] = ()
    """Funnels of what comes after the sale, by id."""
    cost_field: str | None = Field(None, pattern=r"^UF_CRM_[A-Z0-9_]+$")
    client: Literal["company", "contact"] = "company"
    leads: dict[str, Temperature] = Field(default_factory=dict)
    invoices: dict[str, InvoiceStatus] = Field(default_factory=dict)
    paid_by_stage: bool = True
    meetings: Meetings = Meetings()
    calls: dict[str, Outcome] = Field(default_factory=dict)
    managers: dict[str, Id] = Field(default_factory=dict)
    teams: dict[str, Id] = Field(default_factory=dict)
    rates: Literal["portal", "none"] | dict[str, Rate] = "portal"
    bots: tuple[str, ...] = ()
    handoff: str | None = None
    processes: Processes = Processes()

    @model_validator(mode="after")
    def _ready_stages_are_open(self) -> Self:
        closed = [name for name in self.ready_stages if (stage := self.stages.get(name)) and stage.status in _ENDED]
        if closed:
            raise ValueError(f"ready_stages: {', '.join(closed)} ends a deal; ready clients have open ones")
        return self

    def deal_status(self, stage: str, semantic: str | None) -> DealStatus:
        """Status of a deal in a stage; the portal's semantics (P, S, F) decide where the file is silent."""
        told = self.stages.get(stage)
        return (told and told.status) or _DEAL.get(semantic or "P", "open")

    def stage_name(self, stage: str) -> str:
        """The stage as the contract has it."""
        told = self.stages.get(stage)
        return (told and told.name) or stage

    def pipeline(self, category: str | int) -> str:
        """The pipeline as the contract has it: the funnel's id, or its name from the file."""
        return self.pipelines.get(str(category), str(category))

    def temperature(self, status: str, semantic: str | None) -> Temperature:
        """A new lead is cold, a converted one hot, one in work warm; what has failed is cold."""
        if status in self.leads:
            return self.leads[status]
        return _LEAD.get(status) or {"S": "hot", "F": "cold"}.get(semantic or "P", "warm")  # type: ignore[return-value]

    def lead_status(self, status: str, semantic: str | None) -> LeadStatus:
        """Whether a lead is still to be worked on."""
        return _LEAD_ENDED.get(semantic or status, "open")

    def invoice_status(self, stage: str, semantic: str | None) -> InvoiceStatus:
        """Status of a smart invoice: failed ones are cancelled, all others issued."""
        return self.invoices.get(stage) or _INVOICE.get(semantic or "P", "issued")

    def outcome(self, code: str) -> Outcome:
        """Outcome of a call by its CALL_FAILED_CODE."""
        return self.calls.get(code) or _CALL.get(code, "failed")

    def manager(self, user: str | int | None) -> str:
        """The manager behind a user of the portal; unknown for none."""
        number = str(user or "")
        return self.managers.get(number, number) if number not in {"", "0"} else "unknown"

    def team(self, department: str, names: abc.Mapping[str, str]) -> str:
        """The team behind a department: as the file has it, else its name; what is no department is a team's id."""
        return self.teams.get(department) or names.get(department) or department

    def is_meeting(self, activity: dict[str, Any]) -> bool:
        """Whether a completed activity is a meeting held."""
        kind, provider = str(activity.get("TYPE_ID")), str(activity.get("PROVIDER_ID") or "")
        named = {provider, f"{provider}/{activity.get('PROVIDER_TYPE_ID')}"}
        return kind in self.meetings.types or bool(named & set(self.meetings.providers))


_ENDED = {"won", "lost"}


def load_mapping(path: Path | None) -> Mapping:
    """The mapping of a file, or the default one without. Raises `MappingError` that names the place."""
    if path is None:
        return Mapping()
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise MappingError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MappingError(f"{path}: is not in UTF-8 (byte {error.start}); save it as UTF-8") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: what looks like a date and is none
        raise MappingError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    try:
        return Mapping.model_validate(_with_text_keys(found or {}))
    except RecursionError:
        raise MappingError(f"{path}: a part of it holds itself; write it without & and *") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        if first["type"] == "string_pattern_mismatch":
            said = "is not a custom field of deals; write its name as the portal has it, like UF_CRM_1612345678"
        raise MappingError(f"{path}: {place}: {said}") from error


def _with_text_keys(found: Any) -> Any:
    """YAML reads 12: as a number; ids are text."""
    if isinstance(found, dict):
        return {str(key): _with_text_keys(value) for key, value in found.items()}
    return found
