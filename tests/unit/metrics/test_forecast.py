"""Where a period will end: against a definition without sums kept up, and how often it holds on floors of any shape."""

import random
from collections import defaultdict
from datetime import date, timedelta
from math import ceil, exp, isclose, pi, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.backtest import outcomes, verdicts
from metrics.forecast import LOOK_BACK, TRAILING, Past, Rest, open_before
from metrics.settings import BusinessSettings

WEEK = (9, 9, 9, 9, 9, 0, 0)
HOURS = BusinessSettings(_env_file=None).working_calendar().of("")
TODAY = date(2026, 11, 18)


def plainly(done, worked, ahead, opened=None):
    """The same, day by day."""
    while done and not done[0]:
        done, worked, opened = done[1:], worked[1:], opened and opened[1:]
    run, judged = len(ahead), len(done) - TRAILING
    if judged < 4 * run or judged < run + 39 or not sum(worked[-TRAILING:]):
        return None
    if not sum(ahead):
        return Rest(0, 0, 0)
    found = []
    days = [day for day in range(TRAILING, len(done) - run + 1) if day >= len(done) - run - LOOK_BACK]
    deals = [opened[day] for day in days] if opened and run <= 92 else [0]
    brings = None
    if sum(deals) and min(deals) <= opened[len(done)] <= max(deals):
        brings = sum(sum(done[day : day + run]) for day in days) / sum(deals)
    for day in days:
        before, work = sum(done[day - TRAILING : day]), sum(worked[day - TRAILING : day])
        came, behind = sum(done[day : day + run]), sum(worked[day : day + run])
        if before and work and behind:
            promised = before / work * behind
            if promised := promised if brings is None else promised / 2 + brings * opened[day] / 2:
                found.append(came / promised)
    if len(found) < 40:
        return None
    found.sort()
    promised = sum(done[-TRAILING:]) / sum(worked[-TRAILING:]) * sum(ahead)
    if brings is not None:
        promised = promised / 2 + brings * opened[len(done)] / 2
    tail = 0.1 * max(0.0, 1 - run / len(found))
    places = (round(q * (len(found) + 1)) - 1 for q in (0.5, tail, 1 - tail))
    expected, *ends = (promised * found[min(max(place, 0), len(found) - 1)] for place in places)
    return Rest(expected, *sorted(ends))


@given(
    st.lists(st.integers(0, 50) | st.integers(-50, 50), max_size=260),
    st.integers(0, 6),
    st.lists(st.sampled_from([0, 9, 4]), max_size=70),
    st.none() | st.lists(st.integers(0, 9), min_size=1, max_size=9),
)
def test_as_plainly_said(done, weekday, ahead, deals):
    """Whatever was done, worked and lies ahead, and was open; also where the past begins with nothing."""
    done = [float(n) for n in done * 2]
    worked = [WEEK[(weekday + n) % 7] for n in range(len(done))]
    opened = None if deals is None else [deals[n * n % len(deals)] for n in range(len(done) + 1)]
    found, expected = Past(done, worked, opened).rest(ahead), plainly(done, worked, ahead, opened)
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


def test_where_more_is_taken_back_than_done_the_bounds_are_in_order():
    done = [-float(1 + n * n % 17) for n in range(300)]
    found = Past(done, [9] * len(done)).rest([9] * 10)
    assert found.low < found.expected < found.high < 0
    mirrored = Past([-one for one in done], [9] * len(done)).rest([9] * 10)
    assert found == Rest(-mirrored.expected, -mirrored.high, -mirrored.low)


def test_a_short_past_says_nothing():
    """Not before the pace is known, and forty outcomes of it."""
    worked = [WEEK[n % 7] for n in range(400)]
    lengths = [n for n in range(0, 400, 7) if Past([1.0] * n, worked[:n]).rest(WEEK) is not None]
    assert lengths[0] == ceil((TRAILING + 7 + 39) / 7) * 7


