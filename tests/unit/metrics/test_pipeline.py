"""Open deals in a forecast: what they bring by stage and age, when that is used, and what knowing it is worth."""

import random
from bisect import bisect_right
from collections import defaultdict
from datetime import date, timedelta
from functools import partial
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.backtest import outcomes, verdicts
from metrics.forecast import LOOK_BACK, Basis, Brought, Past
from metrics.pipeline import AGES, Pipeline, Stay
from metrics.settings import BusinessSettings

HOURS = BusinessSettings(_env_file=None).working_calendar().of("")
TODAY = date(2026, 11, 18)
FIRST, LAST = 1000, 1400
WORKED = [9] * 400


@st.composite
def stays(draw):
    """One deal's, for some days of it."""
    created = draw(st.integers(FIRST - 200, LAST))
    first = created + draw(st.integers(0, 150))
    end = first + draw(st.integers(1, 200))
    won_on = draw(st.none() | st.integers(-3, 40).map(lambda n: end + n))
    teams = st.sampled_from(["north", "south"])
    won = () if won_on is None else (draw(teams), won_on, draw(st.integers(0, 99)) * 1e4)
    return Stay(
        draw(teams), "retail", draw(st.sampled_from("AB")), created, first, end, draw(st.integers(0, 99)) * 1e4, *won
    )


def plainly(found, team, measure, run, day):
    """The same, each day and deal by itself."""
    counted = measure == "deals_won"
    days = [d for d in range(day - run - LOOK_BACK, day - run + 1) if d >= FIRST]

    def kinds(whose):
        held, won = defaultdict(float), defaultdict(float)
        for d in days:
            for one in found:
                if one.first <= d < one.end and whose in {"", one.team}:
                    kind = one.stage, bisect_right(AGES, d - one.created)
                    held[kind] += 1 if counted else one.amount / 1e4
                    if came(one, d, whose):
                        won[kind] += 1 if counted else one.won / 1e4
        return held, won

    def came(one, d, whose):
        return one.won_on is not None and d <= one.won_on < d + run and (not whose or one.won_team == whose)

    def open_on(d):
        return [one for one in found if one.first <= d < one.end and team in {"", one.team}]

    every = {
        (o.stage, bisect_right(AGES, d - o.created))
        for d in range(FIRST, LAST + 1)
        for o in found
        if o.first <= d < o.end
    }
    own_kinds = {
        (o.stage, bisect_right(AGES, d - o.created))
        for d in range(FIRST, LAST + 1)
        for o in found
        if o.first <= d < o.end and team in {"", o.team}
    }
    held, won = kinds("")
    total, more = sum(held.values()), 0.05 * sum(held.values()) / max(1, len(every))
    share = {k: (won[k] + more * sum(won.values()) / total) / (held[k] + more) for k in every} if total else {}
    if team and share:
        own, theirs = kinds(team)
        more = 0.5 * sum(own.values()) / max(1, len(own_kinds))
        share = {k: (theirs[k] + more * share[k]) / (own[k] + more) for k in own_kinds if own[k] + more}
    brings = [
        sum(
            share.get((one.stage, bisect_right(AGES, d - one.created)), 0.0) * (1 if counted else one.amount / 1e4)
            for one in open_on(d)
        )
        for d in [*days, day]
    ]
    wins = [sum((1 if counted else o.won / 1e4) for o in open_on(d) if came(o, d, team)) for d in days]
    return brings, wins, [len(open_on(d)) for d in [*days, day]]


@given(
    st.lists(stays(), max_size=5),
    st.sampled_from(["", "north", "south"]),
    st.sampled_from(["won_amount", "deals_won"]),
    st.sampled_from([1, 20, 92]),
    st.sampled_from([FIRST + 95, LAST - 1, LAST]),
)
def test_as_plainly_said(found, team, measure, run, day):
    """Any deals, of company and teams; asked of one run after another, too."""
    pipeline = Pipeline(found, FIRST, LAST)
    pipeline.brought("south", measure, 7)
    for said, expected in zip(
        pipeline.brought(team, measure, run, day), plainly(found, team, measure, run, day), strict=True
    ):
        assert said == pytest.approx(expected, abs=1e-6)


def floor(seed):
    """What two years of deals brought by day, how many were open, and over which days each: some promise more."""
    rng = random.Random(seed)
    first = TODAY - timedelta(days=760)
    done, opened, found = {}, defaultdict(float), []
    for number in range(760):
        for _ in range(sum(rng.random() < 0.2 for _ in range(10))):
            length, good, amount = rng.randrange(14, 50), rng.random() < 0.5, exp(rng.gauss(0, 0.5))
            wins, made = rng.random() < (0.7 if good else 0.1), first + timedelta(days=number)
            closed = made + timedelta(days=length)
            while not HOURS.day_us(closed.toordinal()):
                closed += timedelta(days=1)
            for age in range(1, (closed - made).days + 1):
                opened[made + timedelta(days=age)] += 1
            won = ("north", closed.toordinal(), amount * 1e4) if wins else ()
            days = made.toordinal(), made.toordinal() + 1, closed.toordinal() + 1
            found.append(Stay("north", "retail", "hot" if good else "cold", *days, amount * 1e4, *won))
            if wins and closed < TODAY:
                done[closed] = done.get(closed, 0.0) + amount
    return done, opened, found


