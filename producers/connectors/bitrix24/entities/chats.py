"""Open-line chats: every message in its order, the hand-off by a bot, and closing, read from a session's history."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.values import moment
from producers.connectors.bitrix24.spool.identity import Identity
from producers.connectors.bitrix24.spool.ledger import EntitySnapshot
from producers.events import ChatClosed, ChatHandedOff, ChatMessage, Event, RatingGiven

PROVIDER = "IMOPENLINES_SESSION"
_SCORES = {"like": 5, "dislike": 1}
Row = Mapping[str, Any]


class ChatSession:
    """One session of a chat: `activity` is its row in the CRM, `history` what the open line has of it."""

    def __init__(self, activity: Row, history: Row, client: str, meaning: Meaning, identity: Identity) -> None:
        self.id = str(activity["ASSOCIATED_ENTITY_ID"])
        self.client = client
        self.completed = activity.get("COMPLETED") == "Y"
        self._activity = activity
        self._meaning = meaning
        self._identity = identity
        self._users = _table(history.get("users"))
        self._messages = sorted(_table(history.get("message")).values(), key=lambda message: int(message["id"]))

    @property
    def last(self) -> int:
        """Number of the latest message, 0 without any."""
        return int(self._messages[-1]["id"]) if self._messages else 0

    @property
    def written(self) -> datetime | None:
        """When somebody wrote last."""
        return max((time for one in self._messages if (time := moment(one.get("date"))) is not None), default=None)

    def events(self, after: int, *, closed: bool) -> Iterator[Event]:
        """What happened after message number `after`; `closed` is whether the closing was told already."""
        handoff = re.compile(self._meaning.handoff) if self._meaning.handoff else None
        last: datetime | None = None
        for message in self._messages:
            time = moment(message.get("date"))
            if time is None:
                continue
            last = max(last or time, time)
            if int(message["id"]) <= after:
                continue
            author = self._author(message)
            manager = {"manager_id": self._meaning.manager(message["senderid"])} if author == "manager" else {}
            yield ChatMessage.of(**self._envelope(time, message["id"]), author=author, **manager, **self._named)
            if author == "system" and handoff and handoff.search(str(message.get("text") or "")):
                yield ChatHandedOff.of(**self._envelope(time, f"{message['id']}-handoff"), **self._named)
        if self.completed and not closed and last is not None:
            end = moment(self._activity.get("END_TIME"))
            time = max(last, end) if end else last
            yield ChatClosed.of(**self._envelope(time, f"{self.last}-closed"), **self._named)

    @property
    def _named(self) -> dict[str, str]:
        return {"chat_id": self.id, "client_id": self.client}

    def _envelope(self, time: datetime, part: str) -> dict[str, Any]:
        name = self._identity.event("chat", self.id, str(part), "")
        return {"source": self._identity.source, "time": time, "id": name}

    def _author(self, message: Row) -> str:
        sender = str(message.get("senderid") or "0")
        user = self._users.get(sender) or {}
        if sender == "0":
            return "system"
        if user.get("bot") or sender in self._meaning.bots:
            return "bot"
        return "client" if user.get("connector") else "manager"


def rating(row: Row, client: str, meaning: Meaning) -> EntitySnapshot | None:
    """The client's vote on a session: a like is 5, a dislike 1."""
    time, score = moment(row.get("dateVote")), _SCORES.get(str(row.get("vote")))
    if time is None or score is None:
        return None
    name = f"chat-{row['sessionId']}"
    data = {
        "rating_id": name,
        "client_id": client,
        "manager_id": meaning.manager(row.get("operatorId")),
        "score": score,
        "contact_id": str(row["sessionId"]),
    }
    return EntitySnapshot("rating", name, RatingGiven, time, time, data)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