@pytest.mark.parametrize("run", [1, 31, 92, 200, 366])
def test_too_few_past_periods_are_said(run):
    """Nothing of more days than lie four times in the past; it is told when there will be something, day by day."""
    worked = [9] * 600
    for days in (50, 150, 300, 547):
        past = Past([1.0] * days, worked[:days])
        said = past.rest(worked[:run])
        assert (said is not None) is (days - TRAILING >= max(4 * run, run + 39))
        then = (Past([1.0] * min(547, days + n), worked[: min(547, days + n)]) for n in range(1, run))
        later = (n for n, known in enumerate(then, 1) if known.rest(worked[: run - n]) is not None)
        assert past.wait(run) == (None if said else next(later, None))
    assert Past([0.0] * 300, worked[:300]).wait(run) is None, "nobody knows when it will begin"


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
    """Of four floors of a shape, forecasts of every working day of the last year: whatever is said of a year, too."""
    found = [one for seed in range(4) for one in outcomes(floor(seed, SHAPES[name]), HOURS, TODAY)]
    said_of = verdicts({name: found})
    assert {window for _, window in said_of} == {"month", "quarter", "year"}
    for (_, window), said in said_of.items():
        assert said.forecasts >= 200
        assert 0.74 <= said.held <= 0.86, (window, said)
        assert said.held + said.below + said.above == pytest.approx(1)


def deals_of(seed, *, are_lost=True):
    """What was won by day, and how many deals were open as each began, of a floor whose demand comes and goes."""
    rng = random.Random(seed)
    won, added = {}, defaultdict(int)
    days = [TODAY - timedelta(days=n) for n in range(900, -1, -1)]
    for number, day in enumerate(days):
        level = 1 + 0.5 * sin(2 * pi * number / 140 + seed)
        for _ in range(sum(rng.random() < 6 * level / 40 for _ in range(40))):
            added[day] += 1
            closed = day + timedelta(days=1 + int(rng.expovariate(1 / 40)))
            while not HOURS.day_us(closed.toordinal()):
                closed += timedelta(days=1)
            if closed < TODAY and rng.random() < 0.35:
                won[closed] = won.get(closed, 0.0) + exp(rng.gauss(0, 0.7))
                added[closed] -= 1
            elif closed < TODAY and are_lost:
                added[closed] -= 1
    opened = open_before(sum(added.values()), [added[day] for day in days])
    return won, dict(zip(days, opened, strict=True))


def judged(floors):
    by_pace = [one for won, _ in floors for one in outcomes(won, HOURS, TODAY)]
    by_deals = [one for won, opened in floors for one in outcomes(won, HOURS, TODAY, opened)]
    said = verdicts({"pace": by_pace, "deals": by_deals})
    return {window: (said["pace", window], said["deals", window]) for window in ("month", "quarter", "year")}


def test_open_deals_make_it_narrower():
    """Where more deals are open before more is won, months are closer, and the interval holds as often as it should."""
    said = judged([deals_of(seed) for seed in range(2)])
    for window in ("month", "quarter"):
        pace, deals = said[window]
        assert deals.forecasts == pace.forecasts >= 200
        assert 0.75 <= deals.held <= 0.88, (window, deals)
        assert deals.width < 0.95 * pace.width, (window, pace, deals)
    assert said["year"][0].forecasts == said["year"][1].forecasts


def test_deals_that_nobody_closes_promise_nothing():
    """Their number grows for ever: what was open in the past says nothing of as many."""
    won, opened = deals_of(1, are_lost=False)
    pairs = list(zip(outcomes(won, HOURS, TODAY, opened), outcomes(won, HOURS, TODAY), strict=True))
    assert len(pairs) > 200
    assert sum(one != other for one, other in pairs) < len(pairs) / 10


def test_open_deals_are_counted_back_from_now():
    """As each day began, the last of which is today; what cannot be is none."""
    assert open_before(5, [1, 0, -2, 3]) == [3.0, 4.0, 4.0, 2.0]
    assert open_before(1, [0, 3]) == [0.0, 0.0]
