"""Calls: waiting on the line, the answer, and the end that says everything."""

from typing import ClassVar, Literal

from producers.events.envelope import ClientData, Event
from producers.events.fields import Id, Moment

__all__ = ["CallAnswered", "CallEnded", "CallStarted"]

Direction = Literal["inbound", "outbound"]
Outcome = Literal["answered", "missed", "abandoned", "busy", "failed"]


class CallStartedData(ClientData):
    """A call that began to queue or ring."""

    call_id: Id
    client_id: Id
    direction: Direction
    channel: Id | None = None
    manager_id: Id | None = None
    team_id: Id | None = None


class CallStarted(Event):
    """A call began to queue or ring; `time` is that moment."""

    type: Literal["sales.call.started.v1"] = "sales.call.started.v1"
    data: CallStartedData
    example: ClassVar = {"call_id": "c-1", "client_id": "cl-1", "direction": "inbound"}


class CallAnsweredData(ClientData):
    """A call that somebody took."""

    call_id: Id
    client_id: Id
    manager_id: Id
    team_id: Id | None = None


class CallAnswered(Event):
    """A manager took a waiting call; `time` is the answer."""

    type: Literal["sales.call.answered.v1"] = "sales.call.answered.v1"
    data: CallAnsweredData
    example: ClassVar = {"call_id": "c-1", "client_id": "cl-1", "manager_id": "m-1"}


class CallEndedData(ClientData):
    """A whole call, complete in itself."""

    call_id: Id
    client_id: Id
    direction: Direction
    outcome: Outcome
    started_at: Moment
    answered_at: Moment | None = None
    channel: Id | None = None
    manager_id: Id | None = None
    team_id: Id | None = None


class CallEnded(Event):
    """A call ended, whatever its outcome; `time` is the end."""

    type: Literal["sales.call.ended.v1"] = "sales.call.ended.v1"
    data: CallEndedData
    entity: ClassVar = ("call", "call_id")
    example: ClassVar = {
        "call_id": "c-1",
        "client_id": "cl-1",
        "manager_id": "m-1",
        "direction": "inbound",
        "outcome": "answered",
        "started_at": "2026-11-23T09:00:00Z",
        "answered_at": "2026-11-23T09:00:12Z",
        "team_id": "north",
    }
