"""Makes Kafka agree with the portal about some entities: fetches them, turns them into events, publishes, remembers.

Webhook, reconciliation and backfill all end here, one batch at a time, so that none overtakes another.
"""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

import structlog

from producers.connectors.bitrix24 import deals, invoices, leads
from producers.connectors.bitrix24.contacts import Contacts
from producers.connectors.bitrix24.errors import PortalRefused, PortalUnavailable
from producers.connectors.bitrix24.hooks import DELETED
from producers.connectors.bitrix24.ledger import Ledger
from producers.connectors.bitrix24.payments import Payments
from producers.connectors.bitrix24.rest import Call, items
from producers.connectors.bitrix24.store import Dirty, Outgoing, Published
from producers.connectors.bitrix24.surroundings import Row, Surroundings, chunks, item_query
from producers.connectors.bitrix24.unusable import tell
from producers.events import REFERENCE_TYPES, Event

log = structlog.get_logger(__name__)
_HISTORIES = 10
_SUSPICIOUS = 20
"""So many may be gone at once, or half of those asked for, before lost rights are suspected."""
_NO_MORE = "NOT_FOUND"
"""What `crm.item.get` says of an item that does not exist; of one that may not be read it says ACCESS_DENIED."""
Swept = Literal["deal", "lead", "invoice"]
"""Kinds that are looked at again and again, and taken back when they are gone."""
Which = Literal["all", "moved"]
"""Deals whose payments are looked at: all, those that changed their client."""
_Kind = tuple[int, Callable[[], tuple[str, ...]], Callable[[Ledger, Sequence[Row]], Awaitable[None]]]
"""Of an entity: its type, what is asked of it, and what becomes of it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Synchronizer:
    """One portal's entities, brought up to date on demand."""

    def __init__(self, parts: Surroundings) -> None:
        self._parts = parts
        self._portal, self._store = parts.portal, parts.store
        self._mapping, self._identity, self._parties = parts.mapping, parts.identity, parts.parties
        self._turn = asyncio.Lock()
        self.published = 0
        self.payments = Payments(parts)
        self._meaning = parts.mapping.model_dump_json() + parts.currency
        self._kinds: dict[str, _Kind] = {
            "deal": (deals.DEAL_TYPE, lambda: self.deal_fields, partial(self.deals, payments="moved")),
            "lead": (leads.LEAD_TYPE, lambda: leads.FIELDS, self.leads),
            "invoice": (invoices.INVOICE_TYPE, lambda: invoices.FIELDS, self.invoices),
        }
        self.contacts = Contacts(parts)

    @asynccontextmanager
    async def batch(self, cursors: dict[str, str] | None = None) -> AsyncIterator[Ledger]:
        """One batch: what its ledger holds at the end is remembered with `cursors`, and published.

        It goes through an outbox: whatever fails in between, Kafka gets exactly what the store says it got.
        """
        async with self._turn, _in_thread(self._store.turn()):
            await self._publish()
            ledger = Ledger(self._store, self._identity)
            yield ledger
            self._parts.metrics.refused.inc(ledger.refused)
            if ledger.rows or ledger.events or ledger.looks or cursors:
                records = [_outgoing(event) for event in ledger.events]
                looks = [(kind, number, look) for (kind, number), look in ledger.looks.items()]
                await asyncio.to_thread(self._store.save, list(ledger.rows.values()), cursors, records, looks)
                for event in ledger.events:
                    self._parts.metrics.events.labels(event.type).inc()
                await self._publish()
            if ledger.unusable or ledger.usable:
                await tell(ledger, self._store, self._parts.publisher, self._parts.now())

    async def _publish(self) -> None:
        while waiting := self._store.outbox():
            for reference in (False, True):
                pairs = [(record.key, record.value) for record in waiting if record.reference is reference]
                if pairs:
                    await self._parts.publisher.publish_many_raw(pairs, reference=reference)
            await asyncio.to_thread(self._store.sent, waiting)
            self.published += len(waiting)

    async def drain(self, limit: int = 1000) -> int:
        """Handle the oldest changes that hooks told of; say how many."""
        changed = self._store.dirty(limit)
        if not changed:
            return 0
        wanted: dict[str, list[Dirty]] = defaultdict(list)
        for entry in changed:
            wanted[entry.kind].append(entry)
        later: PortalUnavailable | None = None
        for kind, entries in wanted.items():
            try:
                async with self.batch() as ledger:
                    await self._bring(ledger, kind, [entry.id for entry in entries])
            except PortalRefused as refused:
                # What may not be read must not hold up the rest; reconciliation finds it when it may.
                log.warning("changes are left out", kind=kind, count=len(entries), why=str(refused))
            except PortalUnavailable as busy:
                if not busy.method:
                    raise
                # One method has used its time; others have not.
                later = busy
                continue
            await asyncio.to_thread(self._store.done, entries)
        if later is not None:
            raise later
        return len(changed)

    async def _bring(self, ledger: Ledger, kind: str, ids: Sequence[str]) -> None:
        match kind:
            case "call":
                await self.contacts.known_calls(ledger, ids)
            case "deal" | "deal.deleted":
                await self.deals_by_id(ledger, ids, payments="all", careful=not kind.endswith(DELETED))
            case "invoice" | "invoice.deleted":
                await self.invoices_by_id(ledger, ids, careful=not kind.endswith(DELETED))
            case "payment":
                owners = await self.payments.owners(ids)
                await self.deals_by_id(ledger, owners["deal"], payments="all", careful=True)
                await self.invoices_by_id(ledger, owners["invoice"], careful=True)
            case "lead" | "lead.deleted":
                await self.leads_by_id(ledger, ids, careful=not kind.endswith(DELETED))
            case "contact" | "company":
                await self.feed(kind, ids)
            case _:
                await self.contacts.activities_by_id(ledger, ids)

    # Deals

    async def deals_by_id(self, ledger: Ledger, ids: Collection[str], *, payments: Which, careful: bool) -> None:
        """Bring deals up to date; what the portal no longer has is deleted."""
        found = await self._items(deals.DEAL_TYPE, ids, self.deal_fields)
        await self.deals(ledger, found, payments=payments)
        await self._withdraw(ledger, "deal", ids, found, careful=careful)

    @property
    def deal_fields(self) -> tuple[str, ...]:
        """What is asked of a deal."""
        return (*deals.FIELDS, self._mapping.cost_field) if self._mapping.cost_field else deals.FIELDS

    async def deals(self, ledger: Ledger, found: Sequence[Row], *, payments: Which) -> None:
        """Publish deals as fetched; with their payments, if wanted. Templates of recurring deals are none."""
        for item in filter(deals.is_template, found):
            if held := ledger.row("deal", str(item["id"])):
                ledger.withdraw(held, self._parts.moment())
        found = [item for item in found if not deals.is_template(item)]
        closed = [item for item in found if deals.is_closed(item, self._mapping)]
        histories = await self._histories(deals.DEAL_TYPE, [str(item["id"]) for item in closed])
        await self._parties.meet(map(self._parties.of, found))
        snapshots = []
        for item in found:
            number = str(item["id"])
            with ledger.guard("deal", number, item):
                client = self._parties.owner(item, ("deal", number))
                held, history = ledger.row("deal", number), histories.get(number, [])
                told = held.data if held is not None and held.state != "deleted" else None
                snapshot = deals.snapshot(item, history, client, self._mapping, self._parts.currency, told)
                snapshots.append(snapshot)
                if snapshot.state != deals.WORK:
                    ledger.take(snapshot)
                elif held is not None:
                    ledger.withdraw(held, self._parts.moment())
                ledger.looks["deal", number] = self._look(item)
        if payments != "all":
            # At least those must follow that the client has left behind.
            paid = {row.owner for row in self.payments.left_behind(ledger, snapshots)}
            snapshots = [snapshot for snapshot in snapshots if f"deal:{snapshot.id}" in paid]
        await self.payments.bring(ledger, deals.DEAL_TYPE, snapshots, {})

    async def again(self, ledger: Ledger, kind: Swept, ids: Collection[str], careful: bool) -> None:
        """Look at known entities again: costs a fiftieth of a call each, and more for what has changed."""
        entity_type, fields, bring = self._kinds[kind]
        found = await self._items(entity_type, ids, fields())
        looks, held = self._store.looks(kind, ids), self._store.published(kind, ids)
        changed = [
            item for item in found
            if looks.get(number := str(item["id"])) != self._look(item) or held[number].state == "deleted"
        ]  # fmt: skip
        if changed:
            await bring(ledger, changed)
        await self._withdraw(ledger, kind, ids, found, careful=careful)

    def _look(self, item: Row) -> str:
        """What tells whether an entity, or what is made of it, is another one."""
        said = json.dumps([self._meaning, item], sort_keys=True, default=str)
        return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()

    # Leads

    async def leads_by_id(self, ledger: Ledger, ids: Collection[str], *, careful: bool) -> None:
        """Bring leads up to date; what the portal no longer has is deleted."""
        found = await self._items(leads.LEAD_TYPE, ids, leads.FIELDS)
        await self.leads(ledger, found)
        await self._withdraw(ledger, "lead", ids, found, careful=careful)

    async def leads(self, ledger: Ledger, found: Sequence[Row]) -> None:
        """Publish leads as fetched, step by step."""
        histories = await self._histories(leads.LEAD_TYPE, [str(item["id"]) for item in found])
        await self._parties.meet([*self._parties.of(item), ("lead", str(item["id"]))] for item in found)
        for item in found:
            number = str(item["id"])
            held = ledger.row("lead", number)
            after = _EPOCH + timedelta(microseconds=held.at) if held else None
            with ledger.guard("lead", number, item):
                # Whoever it becomes later: the client of an entity never changes.
                client = held.client if held else self._parties.client("lead", number)
                for snapshot in leads.snapshots(item, histories.get(number, []), client, self._mapping, after):
                    ledger.take(snapshot)
                ledger.looks["lead", number] = self._look(item)

    # Invoices and payments

    async def invoices_by_id(self, ledger: Ledger, ids: Collection[str], *, careful: bool) -> None:
        """Bring smart invoices and their payments up to date; what the portal no longer has is cancelled."""
        found = await self._items(invoices.INVOICE_TYPE, ids, invoices.FIELDS)
        await self.invoices(ledger, found)
        await self._withdraw(ledger, "invoice", ids, found, careful=careful)

    async def invoices(self, ledger: Ledger, found: Sequence[Row]) -> None:
        """Publish invoices as fetched, with their payments."""
        await self._parties.meet(map(self._parties.of, found))
        snapshots = []
        for item in found:
            with ledger.guard("invoice", str(item["id"]), item):
                client = self._parties.owner(item, invoices.whose(item))
                snapshot = invoices.snapshot(item, client, self._mapping, self._parts.currency)
                snapshots.append(snapshot)
                ledger.take(snapshot)
                ledger.looks["invoice", str(item["id"])] = self._look(item)
        done = [str(item["id"]) for item in found if item.get("stageSemanticId") == "S"]
        histories = await self._histories(invoices.INVOICE_TYPE, done if self._mapping.paid_by_stage else [])
        paid = {number: invoices.paid_at(rows) for number, rows in histories.items()}
        await self.payments.bring(ledger, invoices.INVOICE_TYPE, snapshots, paid)

    async def payments_between(self, ledger: Ledger, ids: range, top: int, *, careful: bool) -> None:
        """Bring the deals and invoices up to date whose payments, of these ids, are not as they were published."""
        owners = await self.payments.differing(ids, top)
        if owners["deal"]:
            await self.deals_by_id(ledger, owners["deal"], payments="all", careful=careful)
        if owners["invoice"]:
            await self.invoices_by_id(ledger, owners["invoice"], careful=careful)

    # Contacts and companies

    async def feed(self, kind: str, ids: Collection[str]) -> None:
        """Have contacts or companies claim the numbers that they have now."""
        await self._parties.feed(kind, await self._parties.by_id(kind, ids))

    # Pieces

    async def _items(self, entity_type: int, ids: Collection[str], fields: Sequence[str]) -> list[Row]:
        pages = await self._portal.batch(
            [
                Call("crm.item.list", item_query(entity_type, fields) | {"filter": {"@id": some}, "start": -1})
                for some in chunks(dict.fromkeys(ids))
            ]
        )
        return [row for page in pages for row in items(page)]

    async def _histories(self, entity_type: int, ids: Sequence[str]) -> dict[str, list[Row]]:
        lists = await self._portal.list_all(
            [
                Call("crm.stagehistory.list", {"entityTypeId": entity_type, "filter": {"@OWNER_ID": some}})
                for some in chunks(ids, _HISTORIES)
            ],
            "ID",
        )
        found: dict[str, list[Row]] = defaultdict(list)
        for row in (row for rows in lists for row in rows):
            found[str(row["OWNER_ID"])].append(row)
        return found

    async def _withdraw(
        self, ledger: Ledger, kind: str, ids: Collection[str], found: Sequence[Row], *, careful: bool
    ) -> None:
        missing = set(ids) - {str(item["id"]) for item in found}
        gone = [row for row in self._store.published(kind, missing).values() if row.state != "deleted"]
        if careful and len(gone) > _SUSPICIOUS and len(gone) * 2 > len(ids):
            # Somebody who took the webhook's rights away has not deleted the deals.
            self._parts.metrics.hidden.labels(kind).set(len(gone))
            log.error("too many are gone to believe it; check the webhook's rights", kind=kind, gone=len(gone))
            return
        for row in await self._deleted(kind, gone):
            ledger.withdraw(row, self._parts.moment())
            # What only the invoice's stage said goes with it; money that was booked stays.
            paid = ledger.row("payment", invoices.by_stage(row.id)) if kind == "invoice" else None
            if paid is not None:
                ledger.withdraw(paid, self._parts.moment())

    async def _deleted(self, kind: str, gone: Sequence[Published]) -> list[Published]:
        """Those of which the portal itself says that they are no more: lists leave out what may not be read, too."""
        entity_type = self._kinds[kind][0]
        asked = [Call("crm.item.get", {"entityTypeId": entity_type, "id": row.id}) for row in gone]
        said = await self._portal.outcomes(asked)
        deleted, hidden = [], 0
        for row, outcome in zip(gone, said, strict=True):
            if isinstance(outcome, PortalRefused) and outcome.code == _NO_MORE:
                deleted.append(row)
            else:
                hidden += isinstance(outcome, PortalRefused)
        if hidden:
            log.error("may not be read any more, and are not taken for deleted; check rights", kind=kind, count=hidden)
        self._parts.metrics.hidden.labels(kind).set(hidden)
        return deleted


def _outgoing(event: Event) -> Outgoing:
    return Outgoing(0, event.type in REFERENCE_TYPES, event.key.encode(), event.to_json())


@asynccontextmanager
async def _in_thread(turn: AbstractContextManager[None]) -> AsyncIterator[None]:
    """A context whose beginning may block."""
    await asyncio.to_thread(turn.__enter__)
    try:
        yield
    finally:
        turn.__exit__(None, None, None)
