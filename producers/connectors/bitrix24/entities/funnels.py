"""What people call the portal's funnels and stages: `crm.category.list` and `crm.status.list` as reference records."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from producers.connectors.bitrix24.entities.stages import entity, listed
from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.sales import Sort
from producers.connectors.bitrix24.portal.rest import Portal, items
from producers.connectors.bitrix24.spool.ledger import EntitySnapshot
from producers.events import PipelineChanged
from producers.events.rules import ID_LENGTH, MOST_STAGES

LEADS = "leads"
"""What the one pipeline of leads is called in records: they have no funnels."""
_LEAD_STAGES = "STATUS"
_DEAL_STAGES = "DEAL_STAGE"


class Funnel(NamedTuple):
    """A funnel with its stages in their order, as (id, name). `id` is empty for leads."""

    id: str
    name: str
    stages: tuple[tuple[str, str], ...]


async def read(portal: Portal, sorts: Iterable[Sort]) -> list[Funnel]:
    """The funnels of sales, and the stages of leads as the last one. Raises PortalRefused."""
    found = [funnel for sort in sorts for funnel in await _read(portal, sort)]
    return [*found, Funnel("", LEADS, await _stages(portal, _LEAD_STAGES))]


async def _read(portal: Portal, sort: Sort) -> list[Funnel]:
    rows = items(await portal.call("crm.category.list", {"entityTypeId": sort.entity_type}))
    named = [(str(row["id"]), str(row.get("name") or "")) for row in rows if row.get("id") is not None]
    return [Funnel(sort.funnel(number), name, await _stages(portal, _entity(sort, number))) for number, name in named]


def _entity(sort: Sort, category: str) -> str:
    if sort.is_process:
        return entity(sort.entity_type, category)
    return _DEAL_STAGES if category == "0" else f"{_DEAL_STAGES}_{category}"


async def _stages(portal: Portal, entity_: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(row["STATUS_ID"]), str(row.get("NAME") or "")) for row in await listed(portal, entity_))


def snapshots(funnels: Sequence[Funnel], meaning: Meaning, now: datetime) -> Iterator[EntitySnapshot]:
    """A record for each pipeline as the mapping calls it; funnels that it makes one pipeline of are one."""
    pipelines: dict[tuple[str, str], dict[str, Any]] = {}
    for funnel in funnels:
        of, pipeline = ("deal", meaning.pipeline(funnel.id)) if funnel.id else ("lead", LEADS)
        own = meaning.pipelines.get(funnel.id)
        made = pipelines.setdefault((of, pipeline), {"name": own or funnel.name or pipeline, "stages": {}})
        made["stages"] |= dict(_stages_of(funnel, meaning))
    for (of, pipeline), made in pipelines.items():
        stages = [{"stage": stage, "name": name[:ID_LENGTH]} for stage, name in made["stages"].items()]
        data = {"of": of, "pipeline": pipeline, "name": made["name"][:ID_LENGTH], "stages": stages[:MOST_STAGES]}
        yield EntitySnapshot("pipeline", f"{of}:{pipeline}", PipelineChanged, now, now, data)


def _stages_of(funnel: Funnel, meaning: Meaning) -> Iterator[tuple[str, str]]:
    """Stages as events name them, and their names: a name from the mapping is both."""
    for stage, name in funnel.stages:
        known_as = meaning.stage_name(stage) if funnel.id else stage
        yield known_as, name if known_as == stage and name else known_as


class ReadyStages(NamedTuple):
    """Stages whose clients are ready to close, as events name them; and what was asked for and is no stage."""

    stages: tuple[str, ...]
    unknown: tuple[str, ...]


def ready(wanted: Iterable[str], funnels: Sequence[Funnel], meaning: Meaning) -> ReadyStages:
    """The stages of deals that the mapping means by `ready_stages`: each by its id, or by what people call it."""
    stages: list[str] = []
    unknown = []
    pairs = [pair for funnel in funnels if funnel.id for pair in zip(funnel.stages, _stages_of(funnel, meaning))]  # noqa: B905 - of one funnel
    for entry in wanted:
        said = _plain(entry)
        found = [known_as for (stage, _), (known_as, _) in pairs if entry in (stage, known_as)]
        found = found or [known_as for (_, name), (known_as, own) in pairs if said in (_plain(name), _plain(own))]
        stages += found
        if not found:
            unknown.append(entry)
    return ReadyStages(tuple(dict.fromkeys(stages)), tuple(unknown))


def not_ready(funnels: Sequence[Funnel], meaning: Meaning, counted: Iterable[str]) -> list[str]:
    """What keeps the mapping's ready stages from being counted, and what to do. counted: SALES_READY_STAGES."""
    found = ready(meaning.ready_stages, funnels, meaning)
    told = [f"ready_stages of the mapping: no stage is called {name}" for name in found.unknown]
    held = dict.fromkeys(counted)
    if found.stages and not held.keys() >= set(found.stages):
        told.append(f"set SALES_READY_STAGES to {','.join(held | dict.fromkeys(found.stages))}, for the worker too")
    return told


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
