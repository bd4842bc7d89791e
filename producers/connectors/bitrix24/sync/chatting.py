"""Reads open-line chats beside everything else: those that changed, and of the silent ones a few at a time.

The portal tells nobody of messages, a message need not touch its chat's activity, and a history comes whole and slowly.
So histories are asked for a few at once without the turn that hooks need, and are published in small turns: messages
are numbered, so that none comes twice or back, whoever reads a chat beside it.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import structlog

from producers.connectors.bitrix24.entities import chats, meetings
from producers.connectors.bitrix24.meaning.values import moment
from producers.connectors.bitrix24.portal.rest import RestCall
from producers.connectors.bitrix24.sync.surroundings import Row, Surroundings, chunks
from producers.connectors.bitrix24.sync.sync import Synchronizer

log = structlog.get_logger(__name__)
_TOGETHER: Final = 25
"""Histories asked for by one request: the portal works them off one after the other."""
_AT_ONCE: Final = 3
"""Requests for histories under way."""
_SILENT: Final = 60
"""Silent chats looked at in one poll: half of what a method's time allows, at a seventh of a second each."""
_REST: Final = timedelta(minutes=2)
"""A silent chat is looked at again after a tenth of its silence, and after this at the latest."""
_SECOND: Final = timedelta(seconds=2)
"""The portal dates changes to the second: a look so soon after a change may not have seen the next one."""
_KEPT: Final = timedelta(minutes=30)


class _Look(NamedTuple):
    """When a chat was read, at which LAST_UPDATED, and when somebody wrote in it last; by the portal's clock."""

    read: datetime
    updated: str
    written: datetime | None

    def has_seen(self, row: Row) -> bool:
        """Whether nothing has changed since, as the chat's activity says."""
        updated = moment(row.get("LAST_UPDATED"))
        return str(row.get("LAST_UPDATED")) == self.updated and updated is not None and self.read - updated > _SECOND

    def due(self) -> datetime:
        """When to look again at a chat that is silent."""
        return self.read + min(_REST, (self.read - (self.written or self.read)) / 10)


class Chatting:
    """The chats of one portal."""

    def __init__(self, parts: Surroundings, synchronizer: Synchronizer) -> None:
        self._parts = parts
        self._portal, self._store = parts.portal, parts.store
        self._sync = synchronizer
        self._turn = asyncio.Lock()
        self._looks: dict[str, _Look] = {}
        self._told = False

    async def poll(self, since: datetime, seen: dict[str, str], *, whole: bool) -> None:
        """Read what changed since a moment or was told of by hooks, and some silent chats, or all of them.

        seen: cursors to remember then.
        """
        async with self._turn:
            told = self._store.dirty(chats=True)
            changed = {str(row["ID"]): row for row in await self._changed(since)}
            wanted = {number for number, row in changed.items() if not self._has_seen(number, row)}
            wanted |= {entry.id for entry in told}
            wanted |= set(self._silent(wanted, whole=whole))
            fetched = await self._by_id(wanted - changed.keys())
            await self._read_all([*(row for number, row in changed.items() if number in wanted), *fetched])
            self._store.done(told)
            self._store.save((), seen)
            self._forget()

    async def read(self, rows: Sequence[Row]) -> None:
        """Read the chats of these activities, whatever was read before."""
        async with self._turn:
            await self._read_all(rows)
            self._looks.clear()

    def _silent(self, read: Collection[str], *, whole: bool) -> Iterator[str]:
        """Open chats, besides those that are read, to look at although nothing says that they changed."""
        now = self._portal.now
        ids = [str(row.data["activity"]) for row in self._store.open_chats()]
        never = [number for number in ids if number not in self._looks and number not in read]
        waiting = sorted((self._looks[number].due(), number) for number in ids if number in self._looks)
        due = [number for at, number in waiting if (at <= now or whole) and number not in read]
        # A new start knows of no look; the latest chats are the ones that live.
        order = [*sorted(never, key=int, reverse=True), *due]
        yield from order if whole else order[:_SILENT]

    def _has_seen(self, number: str, row: Row) -> bool:
        look = self._looks.get(number)
        return look is not None and look.has_seen(row)

    async def _changed(self, since: datetime) -> list[Row]:
        condition = {"PROVIDER_ID": chats.PROVIDER, ">=LAST_UPDATED": since.isoformat()}
        query = {"filter": condition, "select": list(meetings.FIELDS)}
        return (await self._portal.list_all([RestCall("crm.activity.list", query)], "ID"))[0]

    async def _by_id(self, ids: Iterable[str]) -> list[Row]:
        fields = list(meetings.FIELDS)
        calls = [
            RestCall("crm.activity.list", {"filter": {"@ID": some}, "select": fields}) for some in chunks(sorted(ids))
        ]
        return [row for rows in await self._portal.list_all(calls, "ID") for row in rows]

    async def _read_all(self, rows: Sequence[Row]) -> None:
        sessions = {str(row["ID"]): row for row in rows if row.get("ASSOCIATED_ENTITY_ID")}
        room = asyncio.Semaphore(_AT_ONCE)
        reads = [self._read([sessions[number] for number in some], room) for some in chunks(sessions, _TOGETHER)]
        # Each comes to its end: what one of them could read stays read when another fails.
        failed = [one for one in await asyncio.gather(*reads, return_exceptions=True) if one is not None]
        if failed:
            raise failed[0]

    async def _read(self, rows: Sequence[Row], room: asyncio.Semaphore) -> None:
        async with room:
            await self._portal.spare()
            # What was written since is not in it for certain, however long the portal takes.
            began = self._portal.now
            histories = await self._portal.batch(
                [
                    RestCall("imopenlines.session.history.get", {"SESSION_ID": row["ASSOCIATED_ENTITY_ID"]})
                    for row in rows
                ],
                tolerant=True,
            )
        async with self._sync.batch() as ledger:
            await self._parts.parties.meet(map(meetings.party, rows))
            for row, history in zip(rows, histories, strict=True):
                written = None
                if history is None:
                    self._tell(row)
                else:
                    with ledger.guard("chat", str(row["ASSOCIATED_ENTITY_ID"]), row):
                        written = self._sync.contacts.session(ledger, row, history)
                self._looks[str(row["ID"])] = _Look(began, str(row.get("LAST_UPDATED")), written)

    def _tell(self, row: Row) -> None:
        if not self._told:
            self._told = True
            log.warning("a chat cannot be read; the webhook's user needs access to it", activity=row["ID"])

    def _forget(self) -> None:
        """What is closed is remembered as long as lists of what changed have it."""
        open_ = {str(row.data["activity"]) for row in self._store.open_chats()}
        old = self._portal.now - _KEPT
        self._looks = {number: look for number, look in self._looks.items() if number in open_ or look.read > old}
