"""Payments brought up to date: they are listed under the deal or the invoice that they pay."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import structlog

from producers.connectors.bitrix24.entities import invoices
from producers.connectors.bitrix24.errors import PortalRefused
from producers.connectors.bitrix24.meaning.sales import sorts
from producers.connectors.bitrix24.meaning.values import moment, money
from producers.connectors.bitrix24.portal.rest import PAGE, RestCall, items
from producers.connectors.bitrix24.spool.ledger import EntitySnapshot, VersionLedger, micros
from producers.connectors.bitrix24.spool.store import Published
from producers.connectors.bitrix24.sync.surroundings import Row, Surroundings, chunks

log = structlog.get_logger(__name__)


class Payments:
    """The payments of one portal."""

    def __init__(self, parts: Surroundings) -> None:
        self._parts = parts
        self._told = False
        self._kinds = {"31": "invoice"} | {str(sort.entity_type): kind for kind, sort in sorts(parts.mapping).items()}

    async def bring(
        self,
        ledger: VersionLedger,
        entity_type: int,
        owners: Sequence[EntitySnapshot],
        paid: Mapping[str, datetime | None],
    ) -> None:
        """Publish the payments of deals or invoices; those in `paid` were paid in full by their stage, then."""
        lists = await self._parts.portal.batch(
            [RestCall("crm.item.payment.list", {"entityId": o.id, "entityTypeId": entity_type}) for o in owners],
            tolerant=True,
        )
        for owner, listed in zip(owners, lists, strict=True):
            if listed is None:
                if not self._told:
                    self._told = True
                    log.warning("payments cannot be read; check the webhook's rights", kind=owner.kind, id=owner.id)
                continue
            with ledger.guard("payments of " + owner.kind, owner.id, items(listed)):
                self._bring(ledger, owner, items(listed), in_full=paid.get(owner.id))

    def _bring(
        self, ledger: VersionLedger, owner: EntitySnapshot, rows: Sequence[Row], *, in_full: datetime | None
    ) -> None:
        known = {row.id: row for row in self._parts.store.owned("payment", f"{owner.kind}:{owner.id}")}
        known |= self._parts.store.published("payment", [str(row["id"]) for row in rows])
        told: set[str] = set()
        for snapshot in invoices.payments(owner, rows, known, in_full=in_full):
            held = ledger.row("payment", snapshot.id)
            # The portal may list an invoice's payments under its deal too; the invoice is what they pay.
            if held and owner.kind != "invoice" and held.owner.startswith("invoice:") and held.state != "deleted":
                continue
            ledger.take(snapshot)
            told.add(snapshot.id)
        for name in known.keys() - told:
            held = ledger.row("payment", name)
            if held and held.owner == f"{owner.kind}:{owner.id}":
                ledger.withdraw(held, self._parts.moment())

    async def owners(self, payments: Sequence[str]) -> dict[str, list[str]]:
        """Deals and invoices to look at because of payments: as remembered, and as the portal says."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in self._parts.store.published("payment", payments).values():
            kind, _, number = row.owner.rpartition(":")
            found[kind].add(number)
        if payments:
            try:
                listed = await self._parts.portal.list_all(
                    [RestCall("sale.payment.list", {"filter": {"@id": some}, "select": ["id", "orderId"]})
                     for some in chunks(payments)]
                )  # fmt: skip
                orders = sorted({str(row["orderId"]) for rows in listed for row in rows})
                for kind, number in await self.owners_of_orders(orders):
                    found[kind].add(number)
            except PortalRefused as refused:
                log.warning("payments cannot be traced to their deals", why=str(refused))
        return {kind: sorted(found[kind]) for kind in self._kinds.values() if kind in found}

    async def owners_of_orders(self, orders: Collection[str]) -> list[tuple[str, str]]:
        """The deals and invoices, as (kind, id), that orders of the shop belong to."""
        bound = await self._parts.portal.batch(
            [
                RestCall(
                    "crm.orderentity.list",
                    {"filter": {"@orderId": some}, "select": ["orderId", "ownerId", "ownerTypeId"]},
                )
                for some in chunks(orders)
            ]
        )
        return [
            (kind, str(row["ownerId"]))
            for result in bound
            for row in items(result)
            if (kind := self._kinds.get(str(row.get("ownerTypeId"))))
        ]

    async def differing(self, ids: range, top: int) -> dict[str, list[str]]:
        """Deals and invoices some of whose payments are not as published. ids: those above its start, up to its stop.

        top: the last id that the portal has.
        """
        fields = ["id", "orderId", "paid", "datePaid", "sum", "currency"]
        pages = await self._parts.portal.batch(
            [
                RestCall(
                    "sale.payment.list",
                    {"filter": {">id": begin, "<=id": begin + PAGE}, "select": fields, "start": -1},
                )
                for begin in range(ids.start, min(ids.stop, top), PAGE)
            ]
        )
        rows = {str(row["id"]): row for page in pages for row in items(page)}
        known = self._parts.store.known("payment", ids.start, len(ids))
        held = self._parts.store.published(
            "payment", rows.keys() | {name for name in known if int(name) <= ids.stop or ids.stop >= top}
        )
        found: dict[str, set[str]] = defaultdict(set)
        orders = set()
        for name in held.keys() | rows.keys():
            if _is_as(rows.get(name), held.get(name)):
                continue
            if name in held:
                kind, _, number = held[name].owner.rpartition(":")
                found[kind].add(number)
            if name in rows:
                orders.add(str(rows[name]["orderId"]))
        for kind, number in await self.owners_of_orders(sorted(orders)):
            found[kind].add(number)
        return {kind: sorted(found[kind]) for kind in self._kinds.values() if kind in found}

    def left_behind(self, ledger: VersionLedger, deals: Sequence[EntitySnapshot]) -> Iterable[Published]:
        """Known payments of deals that have another client now."""
        for deal in deals:
            for row in self._parts.store.owned("payment", f"{deal.kind}:{deal.id}"):
                held = ledger.row("payment", row.id)
                if held is not None and held.state != "deleted" and held.client != deal.client:
                    yield row


def by_kind(owners: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Owners as kind and id, by their kind."""
    found: dict[str, set[str]] = defaultdict(set)
    for kind, number in owners:
        found[kind].add(number)
    return {kind: sorted(ids) for kind, ids in found.items()}


def _is_as(row: Row | None, held: Published | None) -> bool:
    """Whether a payment of the shop is as it was published."""
    paid = moment(row.get("datePaid")) if row is not None and row.get("paid") == "Y" else None
    if row is None or paid is None:
        return held is None or held.state == "deleted"
    return (
        held is not None
        and held.state != "deleted"
        and held.data["amount"] == money(row.get("sum"))
        and held.data["currency"] == row.get("currency")
        and (held.rev > 0 or held.at == micros(paid))
    )
