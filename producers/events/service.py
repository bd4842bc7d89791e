"""Meetings and ratings: what clients get and what they think of it."""

from typing import ClassVar, Literal

from producers.events.envelope import ClientData, Event
from producers.events.fields import Id, Score

__all__ = ["MeetingHeld", "RatingGiven"]


class MeetingHeldData(ClientData):
    """A meeting with a client."""

    meeting_id: Id
    client_id: Id
    manager_id: Id
    team_id: Id | None = None


class MeetingHeld(Event):
    """A meeting took place; `time` is the meeting's."""

    type: Literal["sales.meeting.held.v1"] = "sales.meeting.held.v1"
    data: MeetingHeldData
    entity: ClassVar = ("meeting", "meeting_id")
    example: ClassVar = {"meeting_id": "mt-1", "client_id": "cl-1", "manager_id": "m-1"}


class RatingGivenData(ClientData):
    """A client's mark, 1 to 5; `contact_id` names the call, chat or meeting that it is about."""

    rating_id: Id
    client_id: Id
    manager_id: Id
    score: Score
    team_id: Id | None = None
    contact_id: Id | None = None


class RatingGiven(Event):
    """A client rated a manager."""

    type: Literal["sales.rating.given.v1"] = "sales.rating.given.v1"
    data: RatingGivenData
    entity: ClassVar = ("rating", "rating_id")
    example: ClassVar = {"rating_id": "rt-1", "client_id": "cl-1", "manager_id": "m-1", "score": 5}
