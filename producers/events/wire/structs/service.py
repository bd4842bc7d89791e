"""Meetings and ratings: what clients get and what they think of it.

Made by `sales-pulse generate` from the models; do not edit.
"""

from typing import Annotated, ClassVar

from msgspec import Meta

from producers.events.wire.envelope import Data, Envelope, Id


class MeetingHeldData(Data, frozen=True, gc=False):
    """A meeting with a client."""

    meeting_id: Id
    client_id: Id
    manager_id: Id
    team_id: Id | None = None


class MeetingHeld(Envelope, frozen=True, gc=False, tag="sales.meeting.held.v1"):
    """A meeting took place; `time` is the meeting's."""

    type: ClassVar[str] = "sales.meeting.held.v1"
    data: MeetingHeldData


class RatingGivenData(Data, frozen=True, gc=False):
    """A client's mark, 1 to 5; `contact_id` names the call, chat or meeting that it is about."""

    rating_id: Id
    client_id: Id
    manager_id: Id
    score: Annotated[int, Meta(ge=1, le=5)]
    team_id: Id | None = None
    contact_id: Id | None = None


class RatingGiven(Envelope, frozen=True, gc=False, tag="sales.rating.given.v1"):
    """A client rated a manager."""

    type: ClassVar[str] = "sales.rating.given.v1"
    data: RatingGivenData
