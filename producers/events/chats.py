"""Chats: messages, the hand-off from a bot to people, and closing."""

from typing import Literal, Self

from pydantic import ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from producers.events.envelope import ClientData, Event
from producers.events.fields import Id

Author = Literal["client", "manager", "bot", "system"]


class ChatMessageData(ClientData):
    """One message; a manager's names the manager."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"author": {"const": "manager"}}},
            "then": {"required": ["manager_id"], "properties": {"manager_id": {"type": "string"}}},
        }
    )

    chat_id: Id
    client_id: Id
    author: Author
    manager_id: Id | None = None
    team_id: Id | None = None
    channel: Id | None = None

    @model_validator(mode="after")
    def _managers_are_named(self) -> Self:
        if self.author == "manager" and self.manager_id is None:
            raise PydanticCustomError(
                "manager_id", "is missing; a manager's message needs it", {"field": "data.manager_id"}
            )
        return self


class ChatMessage(Event):
    """Somebody wrote in a chat; `time` is the message's."""

    type: Literal["sales.chat.message.v1"] = "sales.chat.message.v1"
    data: ChatMessageData


class ChatData(ClientData):
    """A chat, named."""

    chat_id: Id
    client_id: Id


class ChatHandedOff(Event):
    """A bot passed the chat to people."""

    type: Literal["sales.chat.handed_off.v1"] = "sales.chat.handed_off.v1"
    data: ChatData


class ChatClosed(Event):
    """A chat was closed."""

    type: Literal["sales.chat.closed.v1"] = "sales.chat.closed.v1"
    data: ChatData
