"""What is compared at once: what is open now, or one local day with its hours and minutes."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from streams.plain.rules import PlainRules

AHEAD = 3600
"""By so much (s) a partition's time may go on while it is read; later buckets are looked for by name."""
_HOURS, _MINUTES = 17 * 86_400, 4 * 3600
"""Hours and minutes of so long ago (s) may still be there."""
_SLACK = 5 * 3600
"""By so much (s) a day may begin earlier or end later than a day of 24 hours that begins at its midnight."""


class Unit(NamedTuple):
    """One piece of the comparison; `day`: ordinal of a local day, 0 for all that is open now."""

    day: int

    def __str__(self) -> str:
        """For logs."""
        return f"day {date.fromordinal(self.day)}" if self.day else "open now"


OPEN = Unit(0)

Bucket = tuple[str, int]
"""Kind of bucket (m, h, d, o) and the bucket, as in the view."""


def buckets(unit: Unit, rules: PlainRules, time: int) -> Iterator[Bucket]:
    """Buckets of a unit that a partition has when its time (us) is this: of longer ago hours and minutes are gone."""
    if unit == OPEN:
        yield "o", 0
        return
    yield "d", unit.day
    start = rules.start(date.fromordinal(unit.day)) // 10**6
    now = time // 10**6
    first, last = start - _SLACK, min(start + 86_400 + _SLACK, now + AHEAD)
    hours = {rules.hour(at * 10**6) for at in range(max(first, now - _HOURS) // 900 * 900, last, 900)}
    yield from (("h", hour) for hour in sorted(hours) if day_of("h", hour, rules) == unit.day)
    for minute in range(max(first, now - _MINUTES) // 60 * 60, last, 60):
        if day_of("m", minute, rules) == unit.day:
            yield "m", minute


def day_of(kind: str, bucket: int, rules: PlainRules) -> int:
    """The local day (ordinal) that a bucket lies in; 0 of what is open now."""
    if kind in ("h", "m"):
        return rules.day(bucket * 10**6)
    return bucket
