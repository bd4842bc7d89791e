"""Contacts with clients brought up to date: calls, meetings, chats, and the marks that clients give them."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from producers.connectors.bitrix24.entities import calls, chats, meetings
from producers.connectors.bitrix24.meaning.values import number
from producers.connectors.bitrix24.portal.rest import RestCall
from producers.connectors.bitrix24.spool.ledger import VersionLedger
from producers.connectors.bitrix24.spool.store import CHAT, PortalChange, Published
from producers.connectors.bitrix24.sync.surroundings import Row, Surroundings, chunks


def is_chat(row: Row) -> bool:
    """Whether an activity is a chat of an open line."""
    return row.get("PROVIDER_ID") == chats.PROVIDER


class Contacts:
    """Calls, meetings and chats of one portal."""

    def __init__(self, parts: Surroundings) -> None:
        self._parts = parts
        self.told_of_chats = asyncio.Event()
        """Set when a hook told of a chat."""

    async def known_calls(self, ledger: VersionLedger, ids: Collection[str]) -> None:
        """Publish what is known of calls: ringing ones, ends, votes."""
        await self._calls(ledger, [(call, self._parts.store.facts(call)) for call in ids])

    async def statistics(self, ledger: VersionLedger, rows: Sequence[Row]) -> None:
        """Publish calls that the portal's statistics have, with what hooks told of them."""
        found = []
        first: dict[str, Row] = {}
        for row in rows:
            if (call := str(row.get("CALL_ID") or "")) and number(row, "ID") <= number(first.get(call, row), "ID"):
                first[call] = row
        for call, row in first.items():
            with ledger.guard("call", call, row):
                held = ledger.row("call", call)
                # Several rows may share a CALL_ID (a call that was passed on): the first of them is the call.
                if held is None or not held.owner or number(row, "ID") <= int(held.owner):
                    caller = self._parts.parties.caller(call, str(row.get("PHONE_NUMBER") or ""))
                    facts = calls.from_statistics(row, caller, self._parts.store.facts(call))
                    found.append((call, facts | {"row": str(number(row, "ID"))}))
        await self._calls(ledger, found)

    async def _calls(self, ledger: VersionLedger, found: Sequence[tuple[str, calls.Facts]]) -> None:
        clients = await self._parts.parties.callers([facts for _, facts in found])
        for (call, facts), client in zip(found, clients, strict=True):
            with ledger.guard("call", call, facts):
                held = ledger.row("call", call)
                row = str(facts.get("row", held.owner if held else ""))
                self._call(ledger, call, facts, held.client if held else client, row)

    def _call(self, ledger: VersionLedger, call: str, facts: calls.Facts, client: str, row: str) -> None:
        ledger.emit(list(calls.ringing(call, facts, client, self._parts.mapping, self._parts.identity)))
        if (end := calls.ended(call, facts, client, self._parts.mapping)) is None:
            return
        ledger.take(replace(end, owner=row))
        if (vote := calls.rating(call, facts, end)) is not None:
            ledger.take(vote)

    async def activities_by_id(self, ledger: VersionLedger, ids: Collection[str]) -> None:
        """Bring meetings up to date; chats are left to who reads them."""
        fetched = await self._parts.portal.list_all(
            [
                RestCall("crm.activity.list", {"filter": {"@ID": some}, "select": list(meetings.FIELDS)})
                for some in chunks(ids)
            ],
            "ID",
        )
        rows = [row for found in fetched for row in found]
        await self.meetings(ledger, rows)
        told = [PortalChange(CHAT, str(row["ID"])) for row in rows if is_chat(row)]
        if told:
            await asyncio.to_thread(self._parts.store.add, told, self._parts.now())
            self.told_of_chats.set()

    async def meetings(self, ledger: VersionLedger, rows: Sequence[Row]) -> None:
        """Publish meetings among activities as fetched."""
        rows = [row for row in rows if not is_chat(row)]
        await self._parts.parties.meet(meetings.party(row) for row in rows if self._counts(row))
        for row in rows:
            with ledger.guard("meeting", str(row["ID"]), row):
                held = ledger.row("meeting", str(row["ID"]))
                client = held.client if held else None
                meeting = meetings.snapshot(row, client, self._parts.mapping, self._parts.parties)
                if meeting is not None:
                    ledger.take(meeting)

    def session(self, ledger: VersionLedger, row: Row, history: Row) -> datetime | None:
        """Publish what is new in a chat; say when somebody wrote in it last. row: its activity."""
        held = ledger.row("chat", str(row["ASSOCIATED_ENTITY_ID"]))
        client = held.client if held else self._chatting(row, history)
        session = chats.ChatSession(row, history, client, self._parts.mapping, self._parts.identity)
        after, closed = (held.at, held.state == "closed") if held else (0, False)
        ledger.emit(list(session.events(after, closed=closed)))
        state = "closed" if session.completed or closed else "open"
        last = max(after, session.last)
        told = Published("chat", session.id, session.client, last, 0, 0, "", state, "", {"activity": row["ID"]})
        if told != held:
            ledger.remember(told)
        return session.written

    def _counts(self, row: Row) -> bool:
        """Whether an activity is a meeting that was held."""
        return row.get("COMPLETED") == "Y" and self._parts.mapping.is_meeting(row)

    def _chatting(self, row: Row, history: Row) -> str:
        """Who chats: whom the CRM has bound the chat to, where identities say who that is; else the chat is all."""
        if self._parts.parties.are_known and (party := meetings.party(row)):
            return self._parts.parties.client(*party[0])
        return self._parts.identity.client("chat", str(history["chatId"]))

    async def ratings(self, ledger: VersionLedger, rows: Sequence[Row]) -> None:
        """Publish the votes on chats; the client is known from the chat."""
        known = self._parts.store.published("chat", [str(row["sessionId"]) for row in rows])
        for row in rows:
            session = known.get(str(row["sessionId"]))
            if session and (vote := chats.rating(row, session.client, self._parts.mapping)) is not None:
                ledger.take(vote)
