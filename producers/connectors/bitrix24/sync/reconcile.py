"""Repairs what hooks missed: changes since the last look, silent moves between funnels, deletions, lost payments."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

import structlog

from producers.connectors.bitrix24.entities import funnels, invoices, leads, parties, people
from producers.connectors.bitrix24.entities.stages import INVOICE_TYPE
from producers.connectors.bitrix24.errors import PortalRefused, PortalUnavailable
from producers.connectors.bitrix24.meaning.sales import DEAL, Sort
from producers.connectors.bitrix24.portal.rest import PAGE, RestCall, items
from producers.connectors.bitrix24.sync.chatting import Chatting
from producers.connectors.bitrix24.sync.contacts import is_chat
from producers.connectors.bitrix24.sync.gone import HIDDEN
from producers.connectors.bitrix24.sync.payments import by_kind
from producers.connectors.bitrix24.sync.surroundings import Row, Surroundings, item_query
from producers.connectors.bitrix24.sync.sync import Synchronizer

log = structlog.get_logger(__name__)
OVERLAP: Final = timedelta(minutes=10)
FIRST: Final = timedelta(days=1)
LONG_CALL: Final = timedelta(hours=2)
LATE_VOTES: Final = timedelta(days=3)
_SWEEP = 2500
_FACTS_KEPT = 7 * 86_400.0
_VOTES_EVERY = timedelta(hours=1)
_RATING_PAGE = 200


class Reconciler:
    """Reads what changed since the last time; how far, is remembered."""

    def __init__(self, parts: Surroundings, synchronizer: Synchronizer) -> None:
        self._parts = parts
        self._portal, self._store = parts.portal, parts.store
        self._sync = synchronizer
        self.chatting = Chatting(parts, synchronizer)
        self.refused: set[str] = set()
        """What may not be read."""
        self._careful = True
        self._later: PortalUnavailable | None = None
        self._told = False
        self._said: set[str] = set()

    async def run(self, *, whole: bool = False, believe: bool = False) -> None:
        """One reconciliation. `whole` looks at every known deal, lead and invoice, else at the next few thousand.

        `believe` takes what is gone for deleted, however much it is; else lost rights are suspected.
        """
        self._careful, self._later = not believe, None
        steps: list[tuple[str, Callable[[datetime, dict[str, str]], Awaitable[None]]]] = [
            ("contacts", self._contacts),
            ("companies", self._companies),
            ("deals", partial(self._sales, sort=self._sync.sorts[DEAL])),
            ("leads", self._leads),
            ("invoices", self._invoices),
            ("payments", self._payments),
            ("activities", self._activities),
            ("calls", self._calls),
            ("ratings", self._ratings),
        ]
        steps += [(kind.replace(":", "s "), self._process(kind)) for kind in self._sync.kinds if ":" in kind]
        await self.reference()
        for name, step in steps:
            await self._step(name, step)
        for kind in self._sync.kinds:
            await self.sweep(kind, whole=whole)
        if "payments" not in self.refused:
            await self.sweep_payments(whole=whole)
        while await self._sync.drain():
            pass
        if self._later is not None:
            raise self._later
        await asyncio.to_thread(self._store.prune, self._parts.now() - _FACTS_KEPT)
        if core := {"deals", "leads", "invoices", "calls"} & {name for name, _ in steps} - self.refused:
            log.debug("reconciled", read=sorted(core))
            self._parts.metrics.reconciled.set(self._parts.now())
        else:
            raise PortalRefused("all that counts", "insufficient_scope")

    async def reference(self) -> None:
        """Managers, rates, funnels and stages as they are now."""
        await self._step("people", self._people)
        await self._step("rates", self._rates)
        self._sync.stages.forget()
        await self._step("funnels", self._funnels)
        for kind in self._sync.planning.kinds:
            await self._step(kind.replace(":", "s "), partial(self._plans, kind=kind))

    async def chats(self, *, whole: bool = False) -> None:
        """Read new messages of open-line chats; `whole` looks at all that are open, else at some."""

        async def poll(since: datetime, seen: dict[str, str]) -> None:
            await self.chatting.poll(since - OVERLAP, seen, whole=whole)

        await self._step("chats", poll)

    async def _step(self, name: str, step: Callable[[datetime, dict[str, str]], Awaitable[None]]) -> None:
        held = self._store.cursor(f"seen:{name}")
        began = self._portal.now
        since = datetime.fromisoformat(held) if held else began - FIRST
        try:
            await step(since, {f"seen:{name}": began.isoformat()})
        except PortalUnavailable as busy:
            if not busy.method:
                raise
            # One method has used its time; the next step may do with others.
            self._later = busy
        except PortalRefused as refused:
            if name not in self.refused:
                self.refused.add(name)
                log.warning("left out of reconciliation", what=name, why=str(refused))
            self._parts.metrics.forbidden.labels(name).set(1)
        else:
            self.refused.discard(name)
            self._parts.metrics.forbidden.labels(name).set(0)

    async def _people(self, _: datetime, seen: dict[str, str]) -> None:
        names = people.teams(await self._departments())
        async with self._sync.batch(seen | {"teams": json.dumps(names)}) as ledger:
            users = await self._offsets(
                RestCall("user.get", {"sort": "ID", "order": "ASC", "FILTER": {"USER_TYPE": "employee"}})
            )
            for user in users:
                with ledger.guard("manager", str(user.get("ID")), user):
                    ledger.take(people.manager(user, names, self._parts.mapping, self._portal.now))

    async def _departments(self) -> list[Row]:
        """Departments; none where they may not be read: managers have names, and no teams, then."""
        found: list[Row] = []

        async def read(_: datetime, __: dict[str, str]) -> None:
            found.extend(await self._offsets(RestCall("department.get", {"sort": "ID", "order": "ASC"})))

        await self._step("departments", read)
        return found

    async def _rates(self, _: datetime, seen: dict[str, str]) -> None:
        async with self._sync.batch(seen) as ledger:
            found: dict[str, Decimal] = {}
            for row in await self._portal.call("crm.currency.list"):
                with ledger.guard("currency", str(row.get("CURRENCY")), row):
                    found |= dict(filter(None, [people.worth(row)]))
            if self._parts.mapping.rates == "portal":
                self._told_of(self._parts.currency, set(found))
            known = self._store.published("rate", list(found))
            for rate in people.rates(found, self._parts.mapping, self._parts.currency, self._portal.now, known):
                with ledger.guard("rate", rate.id, rate.data):
                    ledger.take(rate)

    async def _funnels(self, _: datetime, seen: dict[str, str]) -> None:
        async with self._sync.batch(seen) as ledger:
            found = await funnels.read(self._portal, self._sync.sorts.values())
            for named in funnels.snapshots(found, self._parts.mapping, self._portal.now):
                with ledger.guard("pipeline", named.id, named.data):
                    ledger.take(named)
        for line in funnels.not_ready(found, self._parts.mapping, self._parts.ready_stages):
            if line not in self._said:
                self._said.add(line)
                log.warning("clients who are ready to close are not counted", why=line)

    def _told_of(self, currency: str, listed: set[str]) -> None:
        """Without the base currency in the portal no amount of another one could be converted: say so, once."""
        if currency not in listed and not self._told:
            self._told = True
            log.warning(
                "the portal has no such currency, so that it gives no rates and other amounts stay unconverted; set "
                "SALES_CURRENCY to one of the portal's, or `rates` in the mapping",
                currency=currency,
                portal=sorted(listed),
            )

    async def _contacts(self, since: datetime, seen: dict[str, str]) -> None:
        await self._feed("contact", since, seen)

    async def _companies(self, since: datetime, seen: dict[str, str]) -> None:
        await self._feed("company", since, seen)

    async def _feed(self, kind: str, since: datetime, seen: dict[str, str]) -> None:
        if not self._parts.parties.are_known:
            return
        changed = parties.query(kind) | {"filter": {">=DATE_MODIFY": (since - OVERLAP).isoformat()}}
        async with self._sync.batch(seen):
            (rows,) = await self._portal.list_all([RestCall(f"crm.{kind}.list", changed)], "ID")
            await self._parts.parties.feed(kind, rows)

    async def _plans(self, _: datetime, seen: dict[str, str], *, kind: str) -> None:
        async with self._sync.batch(seen) as ledger:
            await self._sync.planning.bring(ledger, kind)

    def _process(self, kind: str) -> Callable[[datetime, dict[str, str]], Awaitable[None]]:
        """What a smart process is looked at by: sales by their moves, too, costs by their changes."""
        sort = self._sync.sorts.get(kind)
        return partial(self._sales, sort=sort) if sort is not None else partial(self._costs, kind=kind)

    async def _costs(self, since: datetime, seen: dict[str, str], *, kind: str) -> None:
        entity_type, fields, bring = self._sync.kinds[kind]
        since = await self._since(kind, since, seen)
        async with self._sync.batch(seen) as ledger:
            await bring(ledger, await self._changed(entity_type, fields, since, times=("updatedTime",)))

    async def _sales(self, since: datetime, seen: dict[str, str], *, sort: Sort) -> None:
        since = await self._since(sort.kind, since, seen)
        steps = {"entityTypeId": sort.entity_type, "filter": {">=CREATED_TIME": since.isoformat()}}
        async with self._sync.batch(seen) as ledger:
            found = await self._changed(sort.entity_type, sort.fields, since)
            await self._sync.sales(ledger, found, sort=sort, payments="moved")
            # A move to another funnel may leave the time of change as it was.
            (moves,) = await self._portal.list_all([RestCall("crm.stagehistory.list", steps)], "ID")
            moved = {str(row["OWNER_ID"]) for row in moves} - {str(item["id"]) for item in found}
            await self._sync.by_id(ledger, sort.kind, sorted(moved), careful=self._careful)

    async def _leads(self, since: datetime, seen: dict[str, str]) -> None:
        since = await self._since("lead", since, seen)
        async with self._sync.batch(seen) as ledger:
            await self._sync.leads(ledger, await self._changed(leads.LEAD_TYPE, leads.FIELDS, since))

    async def _invoices(self, since: datetime, seen: dict[str, str]) -> None:
        since = await self._since("invoice", since, seen)
        async with self._sync.batch(seen) as ledger:
            found = await self._changed(INVOICE_TYPE, invoices.FIELDS, since)
            await self._sync.invoices(ledger, found)

    async def _payments(self, since: datetime, seen: dict[str, str]) -> None:
        query = {"filter": {">=datePaid": (since - OVERLAP).isoformat()}, "select": ["id", "orderId", "datePaid"]}
        async with self._sync.batch(seen) as ledger:
            (rows,) = await self._portal.list_all([RestCall("sale.payment.list", query)])
            owners = await self._sync.payments.owners_of_orders(sorted({str(row["orderId"]) for row in rows}))
            await self._sync.owners(ledger, by_kind(owners), careful=self._careful)

    async def _activities(self, since: datetime, seen: dict[str, str]) -> None:
        changed = {">=LAST_UPDATED": (since - OVERLAP).isoformat()}
        query = {"filter": changed, "select": ["ID", "PROVIDER_ID"]}
        # There may be pages of chats among them, which others read: nobody waits for those.
        (rows,) = await self._portal.list_all([RestCall("crm.activity.list", query)], "ID")
        async with self._sync.batch(seen) as ledger:
            await self._sync.contacts.activities_by_id(ledger, [str(row["ID"]) for row in rows if not is_chat(row)])

    async def _calls(self, since: datetime, seen: dict[str, str]) -> None:
        votes = self._store.cursor("seen:votes")
        begin = since - LONG_CALL
        # Clients vote after the call: look further back now and then.
        if votes is None or self._portal.now - datetime.fromisoformat(votes) >= _VOTES_EVERY:
            begin = min(begin, self._portal.now - LATE_VOTES)
            seen |= {"seen:votes": self._portal.now.isoformat()}
        query = {"FILTER": {">=CALL_START_DATE": begin.isoformat()}}
        async with self._sync.batch(seen) as ledger:
            (rows,) = await self._portal.list_all([RestCall("voximplant.statistic.get", query)], "ID")
            await self._sync.contacts.statistics(ledger, rows)

    async def _ratings(self, since: datetime, seen: dict[str, str]) -> None:
        async with self._sync.batch(seen) as ledger:
            rows = await self.ratings_between(since - OVERLAP, self._portal.now + OVERLAP)
            await self._sync.contacts.ratings(ledger, rows)

    async def ratings_between(self, begin: datetime, end: datetime) -> list[Row]:
        """Votes on chats in at most 366 days."""
        found: list[Row] = []
        while True:
            page = await self._portal.call(
                "imopenlines.v2.Session.Rating.list",
                {
                    "dateVoteFrom": begin.isoformat(),
                    "dateVoteTo": end.isoformat(),
                    "offset": len(found),
                    "limit": _RATING_PAGE,
                },
            )
            found += page["ratings"]
            if not page.get("hasNextPage") or not page["ratings"]:
                return found

    async def sweep(self, kind: str, *, whole: bool, singly: bool = False) -> None:
        """Look at known entities again, a window at a time: finds deletions and whatever changes silently.

        singly: the shop's payments may not be read, so that those of deals are looked for one deal at a time.
        """
        name = f"sweep:{kind}"
        after = 0 if whole else int(self._store.cursor(name) or 0)
        while True:
            ids = await asyncio.to_thread(self._store.known, kind, after, _SWEEP)
            after = int(ids[-1]) if len(ids) == _SWEEP else 0
            async with self._sync.batch({name: str(after)}) as ledger:
                if kind == DEAL and (singly or "payments" in self.refused):
                    await self._sync.by_id(ledger, kind, ids, payments="all", careful=self._careful)
                else:
                    await self._sync.again(ledger, kind, ids, careful=self._careful)
            if not (whole and after):
                return

    async def sweep_payments(self, *, whole: bool) -> None:
        """Look at the shop's payments again, a window of ids at a time, at fifty by one call."""
        query = {"select": ["id"], "order": {"id": "DESC"}, "start": -1}
        top = max((int(row["id"]) for row in items(await self._portal.call("sale.payment.list", query))), default=0)
        after = 0 if whole else int(self._store.cursor("sweep:payment") or 0)
        while True:
            ids = range(after, after + _SWEEP)
            is_last = ids.stop >= top
            async with self._sync.batch({"sweep:payment": "0" if is_last else str(ids.stop)}) as ledger:
                await self._sync.payments_between(ledger, ids, top, careful=self._careful)
            if is_last or not whole:
                return
            after = ids.stop

    async def _since(self, kind: str, since: datetime, seen: dict[str, str]) -> datetime:
        """From when on changes are read: with an overlap; from before rights were lost, once they are there again."""
        back = await self._sync.gone.back(kind, self._sync.kinds[kind].entity_type)
        if back is None:
            return since - OVERLAP
        seen[f"{HIDDEN}{kind}"] = ""
        return min(since - OVERLAP, back)

    async def _changed(
        self,
        entity_type: int,
        fields: tuple[str, ...],
        since: datetime,
        *,
        times: Sequence[str] = ("updatedTime", "movedTime"),
    ) -> list[Row]:
        moments = [
            RestCall("crm.item.list", item_query(entity_type, fields) | {"filter": {f">={name}": since.isoformat()}})
            for name in times
        ]
        lists = await self._portal.list_all(moments)
        return list({str(item["id"]): item for found in lists for item in found}.values())

    async def _offsets(self, call: RestCall) -> list[Row]:
        """All rows of a method that knows pages by offset only."""
        found: list[Row] = []
        while True:
            page = await self._portal.call(call.method, call.params | {"start": len(found)})
            found += page
            if len(page) < PAGE:
                return found
