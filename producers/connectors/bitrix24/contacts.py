"""Contacts with clients brought up to date: calls, meetings, chats, and the marks that clients give them."""

from collections.abc import Collection, Sequence

import structlog

from producers.connectors.bitrix24 import calls, chats, meetings
from producers.connectors.bitrix24.ledger import Ledger
from producers.connectors.bitrix24.rest import Call
from producers.connectors.bitrix24.store import Published
from producers.connectors.bitrix24.surroundings import Row, Surroundings, chunks

log = structlog.get_logger(__name__)


class Contacts:
    """Calls, meetings and chats of one portal."""

    def __init__(self, parts: Surroundings) -> None:
        self._parts = parts
        self._told = False

    async def known_calls(self, ledger: Ledger, ids: Collection[str]) -> None:
        """Publish what is known of calls: ringing ones, ends, votes."""
        for call in ids:
            with ledger.guard("call", call):
                self._call(ledger, call, self._parts.store.facts(call))

    async def statistics(self, ledger: Ledger, rows: Sequence[Row]) -> None:
        """Publish calls that the portal's statistics have, with what hooks told of them."""
        for row in rows:
            if call := str(row.get("CALL_ID") or ""):
                with ledger.guard("call", call):
                    facts = self._parts.store.facts(call) | calls.from_statistics(row, self._parts.identity)
                    self._call(ledger, call, facts)

    def _call(self, ledger: Ledger, call: str, facts: calls.Facts) -> None:
        ledger.emit(list(calls.ringing(call, facts, self._parts.mapping, self._parts.identity)))
        if (end := calls.ended(call, facts, self._parts.mapping)) is None:
            return
        ledger.take(end)
        if (vote := calls.rating(call, facts, end)) is not None:
            ledger.take(vote)

    async def activities_by_id(self, ledger: Ledger, ids: Collection[str]) -> None:
        """Bring meetings and chats up to date."""
        fetched = await self._parts.portal.list_all(
            [
                Call("crm.activity.list", {"filter": {"@ID": some}, "select": list(meetings.FIELDS)})
                for some in chunks(ids)
            ],
            "ID",
        )
        await self.activities(ledger, [row for rows in fetched for row in rows])

    async def activities(self, ledger: Ledger, rows: Sequence[Row]) -> None:
        """Publish activities as fetched."""
        for row in rows:
            if row.get("PROVIDER_ID") == chats.PROVIDER:
                continue
            with ledger.guard("meeting", str(row["ID"])):
                held = ledger.row("meeting", str(row["ID"]))
                client = held.client if held else None
                meeting = meetings.snapshot(row, client, self._parts.mapping, self._parts.identity)
                if meeting is not None:
                    ledger.take(meeting)
        await self._sessions(ledger, [row for row in rows if row.get("PROVIDER_ID") == chats.PROVIDER])

    async def _sessions(self, ledger: Ledger, rows: Sequence[Row]) -> None:
        rows = [row for row in rows if row.get("ASSOCIATED_ENTITY_ID")]
        histories = await self._parts.portal.batch(
            [Call("imopenlines.session.history.get", {"SESSION_ID": row["ASSOCIATED_ENTITY_ID"]}) for row in rows],
            tolerant=True,
        )
        for row, history in zip(rows, histories, strict=True):
            if history is None:
                if not self._told:
                    self._told = True
                    log.warning("a chat cannot be read; the webhook's user needs access to it", activity=row["ID"])
                continue
            with ledger.guard("chat", str(row["ASSOCIATED_ENTITY_ID"])):
                self._session(ledger, row, chats.Session(row, history, self._parts.mapping, self._parts.identity))

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
        return [str(row.data["activity"]) for row in self._parts.store.open_chats()]

    async def ratings(self, ledger: Ledger, rows: Sequence[Row]) -> None:
        """Publish the votes on chats; the client is known from the chat."""
        known = self._parts.store.published("chat", [str(row["sessionId"]) for row in rows])
        for row in rows:
            session = known.get(str(row["sessionId"]))
            if session and (vote := chats.rating(row, session.client, self._parts.mapping)) is not None:
                ledger.take(vote)
