"""Makes Kafka agree with the portal about some entities: fetches them, turns them into events, publishes, remembers.

Webhook, reconciliation and backfill all end here, one batch at a time, so that none overtakes another.
"""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal, NamedTuple

import structlog

from producers.connectors.bitrix24.entities import costs, deals, invoices, leads
from producers.connectors.bitrix24.entities.hooks import DELETED
from producers.connectors.bitrix24.entities.stages import INVOICE_TYPE, Stages
from producers.connectors.bitrix24.errors import PortalRefused, PortalUnavailable
from producers.connectors.bitrix24.meaning.sales import DEAL, Sort, sorts
from producers.connectors.bitrix24.portal.rest import RestCall, items
from producers.connectors.bitrix24.spool.ledger import VersionLedger
from producers.connectors.bitrix24.spool.store import Dirty, Outgoing
from producers.connectors.bitrix24.spool.unusable import tell
from producers.connectors.bitrix24.sync.contacts import Contacts
from producers.connectors.bitrix24.sync.gone import Gone
from producers.connectors.bitrix24.sync.payments import Payments
from producers.connectors.bitrix24.sync.planning import Planning
from producers.connectors.bitrix24.sync.surroundings import Row, Surroundings, chunks, item_query
from producers.events import REFERENCE_TYPES, Event

