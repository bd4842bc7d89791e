"""Years of a portal's history: every table by ascending id, in windows of ids, resumable after each batch."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import structlog

from producers.connectors.bitrix24.entities import invoices, leads, meetings, parties
from producers.connectors.bitrix24.entities.costs import COST
from producers.connectors.bitrix24.entities.stages import INVOICE_TYPE
from producers.connectors.bitrix24.errors import PortalRefused, PortalUnavailable
from producers.connectors.bitrix24.meaning.mapping import Mapping
from producers.connectors.bitrix24.meaning.sales import Sort
from producers.connectors.bitrix24.portal.rest import PAGE, RestCall, items
from producers.connectors.bitrix24.spool.ledger import VersionLedger, family
from producers.connectors.bitrix24.sync import since
from producers.connectors.bitrix24.sync.contacts import is_chat
from producers.connectors.bitrix24.sync.payments import by_kind
from producers.connectors.bitrix24.sync.reconcile import Reconciler
from producers.connectors.bitrix24.sync.surroundings import Row, Surroundings, item_query
from producers.connectors.bitrix24.sync.sync import Synchronizer
from producers.connectors.bitrix24.sync.way import RunWay

log = structlog.get_logger(__name__)
_WINDOWS: Final = 20
_ITEMS: Final = "crm.item.list"
_VOTE_PERIOD: Final = timedelta(days=360)
Take = Callable[[VersionLedger, list[Row]], Awaitable[None]]


class BackfillProgress(Protocol):
    """Who is told how far it is."""

    def advance(self, count: int, done: float, where: str = "") -> None:
        """`count` more events; `done` rows of all are behind, in the table `where`."""


@dataclass(frozen=True)
class PortalTable:
    """One table of the portal: how it is asked for and what becomes of its rows."""

    name: str
    method: str
    params: dict[str, Any]
    take: Take
    id_field: str = "id"
    upper: bool = False
    first: Callable[[datetime], list[since.Condition]] = lambda _: [{}]
    """Of a run from a day on: conditions of which its first row fulfils one."""
    counts: since.Counts = since.everything
    """Whether a row counts from a day on."""
    beside: Callable[[list[Row]], Awaitable[None]] | None = None
    """What else becomes of its rows, while others may take their turns."""

    def counted(self, rows: list[Row], day: datetime | None) -> list[Row]:
        """Those that count from a day on."""
        return rows if day is None else [row for row in rows if self.counts(row, day)]

    def call(self, condition: dict[str, Any], *, way: str = "ASC") -> RestCall:
        """Rows that fulfil a condition, by id, not counted."""
        if self.upper:
            query = {"FILTER": condition, "SORT": self.id_field, "ORDER": way}
        else:
            query = {"filter": condition, "order": {self.id_field: way}}
        return RestCall(self.method, self.params | query | {"start": -1})


class Backfill:
    """One run; `wanted` is asked before each batch, so that it can be stopped and go on later."""

    def __init__(
        self,
        parts: Surroundings,
        synchronizer: Synchronizer,
        reconciler: Reconciler,
        *,
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._parts = parts
        self._portal, self._store = parts.portal, parts.store
        self._sync, self._reconciler = synchronizer, reconciler
        self._wanted = wanted
        self._behind = 0
        self._way = RunWay(0, parts.now)
        self.left_out: list[str] = []

    def tables(self) -> list[PortalTable]:
        """What is read, in order: who comes before what is about him, deals before what belongs to them."""
        contacts = self._sync.contacts
        activity = {"select": list(meetings.FIELDS)}
        people = [("contacts", "contact"), ("companies", "company")] if self._parts.parties.are_known else []
        return [
            *(self._parties(name, kind) for name, kind in people),
            self._items("leads", leads.LEAD_TYPE, leads.FIELDS, self._sync.leads, since.lead),
            *(self._sales(sort) for sort in self._sync.sorts.values()),
            self._items(
                "invoices", INVOICE_TYPE, invoices.FIELDS, self._sync.invoices, self._meant(since.invoice)
            ),
            *(
                self._items(f"processes:{of.entity_type}", of.entity_type, of.fields, of.bring, since.everything)
                for kind, of in self._sync.kinds.items()
                if family(kind) == COST
            ),
            PortalTable(
                "payments",
                "sale.payment.list",
                {"select": ["id", "orderId", "datePaid"]},
                self._payments,
                first=lambda day: [{">=datePaid": day.isoformat()}],
            ),
            PortalTable(
                "activities", "crm.activity.list", activity, contacts.meetings, "ID",
                first=since.first_activities, counts=since.activity, beside=self._chats,
            ),
            PortalTable(
                "calls", "voximplant.statistic.get", {}, contacts.statistics, "ID", upper=True,
                first=lambda day: [{">=CALL_START_DATE": (day - since.BEFORE).isoformat()}],
            ),
        ]  # fmt: skip

    async def run(
        self,
        progress: BackfillProgress,
        *,
        begin: datetime | None = None,
        only: Collection[str] = (),
        restart: bool = False,
    ) -> bool:
        """Read everything, from where the last run stopped; say whether it came to the end.

        begin: only what counts in numbers from then on.
        """
        if restart:
            self._store.forget("backfill:")
        await self._reconciler.reference()
        tables = [table for table in self.tables() if not only or family(table.name) in only]
        self._way = RunWay(sum([await self._length(table, begin) for table in tables]), self._parts.now)
        for table in tables:
            if not await self._take(table, begin, progress):
                return False
        if not only or "ratings" in only:
            await self._ratings(begin)
        # What could not be read to its end goes on there, once it may be read.
        for table in self.tables():
            if table.name not in self.left_out and (not only or family(table.name) in only):
                self._store.forget(f"backfill:{table.name}")
        return True

    async def _take(self, table: PortalTable, day: datetime | None, progress: BackfillProgress) -> bool:
        """Read one table, or leave it out where it may not be read; False when that was not wanted to its end."""
        try:
            return await self._read(table, day, progress)
        except PortalUnavailable:
            if self._wanted():
                raise
            return False
        except PortalRefused as refused:
            if table.name == "payments":
                log.warning("payments are read deal by deal; with the scope sale it is faster", why=str(refused))
                await self._reconciler.sweep("deal", whole=True, singly=True)
                return True
            self.left_out.append(table.name)
            log.warning("left out of the backfill", what=table.name, why=str(refused))
            return True

    async def _length(self, table: PortalTable, day: datetime | None) -> int:
        """How many ids of a table are to be read; 0 where that cannot be told now."""
        try:
            place, top = await self._ends(table, day)
        except (PortalRefused, PortalUnavailable):
            return 0
        return max(0, top - place)

    async def _ends(self, table: PortalTable, day: datetime | None) -> tuple[int, int]:
        """The id before the first one to read, and the last one."""
        top = await self._edge(table, {}, "DESC")
        held = self._store.cursor(f"backfill:{table.name}")
        if held is not None:
            return int(held), top
        if day is None:
            return 0, top
        edges = [await self._edge(table, condition, "ASC") for condition in table.first(day)]
        return min((edge for edge in edges if edge), default=top + 1) - 1, top

    async def _read(self, table: PortalTable, day: datetime | None, progress: BackfillProgress) -> bool:
        place, top = await self._ends(table, day)
        while place < top:
            if not self._wanted():
                return False
            begins = range(place, min(top, place + _WINDOWS * PAGE), PAGE)
            end = min(top, begins[-1] + PAGE)
            rows = await self._windows(table, begins) if table.beside is not None else []
            if table.beside is not None:
                await table.beside(table.counted(rows, day))
            async with self._sync.batch({f"backfill:{table.name}": str(end)}) as ledger:
                if table.beside is None:
                    rows = await self._windows(table, begins)
                await table.take(ledger, table.counted(rows, day))
            self._behind += len(rows)
            self._way.done += end - place
            told = f"{table.name} {end:,} of {top:,}, {self._way.text()}"
            progress.advance(len(ledger.events), self._behind, told)
            place = end
            if not rows and place < top:
                # A hole in the ids; go on where they do.
                begin = await self._edge(table, {f">{table.id_field}": place}, "ASC")
                self._way.done += max(0, begin - 1 - place)
                place = max(place, begin - 1)
        return True

    async def _windows(self, table: PortalTable, begins: range) -> list[Row]:
        """Rows by windows of 50 ids: a page holds each, so that all of a batch can be asked for at once."""
        name = table.id_field
        calls = [table.call({f">{name}": begin, f"<={name}": begin + PAGE}) for begin in begins]
        rows = [row for page in await self._portal.batch(calls) for row in items(page)]
        return await self._sync.stages.told(rows) if table.method == _ITEMS else rows

    async def _edge(self, table: PortalTable, condition: dict[str, Any], way: str) -> int:
        """The first or last id that fulfils a condition; 0 without any."""
        method, params = table.call(condition, way=way)
        rows = items(await self._portal.call(method, params))
        return int(rows[0][table.id_field]) if rows else 0

    def _items(
        self, name: str, entity_type: int, fields: tuple[str, ...], take: Take, counts: since.Counts
    ) -> PortalTable:
        return PortalTable(name, _ITEMS, item_query(entity_type, fields), take, counts=counts)

    def _meant(self, counts: Callable[[since.Row, datetime, Mapping], bool]) -> since.Counts:
        return lambda row, day: counts(row, day, self._parts.mapping)

    def _parties(self, name: str, kind: str) -> PortalTable:
        async def take(_: VersionLedger, rows: list[Row]) -> None:
            await self._parts.parties.feed(kind, rows)

        return PortalTable(name, f"crm.{kind}.list", parties.query(kind), take, "ID")

    def _sales(self, sort: Sort) -> PortalTable:
        def counts(row: since.Row, day: datetime) -> bool:
            return since.deal(row, day, self._parts.mapping, sort)

        name = f"processes:{sort.entity_type}" if sort.is_process else "deals"
        return self._items(name, sort.entity_type, sort.fields, self._sync.kinds[sort.kind].bring, counts)

    async def _chats(self, rows: list[Row]) -> None:
        await self._reconciler.chatting.read([row for row in rows if is_chat(row)])

    async def _payments(self, ledger: VersionLedger, rows: list[Row]) -> None:
        orders = sorted({str(row["orderId"]) for row in rows if row.get("datePaid")})
        owners = await self._sync.payments.owners_of_orders(orders)
        await self._sync.owners(ledger, by_kind(owners), careful=True)

    async def _ratings(self, day: datetime | None) -> None:
        end = self._portal.now + timedelta(days=1)
        begin = day or end - 3 * _VOTE_PERIOD
        while begin < end:
            until = min(end, begin + _VOTE_PERIOD)
            try:
                async with self._sync.batch() as ledger:
                    await self._sync.contacts.ratings(ledger, await self._reconciler.ratings_between(begin, until))
            except PortalRefused as refused:
                self.left_out.append("ratings")
                log.warning("left out of the backfill", what="ratings", why=str(refused))
                return
            begin = until
