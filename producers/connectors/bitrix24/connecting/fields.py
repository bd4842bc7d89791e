"""Whether the fields, stages and smart processes that the mapping names are in the portal."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from producers.connectors.bitrix24.entities import stages
from producers.connectors.bitrix24.errors import PortalRefused
from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.processes import Processes
from producers.connectors.bitrix24.meaning.sales import DEAL_TYPE
from producers.connectors.bitrix24.portal.rest import Portal, RestCall, items

Line = tuple[str, bool | None, str]
"""What was looked at, whether it is fine, and what to say."""
_USES = {"deals": "sales", "costs": "costs", "plans": "plans"}


async def check(portal: Portal, meaning: Meaning) -> list[Line]:
    """A line for each smart process of the mapping, and for what of it is not there."""
    wanted = {**({str(DEAL_TYPE): (meaning.cost_field,)} if meaning.cost_field else {}), **meaning.processes.fields}
    if not wanted:
        return []
    asked = [RestCall("crm.item.fields", {"entityTypeId": number, "useOriginalUfNames": "Y"}) for number in wanted]
    types, *said = await portal.outcomes([RestCall("crm.type.list", {}), *asked])
    titles = {str(row.get("entityTypeId")): str(row.get("title")) for row in _rows(types)}
    lines: list[Line] = []
    for (number, names), outcome in zip(wanted.items(), said, strict=True):
        what = "deals' fields" if number == str(DEAL_TYPE) else "smart process"
        lines += [(what, fine, line) for fine, line in _judged(number, names, outcome, titles, meaning.processes)]
    return lines + [line async for line in _stages(portal, meaning.processes)]


def _judged(
    number: str, names: Iterable[str | None], outcome: Any, titles: Mapping[str, str], processes: Processes
) -> Iterator[tuple[bool | None, str]]:
    called = f"{titles.get(number, '')} ({number})".strip()
    if isinstance(outcome, PortalRefused):
        others = ", ".join(f"{title} ({known})" for known, title in titles.items()) or "none that the webhook may see"
        yield False, f"{number} of the mapping: {outcome.code}; the portal has {others}"
        return
    there = outcome.get("fields", {}) if isinstance(outcome, Mapping) else {}
    missing = [name for name in names if name is not None and name not in there]
    custom = ", ".join(sorted(name for name in there if name.startswith("UF_CRM_"))) or "none"
    if missing:
        yield False, f"{called} has no {', '.join(missing)}; its custom fields are: {custom}"
    elif number in processes.deals and "stageId" not in there:
        yield False, f"{called} has no stages: switch them on in its settings, else nothing is ever won"
    else:
        use = next((use for part, use in _USES.items() if number in getattr(processes, part)), "the cost of deals")
        yield True, f"{called}: {use}" if number != str(DEAL_TYPE) else use


async def _stages(portal: Portal, processes: Processes) -> Any:
    for number, part in processes.costs.items():
        categories = {name.partition(":")[0].rpartition("_")[2] for name in part.stages}
        known: set[str] = set()
        for category in sorted(categories):
            known |= {str(row["STATUS_ID"]) for row in await stages.listed(portal, stages.entity(number, category))}
        if lost := [name for name in part.stages if name not in known]:
            yield "smart process", False, f"{number} has no stage {', '.join(lost)}"


def _rows(types: Any) -> list[dict[str, Any]]:
    return [] if isinstance(types, PortalRefused) else items(types)
