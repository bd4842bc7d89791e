"""Sales of the portal as snapshots: what they are worth, whose they are, and when they really closed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from producers.connectors.bitrix24.meaning.after_sales import is_after_sale, sale
from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.sales import Sort
from producers.connectors.bitrix24.meaning.values import iso, latest, moment, money_field, probability, text
from producers.connectors.bitrix24.spool.identity import entity_id
from producers.connectors.bitrix24.spool.ledger import EntitySnapshot
from producers.events import DealChanged

Row = Mapping[str, Any]
WORK = "work"
"""State of what is not published: only the payments for it are."""


def is_template(item: Row) -> bool:
    """Whether it is no deal, but what recurring deals are made from."""
    return item.get("isRecurring") == "Y"


def is_closed(item: Row, meaning: Meaning, sort: Sort) -> bool:
    """Whether the stage history is needed to know when the deal closed."""
    after = is_after_sale(item, meaning, sort)
    return after or meaning.deal_status(str(item["stageId"]), item.get("stageSemanticId")) != "open"


def snapshot(
    item: Row, history: Sequence[Row], client: str, meaning: Meaning, base: str, sort: Sort, held: Row | None = None
) -> EntitySnapshot:
    """A sale of a client as it is now; in state WORK where it is no sale, but after-sales work that began as such.

    history: its rows of stage history, by id. held: what is published of it.
    """
    number_ = str(item["id"])
    amount = money_field(item.get(sort.part.amount)) or ("0", None)
    currency = amount[1] or str(item.get(sort.part.currency) or base)
    created = moment(item.get("createdTime"))
    changed = latest(moment(item.get("updatedTime")), moment(item.get("movedTime")), created)
    sold = _sold(history, meaning, sort, held) if (is_after := is_after_sale(item, meaning, sort)) else None
    data: dict[str, Any] = {
        "deal_id": entity_id(sort.name(number_), client),
        "client_id": client,
        "manager_id": meaning.manager(text(item.get(sort.part.manager))),
        "amount": amount[0],
        "currency": currency,
        "created_at": iso(created or changed),
        **(sold or _standing(item, history, meaning, sort)),
    }
    if data["status"] != "open":
        # Who dates the end ahead has ended it no later than now.
        dated = min(moment(item.get("closedate")) or changed, changed)
        closed = moment(data.get("closed_at")) or moment(item.get("movedTime")) or dated
        data["closed_at"] = iso(closed)
        changed = latest(changed, closed)
    elif (likely := probability(item.get("probability"))) is not None:
        data["probability"] = likely
    if sort.part.cost and (cost := money_field(item.get(sort.part.cost))) and cost[1] in (None, currency):
        data["cost"] = cost[0]
    state = WORK if is_after and sold is None else "live"
    return EntitySnapshot(sort.kind, number_, DealChanged, changed, changed, data, state=state)


def _standing(item: Row, history: Sequence[Row], meaning: Meaning, sort: Sort) -> dict[str, Any]:
    """Where a deal is, and since when, where the history knows."""
    status = meaning.deal_status(str(item["stageId"]), item.get("stageSemanticId"))
    closed = _closed_at(history, status, meaning) if status != "open" else None
    return {
        "pipeline": meaning.pipeline(sort.funnel_of(item)),
        "stage": meaning.stage_name(str(item["stageId"])),
        "status": status,
        **({"closed_at": iso(closed)} if closed is not None else {}),
    }


def _sold(history: Sequence[Row], meaning: Meaning, sort: Sort, held: Row | None) -> dict[str, Any] | None:
    """Where a deal was won that is in after-sales work now; None where that is no sale.

    Whoever was seen to have won it keeps it: whose the work is says nothing of the sale.
    """
    told = held if held is not None and held["status"] == "won" else None
    seller = {"manager_id": told["manager_id"]} if told is not None else {}
    if (sold := sale(history, meaning, sort)) is not None:
        place = {"pipeline": meaning.pipeline(sold.funnel), "stage": meaning.stage_name(sold.stage)}
        return {**place, "status": "won", "closed_at": iso(sold.closed), **seller}
    # A history may begin with the last funnel.
    if told is None or told["pipeline"] in map(meaning.pipeline, meaning.after_sales):
        return None
    return {name: told[name] for name in ("pipeline", "stage", "status", "closed_at", "manager_id")}


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
