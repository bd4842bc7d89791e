"""Costs of selling from a smart process that the mapping names, each item one of them."""

from datetime import datetime, timedelta
from typing import Any

from producers.connectors.bitrix24.errors import EntityUnusable
from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.processes import Costs, custom
from producers.connectors.bitrix24.meaning.values import latest, midday, moment, money_field, text
from producers.connectors.bitrix24.spool.identity import Identity, entity_id
from producers.connectors.bitrix24.spool.ledger import EntitySnapshot
from producers.events import CostBooked

COST = "cost"
_MORNING = timedelta(hours=12)
FIELDS = ("id", "stageId", "createdTime", "updatedTime")
Row = dict[str, Any]


def fields(part: Costs) -> tuple[str, ...]:
    """What is asked of an item."""
    return tuple(dict.fromkeys((*FIELDS, *part.fields)))


def counts(item: Row, part: Costs) -> bool:
    """Whether an item, with its `stageSemanticId`, is a cost: by its stage, where there are stages."""
    if part.stages:
        return str(item.get("stageId")) in part.stages
    return item.get("stageSemanticId") != "F"


def snapshot(
    item: Row, number: str, part: Costs, meaning: Meaning, base: str, identity: Identity, teams: dict[str, str]
) -> EntitySnapshot:
    """A cost as it is now. number: entityTypeId and id. Raises EntityUnusable where its amount or day is missing."""
    amount = money_field(item.get(part.amount))
    day = midday(item.get(part.date))
    if amount is None or day is None:
        raise EntityUnusable(f"{part.amount if amount is None else part.date} is empty")
    field = custom(part.category)
    said = text(item.get(field)) or "other" if field else part.category
    created = moment(item.get("createdTime"))
    data = {
        "cost_id": entity_id(number, identity.client(COST, number)),
        "amount": amount[0],
        "currency": amount[1] or str(item.get(part.currency) or base),
        "category": part.categories.get(said, said),
    }
    if part.manager and (manager := meaning.manager(text(item.get(part.manager)))) != "unknown":
        data["manager_id"] = manager
    if part.team and (team := text(item.get(part.team))) not in ("", "0"):
        data["team_id"] = meaning.team(team, teams)
    changed = latest(moment(item.get("updatedTime")), created, day if created is None else None)
    return EntitySnapshot(
        f"{COST}:{number.partition('.')[0]}", str(item["id"]), CostBooked, changed, _when(day, changed), data
    )


def _when(noon: datetime, changed: datetime) -> datetime:
    """When on its day a cost counts: from noon on, but what is written that morning at once."""
    return changed if noon - _MORNING <= changed < noon else noon