log = structlog.get_logger(__name__)
_HISTORIES = 10
Which = Literal["all", "moved"]
"""Deals whose payments are looked at: all, those that changed their client."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EntityKind(NamedTuple):
    """Of what is looked at again and again, and taken back when it is gone: what is asked, what becomes of it."""

    entity_type: int
    fields: tuple[str, ...]
    bring: Callable[[VersionLedger, Sequence[Row]], Awaitable[None]]


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
        self.stages = Stages(parts.portal, parts.store)
        self.sorts = sorts(parts.mapping)
        self.kinds: dict[str, EntityKind] = {
            **{
                sort.kind: EntityKind(sort.entity_type, sort.fields, partial(self.sales, sort=sort, payments="moved"))
                for sort in self.sorts.values()
            },
            "lead": EntityKind(leads.LEAD_TYPE, leads.FIELDS, self.leads),
            "invoice": EntityKind(INVOICE_TYPE, invoices.FIELDS, self.invoices),
            **{
                f"{costs.COST}:{number}": EntityKind(
                    int(number), costs.fields(part), partial(self.costs, number=number)
                )
                for number, part in parts.mapping.processes.costs.items()
            },
        }
        """By kind what has an entity of its own for each item."""
        self.planning = Planning(parts)
        self.contacts = Contacts(parts)
        self.gone = Gone(parts)

    @property
    def processes(self) -> dict[str, str]:
        """Smart processes that count, by entityTypeId, and what each is called in the spool."""
        kinds = [kind for kind in (*self.kinds, *self.planning.kinds) if ":" in kind]
        return {kind.partition(":")[2]: kind for kind in kinds}

    @asynccontextmanager
    async def batch(self, cursors: dict[str, str] | None = None) -> AsyncIterator[VersionLedger]:
        """One batch: what its ledger holds at the end is remembered with `cursors`, and published.

        It goes through an outbox: whatever fails in between, Kafka gets exactly what the store says it got.
        """
        async with self._turn, _in_thread(self._store.turn()):
            # First what an earlier batch could not send: versions of an entity stay in order.
            await self._publish()
            ledger = VersionLedger(self._store, self._identity)
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

    async def _bring(self, ledger: VersionLedger, kind: str, ids: Sequence[str]) -> None:
        match kind:
            case "call":
                await self.contacts.known_calls(ledger, ids)
            case "payment":
                await self.owners(ledger, await self.payments.owners(ids), careful=True)
            case "contact" | "company":
                await self.feed(kind, ids)
            case "activity":
                await self.contacts.activities_by_id(ledger, ids)
            case _ if self.planning.is_plan(kind):
                await self.planning.bring(ledger, kind.removesuffix(DELETED))
            case _:
                known = kind.removesuffix(DELETED)
                # Most smart processes take no payments: theirs are looked for when one is told of.
                which: Which = "all" if known == DEAL else "moved"
                await self.by_id(ledger, known, ids, payments=which, careful=known == kind)

    async def by_id(
        self, ledger: VersionLedger, kind: str, ids: Collection[str], *, careful: bool, payments: Which = "moved"
    ) -> None:
        """Bring entities up to date; what the portal no longer has is taken back."""
        if kind not in self.kinds:
            return  # A smart process that the mapping named once.
        entity_type, fields, bring = self.kinds[kind]
        found = await self._items(entity_type, ids, fields)
        if (sort := self.sorts.get(kind)) is not None:
            await self.sales(ledger, found, sort=sort, payments=payments)
        else:
            await bring(ledger, found)
        await self.gone.withdraw(ledger, kind, entity_type, ids, found, careful=careful)

    async def owners(self, ledger: VersionLedger, owners: Mapping[str, Sequence[str]], *, careful: bool) -> None:
        """Bring up to date what payments belong to, with them. owners: ids by kind."""
        for kind, ids in owners.items():
            await self.by_id(ledger, kind, ids, payments="all", careful=careful)

    # Sales

    async def sales(self, ledger: VersionLedger, found: Sequence[Row], *, sort: Sort, payments: Which) -> None:
        """Publish sales as fetched; with their payments, if wanted. Templates of recurring deals are none."""
        for item in filter(deals.is_template, found):
            if held := ledger.row(sort.kind, str(item["id"])):
                ledger.withdraw(held, self._parts.moment())
        found = await self.stages.told([item for item in found if not deals.is_template(item)])
        closed = [item for item in found if deals.is_closed(item, self._mapping, sort)]
        histories = await self._histories(sort.entity_type, [str(item["id"]) for item in closed])
        await self._parties.meet(map(self._parties.of, found))
        snapshots = []
        for item in found:
            number = str(item["id"])
            with ledger.guard(sort.kind, number, item):
                client = self._parties.owner(item, (DEAL, sort.name(number)))
                held, history = ledger.row(sort.kind, number), histories.get(number, [])
                told = held.data if held is not None and held.state != "deleted" else None
                snapshot = deals.snapshot(item, history, client, self._mapping, self._parts.currency, sort, told)
                snapshots.append(snapshot)
                if snapshot.state != deals.WORK:
                    ledger.take(snapshot)
                elif held is not None:
                    ledger.withdraw(held, self._parts.moment())
                ledger.looks[sort.kind, number] = self._look(item)
        if payments != "all":
            # At least those must follow that the client has left behind.
            paid = {row.owner for row in self.payments.left_behind(ledger, snapshots)}
            snapshots = [snapshot for snapshot in snapshots if f"{sort.kind}:{snapshot.id}" in paid]
        await self.payments.bring(ledger, sort.entity_type, snapshots, {})

    async def again(self, ledger: VersionLedger, kind: str, ids: Collection[str], careful: bool) -> None:
        """Look at known entities again: costs a fiftieth of a call each, and more for what has changed."""
        entity_type, fields, bring = self.kinds[kind]
        found = await self._items(entity_type, ids, fields)
        looks, held = self._store.looks(kind, ids), self._store.published(kind, ids)
        changed = [
            item for item in found
            if looks.get(number := str(item["id"])) != self._look(item) or held[number].state == "deleted"
        ]  # fmt: skip
        if changed:
            await bring(ledger, changed)
        await self.gone.withdraw(ledger, kind, entity_type, ids, found, careful=careful)

    def _look(self, item: Row) -> str:
        """What tells whether an entity, or what is made of it, is another one."""
        said = json.dumps([self._meaning, item], sort_keys=True, default=str)
        return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()

    # Leads

    async def leads(self, ledger: VersionLedger, found: Sequence[Row]) -> None:
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

    async def invoices(self, ledger: VersionLedger, found: Sequence[Row]) -> None:
        """Publish invoices as fetched, with their payments."""
        found = await self.stages.told(found)
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
        histories = await self._histories(INVOICE_TYPE, done if self._mapping.paid_by_stage else [])
        paid = {number: invoices.paid_at(rows) for number, rows in histories.items()}
        await self.payments.bring(ledger, INVOICE_TYPE, snapshots, paid)

    async def payments_between(self, ledger: VersionLedger, ids: range, top: int, *, careful: bool) -> None:
        """Bring the deals and invoices up to date whose payments, of these ids, are not as they were published."""
        await self.owners(ledger, await self.payments.differing(ids, top), careful=careful)

    # Costs

    async def costs(self, ledger: VersionLedger, found: Sequence[Row], *, number: str) -> None:
        """Publish costs as fetched; what its stage says is none, or its day is still to come, is taken back."""
        part, kind = self._mapping.processes.costs[number], f"{costs.COST}:{number}"
        for item in await self.stages.told(found):
            name = str(item["id"])
            with ledger.guard(kind, name, item):
                if costs.counts(item, part):
                    cost = costs.snapshot(
                        item, f"{number}.{name}", part, self._mapping, self._parts.currency, self._identity,
                        self._store.teams(),
                    )  # fmt: skip
                    if cost.time <= self._parts.moment():
                        ledger.take(cost)
                    else:  # Nobody takes an event of tomorrow.
                        ledger.put_off(cost, self._parts.moment())
                elif (held := ledger.row(kind, name)) is not None:
                    ledger.withdraw(held, self._parts.moment())
                ledger.looks[kind, name] = self._look(item)

    # Contacts and companies

    async def feed(self, kind: str, ids: Collection[str]) -> None:
        """Have contacts or companies claim the numbers that they have now."""
        await self._parties.feed(kind, await self._parties.by_id(kind, ids))

    # Pieces

    async def _items(self, entity_type: int, ids: Collection[str], fields: Sequence[str]) -> list[Row]:
        pages = await self._portal.batch(
            [
                RestCall("crm.item.list", item_query(entity_type, fields) | {"filter": {"@id": some}, "start": -1})
                for some in chunks(dict.fromkeys(ids))
            ]
        )
        return await self.stages.told([row for page in pages for row in items(page)])

    async def _histories(self, entity_type: int, ids: Sequence[str]) -> dict[str, list[Row]]:
        lists = await self._portal.list_all(
            [
                RestCall("crm.stagehistory.list", {"entityTypeId": entity_type, "filter": {"@OWNER_ID": some}})
                for some in chunks(ids, _HISTORIES)
            ],
            "ID",
        )
        found: dict[str, list[Row]] = defaultdict(list)
        for row in (row for rows in lists for row in rows):
            found[str(row["OWNER_ID"])].append(row)
        return found


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