def pipeline_of(found):
    return Pipeline(found, TODAY.toordinal() - 760, TODAY.toordinal())


def stages_of(pipeline):
    return lambda day, run: pipeline.brought("", "won_amount", run, day.toordinal())


def test_knowing_stages_and_ages_narrows_the_interval():
    """Where stages tell what comes, the interval is narrower than by the number of deals, and holds as it says."""
    done, opened, found = floor(0)
    by_number = list(outcomes(done, HOURS, TODAY, opened))
    by_stages = list(outcomes(done, HOURS, TODAY, opened, stages_of(pipeline_of(found))))
    assert [(one.window, one.came) for one in by_number] == [(one.window, one.came) for one in by_stages]
    said_of = verdicts({"number": by_number, "stages": by_stages})
    number, stages = said_of["number", "month"], said_of["stages", "month"]
    assert stages.forecasts >= 200
    assert stages.by["stages_and_ages"] > 0.9 * stages.forecasts
    assert stages.width < 0.93 * number.width, (stages, number)
    assert 0.75 <= stages.held <= 0.87, stages


def past_of(done, opened, stages, day=TODAY, known=500):
    days = [day - timedelta(days=n) for n in range(known, 0, -1)]
    worked = [HOURS.day_us(one.toordinal()) for one in days]
    return Past([done.get(one, 0.0) for one in days], worked, [opened[one] for one in (*days, day)], stages)


def test_nothing_later_is_looked_at():
    """A forecast stays as it was whatever is done, and opened, from its day on."""
    day, ahead = TODAY - timedelta(days=100), [9] * 20
    done, opened, found = floor(1)
    cut = [one._replace(end=min(one.end, day.toordinal() + 1)) for one in found if one.first <= day.toordinal()]
    other = [one._replace(won=7.0 * one.won) if (one.won_on or 0) >= day.toordinal() else one for one in cut]
    one, two = (past_of(done, opened, partial(stages_of(pipeline_of(some)), day), day) for some in (found, other))
    assert one.basis(20) is two.basis(20) is Basis.STAGES
    assert one.rest(ahead) == two.rest(ahead)
    assert one.rest(ahead).low < one.rest(ahead).expected < one.rest(ahead).high


def brought(days, run, said=3.0, now=3.0, brings=2.0):
    judged = days - run - 91 + 1
    return Brought([brings] * judged + [now], [1.0] * judged, [said] * (judged + 1))


@pytest.mark.parametrize(
    ("stages", "run", "expected"),
    [
        (lambda run: brought(400, run, now=2.0), 30, Basis.STAGES),
        (lambda _: None, 30, Basis.NUMBER),
        (None, 30, Basis.NUMBER),
        (lambda run: brought(300, run, now=2.0), 30, Basis.NUMBER),
        (lambda run: brought(400, run, now=2.1), 30, Basis.NUMBER),
        (lambda run: brought(400, run, said=4.0, now=2.0), 30, Basis.NUMBER),
        (lambda run: brought(400, run, said=2.0, now=2.0), 30, Basis.NUMBER),
        (lambda run: brought(400, run, now=0.0, brings=0.0), 30, Basis.NUMBER),
        (lambda run: brought(400, run, now=2.0), 93, Basis.PACE),
    ],
    ids=[
        "known", "no ledger", "never asked", "young", "never so much", "more said", "fewer said", "nothing comes",
        "long",
    ],
)  # fmt: skip
def test_what_it_is_made_of(stages, run, expected):
    """Of stages and ages only where as many deals were said to be open as were, in all of the past that is judged."""
    past = Past([1.0] * 400, [9] * 400, [3.0] * 401, stages)
    assert past.basis(run) is expected
    if expected is not Basis.STAGES:
        opened = [3.0] * 401 if expected is Basis.NUMBER else None
        assert past.rest([9] * run) == Past([1.0] * 400, [9] * 400, opened).rest([9] * run)


def test_all_else_comes_at_the_pace():
    """What open deals did not bring in the past comes by working time; half of it all as by their number."""
    stages = brought(400, 30, brings=4.0)
    stages.brings[:9] = [2.0] * 9
    past = Past([1.0] * 400, [9] * 400, [3.0] * 401, lambda _: stages._replace(brings=[*stages.brings[:-1], 2.0]))
    # Of 30 days each brought 30, 1 of them by deals that were open; so 29 at the pace, and what they promise: 2 or 4.
    promised = [(29 + n + 30) / 2 for n in (2, 4)]
    assert past.rest([9] * 30).expected == pytest.approx(promised[0] * 30 / promised[1])
