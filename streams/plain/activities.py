"""What meetings and ratings add."""

from collections.abc import Iterator, Mapping

from metrics.catalogue import activities as counted
from producers.events import wire
from streams.plain.contribution import Contribution
from streams.plain.exact import moment

Done = wire.MeetingHeld | wire.RatingGiven

NAMES: Mapping[type, tuple[str, str]] = {
    wire.MeetingHeld: ("meeting", "meeting_id"),
    wire.RatingGiven: ("rating", "rating_id"),
}
"""Kind of the entity that an event is a version of, and the field that is its id."""


def contributions(record: Done) -> Iterator[Contribution]:
    """Everything that the latest version of one record adds, at its time."""
    at = moment(record.time)
    who = (record.data.manager_id, record.data.team_id or "")
    match record:
        case wire.RatingGiven(data=rating):
            rated = "rating", rating.rating_id, rating.client_id
            yield Contribution(counted.RATING_SUM.code, (), *who, at, rating.score, *rated)
            yield Contribution(counted.RATING_COUNT.code, (), *who, at, 1, *rated)
        case wire.MeetingHeld(data=meeting):
            yield Contribution(counted.MEETINGS.code, (), *who, at, 1, "meeting", meeting.meeting_id, meeting.client_id)
