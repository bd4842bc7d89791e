"""Working time from running sums is what the calendar says of the same two moments, wherever clocks are changed."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from metrics.calendar import Hours, Interval
from streams.fold.localtime import DAY, HOUR, SECOND, LocalTime
from streams.fold.working import WorkingTime

# Halves and quarters of hours; a midnight that returns, half an hour of summer, a day left out, two hours of summer.
ZONES = (
    "Asia/Kathmandu",
    "America/New_York",
    "America/Havana",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Antarctica/Troll",
)
BEGIN = int(datetime(2011, 1, 1, tzinfo=UTC).timestamp()) * SECOND
DAYS = 370


def changes(local: LocalTime) -> list[int]:
    """When the clock is changed, to the hour."""
    hours = range(BEGIN, BEGIN + DAYS * DAY, HOUR)
    return [hour for hour in hours if local.offset(hour // SECOND - 1) != local.offset((hour + HOUR) // SECOND - 1)]


def intervals(rng: random.Random) -> Iterator[tuple[Interval, ...]]:
    while True:
        borders = sorted(rng.sample(range(0, 1441, rng.choice((1, 30, 60))), 2 * rng.randrange(3)))
        yield tuple(zip(borders[::2], borders[1::2], strict=True))


@pytest.mark.parametrize("name", ZONES)
def test_sums_are_what_the_calendar_says(name: str) -> None:
    rng = random.Random(name)
    zone = ZoneInfo(name)
    local = LocalTime(zone)
    changed = changes(local) or [BEGIN]
    some = intervals(rng)
    for week in (tuple(next(some) for _ in range(7)), (((540, 1080),),) * 5 + ((),) * 2, (((0, 1440),),) * 7):
        free = frozenset(date(2011, 1, 1) + timedelta(days=rng.randrange(DAYS)) for _ in range(40))
        hours = Hours(week, free, {}, zone)
        working = WorkingTime(hours, local)
        for _ in range(200):
            near = rng.choice(changed) + rng.choice((rng.randrange(-6 * HOUR, 6 * HOUR), rng.randrange(-48, 48) * HOUR))
            start = rng.choice((near, BEGIN + rng.randrange(DAYS * DAY)))
            end = start + rng.randrange(rng.choice((HOUR, 30 * HOUR, 20 * DAY)))
            assert working.between(start, end) == hours.working_us(start, end), (start, end)
            assert working.between(end, start) == 0


def test_days_before_the_first_and_far_from_it_are_right_as_well() -> None:
    hours = Hours((((540, 1080),),) * 7, frozenset(), {}, ZoneInfo("Europe/Moscow"))
    working = WorkingTime(hours, LocalTime(hours.zone))
    for start in (BEGIN, BEGIN - 500 * DAY, BEGIN + 500 * DAY, BEGIN + 9_000 * DAY, BEGIN - 2_500 * DAY):
        for length in (HOUR, 5 * DAY, 200 * DAY):
            assert working.between(start, start + length) == hours.working_us(start, start + length)
