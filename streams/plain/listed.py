"""What the view must list of clients whom nobody answered, leads that nobody touched, and calls under way."""

from collections.abc import Iterable

from metrics.view import LEAD, MISS, TALK, Unanswered
from streams.plain.contribution import OpenThing
from streams.plain.rules import KEPT_DAYS, PlainRules

_HOUR = 3600 * 10**6
SLACK = 2 * _HOUR
"""How far the log's time must be past what the clock decides, before it leaves the list."""


def unanswered(things: Iterable[OpenThing]) -> list[Unanswered]:
    """All of it, however old; calls under way of those alone who have a lead here: others' change nothing."""
    rows = [
        Unanswered(one.code, one.client, one.entity, one.manager, one.team, one.since)
        for one in things
        if one.code in (MISS, LEAD, TALK)
    ]
    leads = {row.client for row in rows if row.kind == LEAD}
    return sorted(row for row in rows if row.kind != TALK or row.client in leads)


def still_listed(things: Iterable[OpenThing], time: int, rules: PlainRules) -> list[Unanswered]:
    """What is listed at a time of the log (us): what may still change by itself, or is shown by any clock."""
    return unanswered(one for one in things if _is_listed(one, time, rules))


def _is_listed(one: OpenThing, time: int, rules: PlainRules) -> bool:
    match one.code:
        case "talk":
            return one.since + 2 * SLACK > time
        case "lead":
            worked = rules.calendar.working_us(one.since, time - SLACK, one.team)
            # Of a team that never works none is ever due: it is listed as long as the day that it counts in is kept.
            is_kept = rules.day(one.since) >= rules.reached(time - SLACK) - KEPT_DAYS
            return one.until - 1 + SLACK > time or (is_kept and worked <= rules.lead_target)
        case _:
            return one.until + SLACK > time
