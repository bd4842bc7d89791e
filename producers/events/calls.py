"""Calls: waiting on the line, the answer, and the end that says everything."""

from typing import ClassVar, Literal

from producers.events.envelope import ClientData, Event
from producers.events.fields import Id, Moment

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


class CallEndedData(ClientData):
    """A whole call, complete in itself."""

    times: ClassVar[tuple[str, ...]] = ("started_at", "answered_at")

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
