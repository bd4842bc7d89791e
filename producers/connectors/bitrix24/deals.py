"""Deals of the portal as snapshots: what they are worth, whose they are, and when they really closed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from producers.connectors.bitrix24.identity import entity_id
from producers.connectors.bitrix24.ledger import Snapshot
from producers.connectors.bitrix24.mapping import Mapping as Meaning
from producers.connectors.bitrix24.values import iso, latest, moment, money, money_field, number, probability
from producers.events import DealChanged

DEAL_TYPE = 2
FIELDS = (
    "id", "stageId", "stageSemanticId", "categoryId", "opportunity", "currencyId", "assignedById", "probability",
    "createdTime", "updatedTime", "movedTime", "closedate", "leadId", "companyId", "contactId", "isRecurring",
)  # fmt: skip
Row = Mapping[str, Any]


def is_template(item: Row) -> bool:
    """Whether it is no deal, but what recurring deals are made from."""
    return item.get("isRecurring") == "Y"


def is_closed(item: Row, meaning: Meaning) -> bool:
    """Whether the stage history is needed to know when the deal closed."""
    return meaning.deal_status(str(item["stageId"]), item.get("stageSemanticId")) != "open"


def snapshot(item: Row, history: Sequence[Row], client: str, meaning: Meaning, base: str) -> Snapshot:
    """A deal of a client as it is now. `history` are its rows of stage history, by id."""
    number_ = str(item["id"])
    status = meaning.deal_status(str(item["stageId"]), item.get("stageSemanticId"))
    currency = str(item.get("currencyId") or base)
    created = moment(item.get("createdTime"))
    changed = latest(moment(item.get("updatedTime")), moment(item.get("movedTime")), created)
    data: dict[str, Any] = {
        "deal_id": entity_id(number_, client),
        "client_id": client,
        "manager_id": meaning.manager(item.get("assignedById")),
        "pipeline": meaning.pipeline(number(item, "categoryId")),
        "stage": meaning.stage_name(str(item["stageId"])),
        "status": status,
        "amount": money(item.get("opportunity")),
        "currency": currency,
        "created_at": iso(created or changed),
    }
    if status != "open":
        closed = _closed_at(history, status, meaning) or moment(item.get("movedTime"))
        closed = closed or moment(item.get("closedate")) or changed
        data["closed_at"] = iso(closed)
        changed = latest(changed, closed)
    elif (likely := probability(item.get("probability"))) is not None:
        data["probability"] = likely
    if meaning.cost_field and (cost := money_field(item.get(meaning.cost_field))) and cost[1] in (None, currency):
        data["cost"] = cost[0]
    return Snapshot("deal", number_, DealChanged, changed, changed, data)


def _closed_at(history: Sequence[Row], status: str, meaning: Meaning) -> datetime | None:
    """When the deal entered the status that it has: the beginning of the last run of rows with it."""
    entered: datetime | None = None
    for row_status, time in statuses(history, meaning):
        if row_status != status:
            entered = None
        elif entered is None:
            entered = time
    return entered


def statuses(history: Sequence[Row], meaning: Meaning) -> Iterator[tuple[str, datetime]]:
    """Status after each step of a deal's history, and when it was made."""
    for row in history:
        if (time := moment(row.get("CREATED_TIME"))) is not None:
            yield meaning.deal_status(str(row.get("STAGE_ID")), row.get("STAGE_SEMANTIC_ID")), time
