"""Makes Kafka agree with the portal about some entities: fetches them, turns them into events, publishes, remembers.

Webhook, reconciliation and backfill all end here, one batch at a time, so that none overtakes another.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import structlog

from producers.connectors.bitrix24 import calls, chats, deals, invoices, leads, meetings
from producers.connectors.bitrix24.errors import PortalRefused
from producers.connectors.bitrix24.identity import Identity
from producers.connectors.bitrix24.ledger import Ledger, Snapshot
from producers.connectors.bitrix24.mapping import Mapping
from producers.connectors.bitrix24.metrics import Metrics
from producers.connectors.bitrix24.rest import Call, Portal, items
from producers.connectors.bitrix24.store import Change, Published, Store
from producers.events import Event

log = structlog.get_logger(__name__)
_IDS = 50
_HISTORIES = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = dict[str, Any]
_OWNERS = {"2": "deal", "31": "invoice"}


class Publisher(Protocol):
    """What the connector needs of the SDK."""

    async def publish_many(self, events: Iterable[Event]) -> int:
        """Send all in order and wait for the brokers. Raises PublisherError."""


@dataclass(frozen=True)
class Surroundings:
    """What every part of one connector works with. `now` is in seconds since the epoch."""

    portal: Portal
    store: Store
    publisher: Publisher
    mapping: Mapping
    identity: Identity
    metrics: Metrics
    currency: str
    now: Callable[[], float]


class Synchronizer:
    """One portal's entities, brought up to date on demand."""

    def __init__(self, parts: Surroundings) -> None:
        self._parts = parts
        self._portal, self._store = parts.portal, parts.store
        self._mapping, self._identity = parts.mapping, parts.identity
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def batch(self, cursors: dict[str, str] | None = None) -> AsyncIterator[Ledger]:
        """One batch: what its ledger holds at the end is published, then remembered together with `cursors`."""
        async with self._turn, _in_thread(self._store.turn()):
            ledger = Ledger(self._store, self._identity)
            yield ledger
            if ledger.events:
                await self._parts.publisher.publish_many(ledger.events)
                for event in ledger.events:
                    self._parts.metrics.events.labels(event.type).inc()
            self._parts.metrics.refused.inc(ledger.refused)
            if ledger.rows or cursors:
                await asyncio.to_thread(self._store.save, list(ledger.rows.values()), cursors)

    async def drain(self, limit: int = 1000) -> int:
        """Handle the oldest changes that hooks told of; say how many."""
        changed = self._store.dirty(limit)
        if not changed:
            return 0
        wanted: dict[str, list[str]] = defaultdict(list)
        for entry in changed:
            wanted[entry.kind].append(entry.id)
        async with self.batch() as ledger:
            await self.calls(ledger, wanted["call"])
            owners = await self._owners(wanted["payment"])
            await self.deals_by_id(ledger, [*wanted["deal"], *owners["deal"]], payments=True)
            await self.invoices_by_id(ledger, [*wanted["invoice"], *owners["invoice"]])
            await self.leads_by_id(ledger, wanted["lead"])
            await self.activities_by_id(ledger, wanted["activity"])
        await asyncio.to_thread(self._store.done, changed)
        return len(changed)

    # Deals

    async def deals_by_id(self, ledger: Ledger, ids: Collection[str], *, payments: bool, careful: bool = False) -> None:
        """Bring deals up to date; what the portal no longer has is deleted."""
        found = await self._items(deals.DEAL_TYPE, ids, self.deal_fields)
        await self.deals(ledger, found, payments=payments)
        self._withdraw(ledger, "deal", ids, found, careful=careful)

    @property
    def deal_fields(self) -> tuple[str, ...]:
        """What is asked of a deal."""
        return (*deals.FIELDS, self._mapping.cost_field) if self._mapping.cost_field else deals.FIELDS

    async def deals(self, ledger: Ledger, found: Sequence[Row], *, payments: bool) -> None:
        """Publish deals as fetched; with their payments, if wanted."""
        closed = [item for item in found if deals.is_closed(item, self._mapping)]
        histories = await self._histories(deals.DEAL_TYPE, [str(item["id"]) for item in closed])
        snapshots = []
        for item in found:
            history = histories.get(str(item["id"]), [])
            with ledger.guard("deal", str(item["id"])):
                snapshot = deals.snapshot(item, history, self._mapping, self._identity, self._parts.currency)
                snapshots.append(snapshot)
                ledger.take(snapshot)
        moved = {row.owner for row in self._moved_payments(ledger, snapshots)}
        wanted = [snapshot for snapshot in snapshots if payments or f"deal:{snapshot.id}" in moved]
        await self._payments(ledger, deals.DEAL_TYPE, wanted, set())

    def _moved_payments(self, ledger: Ledger, snapshots: Sequence[Snapshot]) -> Iterable[Published]:
        """Payments whose deal has another client now: they must follow it."""
        for snapshot in snapshots:
            for row in self._store.owned("payment", f"deal:{snapshot.id}"):
                held = ledger.row("payment", row.id)
                if held is not None and held.state != "deleted" and held.client != snapshot.client:
                    yield row

    # Leads

    async def leads_by_id(self, ledger: Ledger, ids: Collection[str]) -> None:
        """Bring leads up to date. Deleted leads stay counted: the contract has no way to take them back."""
        await self.leads(ledger, await self._items(leads.LEAD_TYPE, ids, leads.FIELDS))

    async def leads(self, ledger: Ledger, found: Sequence[Row]) -> None:
        """Publish leads as fetched, step by step."""
        histories = await self._histories(leads.LEAD_TYPE, [str(item["id"]) for item in found])
        for item in found:
            number = str(item["id"])
            held = ledger.row("lead", number)
            after = _EPOCH + timedelta(microseconds=held.at) if held else None
            with ledger.guard("lead", number):
                for snapshot in leads.snapshots(item, histories.get(number, []), self._mapping, self._identity, after):
                    ledger.take(snapshot)

    # Invoices and payments

    async def invoices_by_id(self, ledger: Ledger, ids: Collection[str], *, careful: bool = False) -> None:
        """Bring smart invoices and their payments up to date; what the portal no longer has is cancelled."""
        found = await self._items(invoices.INVOICE_TYPE, ids, invoices.FIELDS)
        await self.invoices(ledger, found)
        self._withdraw(ledger, "invoice", ids, found, careful=careful)

    async def invoices(self, ledger: Ledger, found: Sequence[Row]) -> None:
        """Publish invoices as fetched, with their payments."""
        snapshots = [invoices.snapshot(item, self._mapping, self._identity, self._parts.currency) for item in found]
        for snapshot in snapshots:
            ledger.take(snapshot)
        paid = {str(item["id"]) for item in found if self._mapping.paid_by_stage and item.get("stageSemanticId") == "S"}
        await self._payments(ledger, invoices.INVOICE_TYPE, snapshots, paid)

    async def _payments(
        self, ledger: Ledger, entity_type: int, owners: Sequence[Snapshot], paid: Collection[str]
    ) -> None:
        lists = await self._portal.batch(
            [Call("crm.item.payment.list", {"entityId": o.id, "entityTypeId": entity_type}) for o in owners],
            tolerant=True,
        )
        for owner, listed in zip(owners, lists, strict=True):
            if listed is None:
                log.warning("payments cannot be read; the webhook needs the scope sale", kind=owner.kind, id=owner.id)
                continue
            rows = items(listed)
            known = {row.id: row for row in self._store.owned("payment", f"{owner.kind}:{owner.id}")}
            known |= self._store.published("payment", [str(row["id"]) for row in rows])
            told: set[str] = set()
            for snapshot in invoices.payments(owner, rows, known, in_full=owner.id in paid):
                held = ledger.row("payment", snapshot.id)
                # The portal lists an invoice's payments under its deal too; the invoice is what they pay.
                if held and owner.kind == "deal" and held.owner.startswith("invoice:") and held.state != "deleted":
                    continue
                ledger.take(snapshot)
                told.add(snapshot.id)
            for row in known.values():
                held = ledger.row("payment", row.id)
                if held and row.id not in told and held.owner == f"{owner.kind}:{owner.id}":
                    ledger.withdraw(held, self._moment())

    async def _owners(self, payments: Sequence[str]) -> dict[str, list[str]]:
        """Deals and invoices to look at because of payments: as remembered, and as the portal says."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in self._store.published("payment", payments).values():
            kind, _, number = row.owner.partition(":")
            found[kind].add(number)
        if payments:
            try:
                listed = await self._portal.list_all(
                    [Call("sale.payment.list", {"filter": {"@id": some}, "select": ["id", "orderId"]})
                     for some in _chunks(payments)]
                )  # fmt: skip
                orders = sorted({str(row["orderId"]) for rows in listed for row in rows})
                for kind, number in await self.owners_of_orders(orders):
                    found[kind].add(number)
            except PortalRefused as refused:
                log.warning("payments cannot be traced to their deals", why=str(refused))
        return {kind: sorted(found[kind]) for kind in ("deal", "invoice")}

    async def owners_of_orders(self, orders: Collection[str]) -> list[tuple[str, str]]:
        """The deals and invoices, as (kind, id), that orders of the shop belong to."""
        bound = await self._portal.batch(
            [Call("crm.orderentity.list", {"filter": {"@orderId": some}}) for some in _chunks(orders)]
        )
        return [
            (kind, str(row["ownerId"]))
            for result in bound
            for row in items(result)
            if (kind := _OWNERS.get(str(row.get("ownerTypeId"))))
        ]

    # Calls

    async def calls(self, ledger: Ledger, ids: Collection[str]) -> None:
        """Publish what is known of calls: ringing ones, ends, votes."""
        for call in ids:
            facts = self._store.facts(call)
            with ledger.guard("call", call):
                ledger.emit(list(calls.ringing(call, facts, self._mapping, self._identity)))
                if (end := calls.ended(call, facts, self._mapping)) is None:
                    continue
                ledger.take(end)
                if (vote := calls.rating(call, facts, end)) is not None:
                    ledger.take(vote)

    async def statistics(self, ledger: Ledger, rows: Sequence[Row]) -> None:
        """Publish calls that the portal's statistics have."""
        found = [row for row in rows if row.get("CALL_ID")]
        for row in found:
            await asyncio.to_thread(self._store.learn, str(row["CALL_ID"]), calls.from_statistics(row, self._identity))
        await self.calls(ledger, [str(row["CALL_ID"]) for row in found])

    # Meetings and chats, which are activities

    async def activities_by_id(self, ledger: Ledger, ids: Collection[str]) -> None:
        """Bring meetings and chats up to date."""
        fetched = await self._portal.list_all(
            [Call("crm.activity.list", {"filter": {"@ID": some}, "select": ["*"]}) for some in _chunks(ids)], "ID"
        )
        await self.activities(ledger, [row for rows in fetched for row in rows])

    async def activities(self, ledger: Ledger, rows: Sequence[Row]) -> None:
        """Publish activities as fetched."""
        for row in rows:
            if row.get("PROVIDER_ID") == chats.PROVIDER:
                continue
            with ledger.guard("meeting", str(row["ID"])):
                client = self._client_of(ledger, "meeting", str(row["ID"]))
                if client is None and str(row.get("OWNER_TYPE_ID")) == "2":
                    client = self._client_of(ledger, "deal", str(row["OWNER_ID"]))
                meeting = meetings.snapshot(row, client, self._mapping, self._identity)
                if meeting is not None:
                    ledger.take(meeting)
        await self._sessions(ledger, [row for row in rows if row.get("PROVIDER_ID") == chats.PROVIDER])

    async def _sessions(self, ledger: Ledger, rows: Sequence[Row]) -> None:
        rows = [row for row in rows if row.get("ASSOCIATED_ENTITY_ID")]
        histories = await self._portal.batch(
            [Call("imopenlines.session.history.get", {"SESSION_ID": row["ASSOCIATED_ENTITY_ID"]}) for row in rows],
            tolerant=True,
        )
        for row, history in zip(rows, histories, strict=True):
            if history is None:
                log.warning("a chat cannot be read; the webhook's user needs access to it", activity=row["ID"])
                continue
            with ledger.guard("chat", str(row["ASSOCIATED_ENTITY_ID"])):
                self._session(ledger, row, chats.Session(row, history, self._mapping, self._identity))

    def _session(self, ledger: Ledger, row: Row, session: chats.Session) -> None:
        held = ledger.row("chat", session.id)
        after, closed = (held.at, held.state == "closed") if held else (0, False)
        ledger.emit(list(session.events(after, closed=closed)))
        state = "closed" if session.completed else "open"
        told = Published("chat", session.id, session.client, session.last, 0, 0, "", state, "", {"activity": row["ID"]})
        if told != held:
            ledger.remember(told)

    def open_chats(self) -> list[str]:
        """Activities of the chats that are not closed."""
        ids = self._store.in_state("chat", "open")
        return [str(row.data["activity"]) for row in self._store.published("chat", ids).values()]

    async def ratings(self, ledger: Ledger, rows: Sequence[Row]) -> None:
        """Publish the votes on chats; the client is known from the chat."""
        known = self._store.published("chat", [str(row["sessionId"]) for row in rows])
        for row in rows:
            session = known.get(str(row["sessionId"]))
            if session and (vote := chats.rating(row, session.client, self._mapping)) is not None:
                ledger.take(vote)

    # Pieces

    async def _items(self, entity_type: int, ids: Collection[str], fields: Sequence[str]) -> list[Row]:
        pages = await self._portal.batch(
            [
                Call("crm.item.list", item_query(entity_type, fields) | {"filter": {"@id": some}, "start": -1})
                for some in _chunks(dict.fromkeys(ids))
            ]
        )
        return [row for page in pages for row in items(page)]

    async def _histories(self, entity_type: int, ids: Sequence[str]) -> dict[str, list[Row]]:
        lists = await self._portal.list_all(
            [
                Call("crm.stagehistory.list", {"entityTypeId": entity_type, "filter": {"@OWNER_ID": some}})
                for some in _chunks(ids, _HISTORIES)
            ],
            "ID",
        )
        found: dict[str, list[Row]] = defaultdict(list)
        for row in (row for rows in lists for row in rows):
            found[str(row["OWNER_ID"])].append(row)
        return found

    def _withdraw(
        self, ledger: Ledger, kind: str, ids: Collection[str], found: Sequence[Row], *, careful: bool
    ) -> None:
        missing = set(ids) - {str(item["id"]) for item in found}
        gone = [row for row in self._store.published(kind, missing).values() if row.state != "deleted"]
        if careful and len(gone) > 20 and len(gone) * 2 > len(ids):
            # Somebody who took the webhook's rights away has not deleted the deals.
            log.error("too many are gone to believe it; check the webhook's rights", kind=kind, gone=len(gone))
            return
        for row in gone:
            ledger.withdraw(row, self._moment())

    def _client_of(self, ledger: Ledger, kind: str, number: str) -> str | None:
        held = ledger.row(kind, number)
        return held.client if held else None

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._parts.now(), UTC)

    def mark(self, kind: str, ids: Iterable[str]) -> None:
        """Have entities looked at with the next drain."""
        self._store.add([Change(kind, number) for number in ids], self._parts.now())


@asynccontextmanager
async def _in_thread(turn: AbstractContextManager[None]) -> AsyncIterator[None]:
    """A context whose beginning may block."""
    await asyncio.to_thread(turn.__enter__)
    try:
        yield
    finally:
        turn.__exit__(None, None, None)


def item_query(entity_type: int, fields: Sequence[str]) -> dict[str, Any]:
    """Parameters of `crm.item.list` that all queries share."""
    return {"entityTypeId": entity_type, "select": list(fields), "useOriginalUfNames": "Y", "order": {"id": "ASC"}}


def _chunks(ids: Iterable[str], size: int = _IDS) -> list[list[str]]:
    wanted = list(ids)
    return [wanted[begin : begin + size] for begin in range(0, len(wanted), size)]
