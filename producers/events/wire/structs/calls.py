"""Calls: waiting on the line, the answer, and the end that says everything.

Made by `sales-pulse generate` from the models; do not edit.
"""

from typing import ClassVar, Literal

from producers.events.wire.envelope import Data, Envelope, Id, Moment

Direction = Literal["inbound", "outbound"]
Outcome = Literal["answered", "missed", "abandoned", "busy", "failed"]


class CallStartedData(Data, frozen=True, gc=False):
    """A call that began to queue or ring."""

    call_id: Id
    client_id: Id
    direction: Direction
    channel: Id | None = None
    manager_id: Id | None = None
    team_id: Id | None = None


class CallStarted(Envelope, frozen=True, gc=False, tag="sales.call.started.v1"):
    """A call began to queue or ring; `time` is that moment."""

    type: ClassVar[str] = "sales.call.started.v1"
    data: CallStartedData


class CallAnsweredData(Data, frozen=True, gc=False):
    """A call that somebody took."""

    call_id: Id
    client_id: Id
    manager_id: Id
    team_id: Id | None = None


class CallAnswered(Envelope, frozen=True, gc=False, tag="sales.call.answered.v1"):
    """A manager took a waiting call; `time` is the answer."""

    type: ClassVar[str] = "sales.call.answered.v1"
    data: CallAnsweredData


class CallEndedData(Data, frozen=True, gc=False):
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


class CallEnded(Envelope, frozen=True, gc=False, tag="sales.call.ended.v1"):
    """A call ended, whatever its outcome; `time` is the end."""

    type: ClassVar[str] = "sales.call.ended.v1"
    data: CallEndedData
