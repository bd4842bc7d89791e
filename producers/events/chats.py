"""Chats: messages, the hand-off from a bot to people, and closing."""

from typing import ClassVar, Literal

from producers.events.envelope import ClientData, ConditionalData, Event, Needed
from producers.events.fields import Id

__all__ = ["ChatClosed", "ChatHandedOff", "ChatMessage"]

Author = Literal["client", "manager", "bot", "system"]


class ChatMessageData(ConditionalData):
    """One message; a manager's names the manager."""

    needed: ClassVar = Needed("manager_id", "author", ("manager",), "a manager's message needs it")

    chat_id: Id
    client_id: Id
    author: Author
    manager_id: Id | None = None
    team_id: Id | None = None
    channel: Id | None = None


class ChatMessage(Event):
    """Somebody wrote in a chat; `time` is the message's."""

    type: Literal["sales.chat.message.v1"] = "sales.chat.message.v1"
    data: ChatMessageData
    example: ClassVar = {"chat_id": "ch-1", "client_id": "cl-1", "manager_id": "m-1", "author": "manager"}


class ChatData(ClientData):
    """A chat, named."""

    chat_id: Id
    client_id: Id


class ChatHandedOff(Event):
    """A bot passed the chat to people."""

    type: Literal["sales.chat.handed_off.v1"] = "sales.chat.handed_off.v1"
    data: ChatData
    example: ClassVar = {"chat_id": "ch-1", "client_id": "cl-1"}


class ChatClosed(Event):
    """A chat was closed."""

    type: Literal["sales.chat.closed.v1"] = "sales.chat.closed.v1"
    data: ChatData
    example: ClassVar = {"chat_id": "ch-1", "client_id": "cl-1"}
