"""Chats, in log order: who waits for a word, and every response that a manager gives."""

from collections.abc import Mapping
from typing import Final

from xxhash import xxh64_digest

from metrics.view import Waiting
from producers.events.wire import ChatClosed, ChatHandedOff, ChatMessage
from streams.fold.context import Context, Handler, Keeper, known, while_it_is_recalled
from streams.fold.deltas import plus
from streams.fold.encoding import decoder, encode
from streams.fold.page import Page
from streams.fold.responses import Responses, due, respond
from streams.fold.state import DUPLICATE, FOLDED, Chat, Outcome
from streams.fold.touches import CHAT, written

CHANNEL: Final = "chat"
REMEMBERED: Final = 256
"""Events of a chat that are recognised when they come again."""
_FIRST: Final = Responses(CHANNEL, "first")
_NEXT: Final = Responses(CHANNEL, "next")
_DUE: Final = due(CHANNEL)
_WIDTH: Final = 8
_BYTES: Final = REMEMBERED * _WIDTH

decode_chat: Final = decoder(Chat)


def message(client: Page, event: ChatMessage, at: int, out: Context) -> Outcome:
    """Somebody wrote."""
    chat = _enter(client, event, at, out)
    if chat is None:
        return DUPLICATE
    data, last, waiting = event.data, chat.last, chat.waiting
    name = CHAT + data.chat_id
    match data.author:
        case "client":
            if waiting is None:
                chat.waiting = last
                client.wait(name, Waiting(CHANNEL, chat.manager, chat.team, last))
        case "manager":
            manager, team = data.manager_id or "", data.team_id or ""
            if waiting is not None:
                responses = _NEXT if chat.responded else _FIRST
                respond(out, waiting, last, manager, team, responses, out.rules.chat_target, 1)
                chat.waiting = None
                chat.responded = True
                client.wait(name, None)
            chat.manager, chat.team, chat.bot, chat.wrote = manager, team, False, last
            client.put(name, encode(chat))
            trail = client.trail
            if trail is not None and trail.gate is not None:
                written(client, last, data.chat_id, (manager, team), out)
            return FOLDED
        case "bot":
            chat.bot = True
        case _:
            pass
    client.put(name, encode(chat))
    return FOLDED


def handed_off(client: Page, event: ChatHandedOff, at: int, out: Context) -> Outcome:
    """A bot passed the chat to people: a running wait restarts if the bot had written."""
    chat = _enter(client, event, at, out)
    if chat is None:
        return DUPLICATE
    name = CHAT + event.data.chat_id
    if chat.bot and chat.waiting is not None:
        chat.waiting = chat.last
        client.wait(name, Waiting(CHANNEL, chat.manager, chat.team, chat.last))
    chat.bot = False
    client.put(name, encode(chat))
    return FOLDED


def closed(client: Page, event: ChatClosed, at: int, out: Context) -> Outcome:
    """The chat ended: a client who waited was owed a response."""
    chat = _enter(client, event, at, out)
    if chat is None:
        return DUPLICATE
    name = CHAT + event.data.chat_id
    if chat.waiting is not None:
        plus(out.cell(chat.last, chat.manager, chat.team), _DUE, 1)
        chat.waiting = None
        client.wait(name, None)
    chat.responded = chat.bot = False
    client.put(name, encode(chat))
    return FOLDED


def _enter(client: Page, event: ChatMessage | ChatHandedOff | ChatClosed, at: int, out: Context) -> Chat | None:
    """The chat with the event's time taken and the event remembered; None when it came before."""
    mark = xxh64_digest(f"{event.source}\0{event.id}".encode())
    raw = client.get(CHAT + event.data.chat_id)
    chat = known(raw, decode_chat, out.horizon)
    if chat is None:
        # Of one that is forgotten it stays known when a manager wrote: that touches leads.
        return Chat(at, mark, wrote=0 if raw is None else decode_chat(raw).wrote)
    seen = chat.seen
    found = seen.find(mark)
    while found >= 0:
        if found % _WIDTH == 0:
            return None
        found = seen.find(mark, found + 1)
    chat.seen = (seen + mark)[-_BYTES:]
    if at > chat.last:
        chat.last = at
    return chat


HANDLERS: Mapping[type, Handler] = {ChatMessage: message, ChatHandedOff: handed_off, ChatClosed: closed}
KEEPERS: Mapping[str, Keeper] = {CHAT: while_it_is_recalled(decode_chat)}
