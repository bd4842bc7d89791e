"""Meetings and ratings: entities that count once, as their latest version says."""

from collections.abc import Mapping
from typing import Final

from metrics import measure
from metrics.catalogue import activities as counted
from producers.events.wire import MeetingHeld, RatingGiven
from streams.fold import touches
from streams.fold.context import (
    Context,
    Handler,
    Keeper,
    known,
    outdated,
    replace,
    while_it_counts,
    while_it_is_recalled,
)
from streams.fold.encoding import decoder, encode
from streams.fold.page import Page
from streams.fold.returns import MEETING
from streams.fold.state import FOLDED, Meeting, Outcome, Remembered

RATING: Final = "g"


class Rating(Remembered, gc=False):
    """A rating, 1 to 5."""

    manager: str
    team: str
    score: int


decode_meeting: Final = decoder(Meeting)
decode_rating: Final = decoder(Rating)


def met(client: Page, event: MeetingHeld, at: int, out: Context) -> Outcome:
    """A meeting took place."""
    data = event.data
    name = MEETING + data.meeting_id
    new = Meeting(event.sequence or "", at, event.id, data.manager_id, data.team_id or "")
    raw = client.get(name)
    old = known(raw, decode_meeting, out.recall)
    if old is not None:
        if (seen := outdated((new.sequence, at, new.id), old)) is not None:
            return seen
        out.add(old.time, old.manager, old.team, (_sum_of, counted.MEETINGS.code), -1)
    out.add(at, new.manager, new.team, (_sum_of, counted.MEETINGS.code), 1)
    client.put(name, encode(new))
    if client.line is not None:
        client.line.move(data.meeting_id, None if raw is None else decode_meeting(raw).time, at)
    trail = client.trail
    if trail is None:
        client.until = max(client.until, at)
    else:
        trail.reach(0, at)
    client.touch()
    if trail is not None and trail.gate is not None:
        said = None if old is None else (old.time, old.time)
        touches.reached(client, touches.BY_MEETING, data.meeting_id, said, (at, at), (new.manager, new.team), out)
    return FOLDED


def rated(client: Page, event: RatingGiven, at: int, out: Context) -> Outcome:
    """A client rated a manager."""
    data = event.data
    new = Rating(event.sequence or "", at, event.id, data.manager_id, data.team_id or "", data.score)
    return replace(client, RATING + data.rating_id, new, decode_rating, _count, out)


def _count(rating: Rating, out: Context, n: int) -> None:
    out.add(rating.time, rating.manager, rating.team, (_sum_of, counted.RATING_COUNT.code), n)
    out.add(rating.time, rating.manager, rating.team, (_sum_of, counted.RATING_SUM.code), n * rating.score)


def _sum_of(code: str) -> tuple[str, ...]:
    return (measure.key(code),)


HANDLERS: Mapping[type, Handler] = {MeetingHeld: met, RatingGiven: rated}
KEEPERS: Mapping[str, Keeper] = {MEETING: while_it_is_recalled(decode_meeting), RATING: while_it_counts(decode_rating)}
