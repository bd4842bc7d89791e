"""Chats: messages, the hand-off from a bot to people, and closing.

Made by `sales-pulse generate` from the models; do not edit.
"""

from typing import ClassVar, Literal

from producers.events.wire.envelope import Data, Envelope, Id

Author = Literal["client", "manager", "bot", "system"]


class ChatMessageData(Data, frozen=True, gc=False):
    """One message; a manager's names the manager."""

    chat_id: Id
    client_id: Id
    author: Author
    manager_id: Id | None = None
    team_id: Id | None = None
    channel: Id | None = None


class ChatMessage(Envelope, frozen=True, gc=False, tag="sales.chat.message.v1"):
    """Somebody wrote in a chat; `time` is the message's."""

    type: ClassVar[str] = "sales.chat.message.v1"
    data: ChatMessageData


class ChatData(Data, frozen=True, gc=False):
    """A chat, named."""

    chat_id: Id
    client_id: Id


class ChatHandedOff(Envelope, frozen=True, gc=False, tag="sales.chat.handed_off.v1"):
    """A bot passed the chat to people."""

    type: ClassVar[str] = "sales.chat.handed_off.v1"
    data: ChatData


class ChatClosed(Envelope, frozen=True, gc=False, tag="sales.chat.closed.v1"):
    """A chat was closed."""

    type: ClassVar[str] = "sales.chat.closed.v1"
    data: ChatData
