"""Where a period will end: against a definition without sums kept up, and how often it holds on floors of any shape."""

import random
from datetime import date, timedelta
from math import ceil, exp, isclose, pi, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.backtest import outcomes, verdicts
from metrics.forecast import LOOK_BACK, TRAILING, Past, Rest
from metrics.settings import BusinessSettings

WEEK = (9, 9, 9, 9, 9, 0, 0)
HOURS = BusinessSettings(_env_file=None).working_calendar().of("")
TODAY = date(2026, 11, 18)


def plainly(done, worked, ahead):
    """The same, day by day."""
    while done and not done[0]:
        done, worked = done[1:], worked[1:]
    run = min(len(ahead), (len(done) - TRAILING) // 2)
    if run < 1 or not sum(worked[-TRAILING:]):
        return None
    if not sum(ahead):
        return Rest(0, 0, 0)
    found = []
    for day in range(TRAILING, len(done) - run + 1):
        if day < len(done) - run - LOOK_BACK:
            continue
        before, work = sum(done[day - TRAILING : day]), sum(worked[day - TRAILING : day])
        came, behind = sum(done[day : day + run]), sum(worked[day : day + run])
        if before and work and behind:
            found.append(came / behind * work / before)
    if len(found) < 40:
        return None
    found.sort()
    promised = sum(done[-TRAILING:]) / sum(worked[-TRAILING:]) * sum(ahead)
    tail = max(0.0, 0.1 * (1 - 1.5 * run / LOOK_BACK))
    places = (round(q * (len(found) + 1)) - 1 for q in (0.5, tail, 1 - tail))
    return Rest(*(promised * found[min(max(place, 0), len(found) - 1)] for place in places))


@given(
    st.lists(st.integers(0, 50), max_size=260),
    st.integers(0, 6),
    st.lists(st.sampled_from([0, 9, 4]), max_size=70),
)
def test_as_plainly_said(done, weekday, ahead):
    """Whatever was done, worked and lies ahead; also where the past begins with nothing."""
    done = [float(n) for n in done * 2]
    worked = [WEEK[(weekday + n) % 7] for n in range(len(done))]
    found, expected = Past(done, worked).rest(ahead), plainly(done, worked, ahead)
    assert (found is None) is (expected is None)
    for one, other in zip(found or (), expected or (), strict=True):
        assert isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    if found is not None:
        assert found.low <= found.expected <= found.high


def test_what_never_changes_is_certain():
    """So much every working day: it goes on, and nothing is added where nobody works."""
    worked = [WEEK[n % 7] for n in range(364)]
    past = Past([hours * 10.0 for hours in worked], worked)
    assert all(isclose(value, 450.0) for value in past.rest(WEEK))
    assert past.rest([0, 0]) == Rest(0.0, 0.0, 0.0)


def test_a_short_past_says_nothing():
    """Not before the pace is known, and forty outcomes of it."""
    worked = [WEEK[n % 7] for n in range(400)]
    lengths = [n for n in range(0, 400, 7) if Past([1.0] * n, worked[:n]).rest(WEEK) is not None]
    assert lengths[0] == ceil((TRAILING + 7 + 39) / 7) * 7


def floor(seed, shape):
    """Two years and a half of deals a day of a floor: how many, and what they are worth."""
    rng = random.Random(seed)
    days = [TODAY - timedelta(days=n) for n in range(900, 0, -1)]
    found = {}
    for number, day in enumerate(days):
        if HOURS.day_us(day.toordinal()):
            expected = shape(number) * 4
            count = sum(rng.random() < expected / 40 for _ in range(40))
            if value := sum(exp(rng.gauss(0, 1)) for _ in range(count)):
                found[day] = value
    return found


SHAPES = {
    "steady": lambda _: 1.0,
    "growing": lambda day: 0.6 + day / 900,
    "seasons": lambda day: 1 + 0.25 * sin(2 * pi * day / 365),
    "small": lambda _: 0.3,
}


@pytest.mark.parametrize("name", SHAPES)
def test_holds_four_times_of_five(name):
    """Of eight floors of a shape, forecasts of every working day of the last year."""
    found = [one for seed in range(8) for one in outcomes(floor(seed, SHAPES[name]), HOURS, TODAY)]
    for (_, window), said in verdicts({name: found}).items():
        assert said.forecasts >= 200
        assert window == "year" or 0.75 <= said.held <= 0.86, (window, said)
        assert said.held + said.below + said.above == pytest.approx(1)
