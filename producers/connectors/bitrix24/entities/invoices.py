"""Smart invoices of the portal, and payments of deals and invoices."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.values import iso, latest, moment, money, number
from producers.connectors.bitrix24.spool.identity import entity_id
from producers.connectors.bitrix24.spool.ledger import EntitySnapshot, family
from producers.connectors.bitrix24.spool.store import Published
from producers.events import InvoiceChanged, PaymentReceived

FIELDS = (
    "id", "stageId", "opportunity", "currencyId", "assignedById", "createdTime", "updatedTime",
    "movedTime", "begindate", "closedate", "companyId", "contactId", "parentId2",
)  # fmt: skip
Row = Mapping[str, Any]


def whose(item: Row) -> tuple[str, str]:
    """What an invoice belongs to that names no client: its deal, else nothing but itself."""
    deal = number(item, "parentId2")
    return ("deal", str(deal)) if deal else ("invoice", str(item["id"]))


def snapshot(item: Row, client: str, meaning: Meaning, base: str) -> EntitySnapshot:
    """A client's smart invoice as it is now."""
    number_ = str(item["id"])
    created = moment(item.get("createdTime"))
    changed = latest(moment(item.get("updatedTime")), moment(item.get("movedTime")), created)
    issued = moment(item.get("begindate")) or created or changed
    data = {
        "invoice_id": entity_id(number_, client),
        "client_id": client,
        "manager_id": meaning.manager(item.get("assignedById")),
        "amount": money(item.get("opportunity")),
        "currency": str(item.get("currencyId") or base),
        "status": meaning.invoice_status(str(item["stageId"]), item.get("stageSemanticId")),
        # Who dates an invoice ahead has issued it no later than now.
        "issued_at": iso(min(issued, changed)),
        "due_at": iso(moment(item.get("closedate")) or issued),
    }
    return EntitySnapshot("invoice", number_, InvoiceChanged, changed, changed, data)


def payments(
    owner: EntitySnapshot, rows: Sequence[Row], known: Mapping[str, Published], *, in_full: datetime | None
) -> Iterator[EntitySnapshot]:
    """The paid payments of a deal or an invoice; `in_full` is when its success stage said that the rest was paid.

    Whose payment it is, is settled when it is first seen: a new owner of the deal did not earn the old money.
    """
    paid = Decimal(0)
    for row in rows:
        time = moment(row.get("datePaid"))
        if row.get("paid") != "Y" or time is None:
            continue
        name = str(row["id"])
        yield _payment(owner, name, money(row.get("sum")), str(row["currency"]), time, known.get(name))
        if row["currency"] == owner.data["currency"]:
            paid += Decimal(str(row.get("sum") or 0))
    if in_full is not None and (rest := Decimal(owner.data["amount"]) - paid) > 0:
        name = by_stage(owner.id)
        yield _payment(owner, name, money(rest), owner.data["currency"], in_full, known.get(name))


def paid_at(history: Sequence[Row]) -> datetime | None:
    """When an invoice entered the success stage that it is in."""
    entered: datetime | None = None
    for row in history:
        if row.get("STAGE_SEMANTIC_ID") != "S":
            entered = None
        elif entered is None:
            entered = moment(row.get("CREATED_TIME"))
    return entered


def by_stage(invoice: str) -> str:
    """Name of the payment that only an invoice's stage tells of."""
    return f"stage-{invoice}"


def _payment(
    owner: EntitySnapshot, name: str, amount: str, currency: str, time: datetime, held: Published | None
) -> EntitySnapshot:
    client = owner.client
    same = held is not None and held.client == client and held.state != "deleted"
    manager = held.data["manager_id"] if held is not None and same else owner.data["manager_id"]
    named = f"{family(owner.kind)}_id"
    data = {
        "payment_id": entity_id(name, client),
        "client_id": client,
        "manager_id": manager,
        "amount": amount,
        "currency": currency,
        named: owner.data[named],
    }
    return EntitySnapshot("payment", name, PaymentReceived, time, time, data, owner=f"{owner.kind}:{owner.id}")
