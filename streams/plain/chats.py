"""What one chat adds: responses and what was due, in log order."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from metrics.catalogue.activities import DUE, IN_TIME, RESPONSE, RESPONSE_BUSINESS
from producers.events import wire
from producers.events.wire.structs.chats import ChatMessageData
from streams.plain.contribution import Contribution, OpenThing
from streams.plain.exact import moment
from streams.plain.rules import KEPT_DAYS, PlainRules

REMEMBERED = 256
"""Distinct events of a chat among which a repeated one is recognised."""

ChatEvent = wire.ChatMessage | wire.ChatHandedOff | wire.ChatClosed
Writer = tuple[str, str]
"""Manager and team as stated ("" when not)."""


@dataclass
class PlainChat:
    """One chat as its log tells it; `take` follows the sentences of numbers.md one by one."""

    chat: str
    client: str
    rules: PlainRules
    last: int | None = None
    writer: Writer = ("unknown", "")
    waiting_since: int | None = None
    answered_before: bool = False
    bot_wrote: bool = False
    seen: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    added: list[Contribution] = field(default_factory=list)

    def is_known(self, today: int) -> bool:
        """Waiting chats are kept for ever, others 800 days; `today` is the ordinal of the log's local day."""
        return self.waiting_since is not None or self.last is None or self.rules.day(self.last) >= today - KEPT_DAYS

    def take(self, event: ChatEvent) -> str:
        """Fold one event in log order; says "folded" or "duplicate"."""
        if (event.source, event.id) in self.seen:
            return "duplicate"
        self.seen.append((event.source, event.id))
        now = moment(event.time)
        if self.last is not None:
            now = max(now, self.last)
        self.last = now
        match event:
            case wire.ChatMessage(data=message):
                self._written(message, now)
            case wire.ChatHandedOff():
                if self.waiting_since is not None and self.bot_wrote:
                    self.waiting_since = now
                self.bot_wrote = False
            case wire.ChatClosed():
                if self.waiting_since is not None:
                    self._add(DUE.code, ("chat",), self.writer, now, 1)
                self.waiting_since = None
                self.answered_before = False
                self.bot_wrote = False
        return "folded"

    def _written(self, message: ChatMessageData, now: int) -> None:
        if message.author == "client" and self.waiting_since is None:
            self.waiting_since = now
        elif message.author == "manager":
            self._manager_wrote((message.manager_id or "unknown", message.team_id or ""), now)
        elif message.author == "bot":
            self.bot_wrote = True

    def _manager_wrote(self, writer: Writer, now: int) -> None:
        if self.waiting_since is not None:
            response = now - self.waiting_since
            worked = self.rules.calendar.working_us(self.waiting_since, now, writer[1])
            labels = ("chat", "next" if self.answered_before else "first")
            self._add(RESPONSE.code, labels, writer, now, response)
            self._add(RESPONSE_BUSINESS.code, labels, writer, now, worked)
            self._add(DUE.code, ("chat",), writer, now, 1)
            if response <= self.rules.chat_target:
                self._add(IN_TIME.code, ("chat",), writer, now, 1)
            self.answered_before = True
        self.waiting_since = None
        self.bot_wrote = False
        self.writer = writer

    def _add(self, code: str, labels: tuple[str, ...], writer: Writer, now: int, value: int) -> None:
        self.added.append(Contribution(code, labels, *writer, now, value, "chat", self.chat, self.client))

    def open_things(self) -> Iterator[OpenThing]:
        """The client, when waiting."""
        if self.waiting_since is not None:
            yield OpenThing(
                "waiting", ("chat",), *self.writer, 1, "chat", self.chat, self.client, since=self.waiting_since
            )
