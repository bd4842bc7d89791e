"""Open deals in a forecast: which were open when, that nothing later is looked at, and what knowing them is worth."""

import random
from datetime import date, timedelta
from math import exp

import pytest

from metrics.backtest import paired, verdicts
from metrics.pipeline import OpenDeal, Pipeline, Version, opened
from metrics.settings import BusinessSettings

HOURS = BusinessSettings(_env_file=None).working_calendar().of("")
TODAY = date(2026, 11, 18)
MONDAY = date(2026, 11, 2)


def said(day, status="open", number=1, **more):
    """The `number`-th version of a deal of 100, said on a day of the week from MONDAY on, created a week before it."""
    at = MONDAY + timedelta(days=day)
    named = {"team": "north", "pipeline": "retail", "stage": "S1", "amount": 100.0, "created": MONDAY - timedelta(7)}
    closed = at if status == "won" else None
    return Version("d", (f"{number:03}", 0.0, ""), at, status, **named | {"closed": closed} | more)


OPEN = OpenDeal("north", ("retail", "S1", 2), 100.0, None, 0.0)
WON = OPEN._replace(won_on=MONDAY + timedelta(days=3), won=120.0)


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([said(1)], [[], [], [OPEN], [OPEN], [OPEN]]),
        ([said(1), said(3, "lost", 2)], [[], [], [OPEN], [OPEN], []]),
        ([said(1), said(3, "won", 2, amount=120.0)], [[], [], [WON], [WON], []]),
        ([said(1, number=2), said(2, "lost", 1)], [[], [], [OPEN], [OPEN], [OPEN]]),
        ([said(3, "won", 2, amount=120.0), said(1)], [[], [], [WON], [WON], []]),
        ([said(0, "won", 3, amount=1.0), said(1)], [[], [], [], [], []]),
        ([said(1), said(2, "deleted", 2)], [[], [], [OPEN], [], []]),
        ([said(1), said(3, "won", 2, team="south")], [[], [], [OPEN], [OPEN], []]),
        ([said(1), said(2, number=2, stage="S2")], [[], [], [OPEN], *[[OPEN._replace(kind=("retail", "S2", 2))]] * 2]),
    ],
    ids=["open", "lost", "won", "stale", "any order", "won before", "deleted", "won by others", "next stage"],
)
def test_open_as_a_day_began(versions, expected):
    """By what had been said before that day, and what became of it by what is known now."""
    days = [MONDAY + timedelta(days=n) for n in range(5)]
    assert list(opened(versions, days)) == list(zip(days, expected, strict=True))


def test_older_deals_are_others():
    """One that nobody touches grows into the next kind."""
    days = [MONDAY + timedelta(days=n) for n in (1, 8, 24, 54, 200)]
    kinds = [deals[0].kind[2] for _, deals in opened([said(0)], days)]
    assert kinds == [2, 3, 4, 5, 6]


def floor(seed):
    """Two years of deals that are open for some weeks, and go well more often where their stage says so."""
    rng = random.Random(seed)
    first = TODAY - timedelta(days=730)
    done, held = {}, {first + timedelta(days=n): [] for n in range(730)}
    for number in range(-60, 730):
        for _ in range(sum(rng.random() < 0.2 for _ in range(10))):
            length, good, amount = rng.randrange(14, 50), rng.random() < 0.5, exp(rng.gauss(0, 0.5))
            wins, closed = rng.random() < (0.7 if good else 0.1), first + timedelta(days=number + length)
            while not HOURS.day_us(closed.toordinal()):
                closed += timedelta(days=1)
            for age in range(1, (closed - first).days - number + 1):
                if (day := first + timedelta(days=number + age)) in held:
                    kind = "retail", "hot" if good else "cold", age // 7
                    held[day].append(OpenDeal("", kind, amount, closed if wins else None, amount if wins else 0.0))
            if wins and first <= closed < TODAY:
                done[closed] = done.get(closed, 0.0) + amount
    return done, held


@pytest.mark.slow
def test_knowing_what_is_open_narrows_the_interval():
    """Where deals tell what comes, the interval is narrower, and holds as often as it says. The same are compared."""
    found = [pair for seed in range(4) for pair in paired(floor(seed)[0], HOURS, TODAY, floor(seed)[1])]
    assert {(one.window, one.came) == (other.window, other.came) for one, other in found} == {True}
    said_of = verdicts({"alone": [one for one, _ in found], "both": [other for _, other in found]})
    alone, both = said_of["alone", "month"], said_of["both", "month"]
    assert alone.forecasts == both.forecasts >= 200
    assert both.width < 0.9 * alone.width
    assert 0.75 <= both.held <= 0.87, both


def test_nothing_later_is_looked_at():
    """A forecast stays as it was whatever is done, and opened, from its day on."""
    done, held = floor(1)
    days = sorted(held)
    values, worked = [done.get(day, 0.0) for day in days], [HOURS.day_us(day.toordinal()) for day in days]
    number = 600
    other = [*values[:number], *(7.0 * value + 1 for value in values[number:])]
    later = [*(held[day] for day in days[: number + 1]), *([] for _ in days[number + 1 :])]
    ahead = worked[number : number + 20]
    one = Pipeline([held[day] for day in days], values, worked, days[0]).rest(number, ahead)
    assert one is not None
    assert one == Pipeline(later, other, worked, days[0]).rest(number, ahead)
    assert one.low < one.expected < one.high


def test_says_nothing_where_it_knows_too_little():
    """Not of more than a quarter, not of days on which nobody works, not from a short past or one without wins."""
    done, held = floor(1)
    days = sorted(held)
    values, worked = [done.get(day, 0.0) for day in days], [HOURS.day_us(day.toordinal()) for day in days]
    pipeline = Pipeline([held[day] for day in days], values, worked, days[0])
    assert pipeline.rest(600, worked[600:692]) is not None
    assert pipeline.rest(600, worked[600:693]) is None
    assert pipeline.rest(600, [0, 0]) is None
    assert pipeline.rest(130, worked[130:137]) is None
    assert pipeline.rest(40, worked[40:47]) is None
    assert Pipeline([[] for _ in days], [0.0] * len(days), worked, days[0]).rest(600, worked[600:610]) is None
