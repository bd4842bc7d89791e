"""Days at rest by family say what they said before, to whoever asks for one family, one person, teams or everybody."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from metrics.catalogue import CELL_FAMILIES, FAMILIES
from metrics.exporter.held import settled
from metrics.exporter.held.days import SumSelection, of_day
from metrics.exporter.held.items import BITS
from metrics.exporter.kpi.levels import people, people_of_days, place
from metrics.kpi import Level
from metrics.measure import key
from metrics.view import Field
from tests.support.boards import board, fields, parts_of, windowed_measures

parts = st.dictionaries(windowed_measures, st.integers(1, 5) | st.integers(2**62, 2**70), max_size=5)
DAYS = range(739_000, 739_004)
days = st.lists(
    st.tuples(st.sampled_from(DAYS), st.dictionaries(fields, parts, min_size=1, max_size=6)), min_size=1, max_size=6
)
shares = st.builds(
    SumSelection,
    st.integers(1, 2 ** len(FAMILIES) - 1),
    st.sampled_from(["", "m-1", "m-2"]),
    together=st.booleans(),
    whole=st.just(False),
).map(lambda share: share._replace(together=share.together and not share.manager))
whether = st.lists(st.booleans(), min_size=6, max_size=6)


def added_up(sums):
    found = {}
    for items in sums.values():
        for number, value in items.items():
            found[number] = found.get(number, 0) + value
    return found


def by_name(sums, items):
    return {credit: {items.all[number]: value for number, value in mine.items()} for credit, mine in sums.items()}


@patch.object(settled, "_TOGETHER", 2)
@given(days, st.lists(shares, min_size=1, max_size=4), whether)
def test_what_is_settled_says_the_same(some, asked, settle):
    """After parts came and went in any order, with days settled in between and at the end."""
    held, plain = board(timezone="Europe/Berlin"), board(timezone="Europe/Berlin")
    for (day, found), now in zip(some, settle, strict=False):
        for one in (held, plain):
            one.put(("d", day), found)
        list(held.settling() if now else ())
    for one in (held, plain):
        one.put(("d", DAYS.stop), {next(iter(some[0][1])): {}})
    list(held.settling())
    list(held.settling())
    named = held._parts.items, plain._parts.items
    for day in DAYS:
        assert parts_of(held, ("d", day)) == parts_of(plain, ("d", day))
        for share in asked:
            exact = of_day(plain._parts, share, day)
            assert by_name(of_day(held._parts, share, day), named[0]) == by_name(exact, named[1])
            if share.together:
                whole = of_day(held._parts, share._replace(whole=True), day)
                assert added_up(by_name(whole, named[0])) == added_up(by_name(exact, named[1]))


# Few people and measures, so that what is added here is taken back there.
CALLS, AMOUNT = key("c", "inbound", "answered"), key("wa", "retail", "RUB")
taken_back = st.dictionaries(
    st.sampled_from([CALLS, AMOUNT]), st.integers(-2, 2).filter(bool), min_size=1, max_size=2
)  # fmt: skip
people_of_two_teams = st.builds(
    Field, st.just(0), st.sampled_from(["m-1", "m-2"]), st.sampled_from(["north", "south"])
)  # fmt: skip
days_of_returns = st.lists(
    st.tuples(st.sampled_from(DAYS), st.dictionaries(people_of_two_teams, taken_back, min_size=1, max_size=3)),
    min_size=1, max_size=6,
)  # fmt: skip
FAMILIES_OF_THEM = [family for family in CELL_FAMILIES if family.name in {"sales_calls", "sales_won_amount"}]


@patch.object(settled, "_TOGETHER", 2)
@given(days_of_returns, st.sampled_from(FAMILIES_OF_THEM), st.sampled_from([Level.TEAM, Level.COMPANY]), st.booleans())
def test_who_has_any_is_as_by_the_sums_of_each(some, family, level, settle):
    """With what was taken back: who is left with nothing has none of it, and what other teams have of him counts."""
    held = board(timezone="Europe/Berlin")
    for day, found in some:
        held.put(("d", day), found)
    if settle:
        held.put(("d", DAYS.stop), {next(iter(some[0][1])): {}})
        list(held.settling())
        list(held.settling())
    where, days = place(level), range(DAYS.start, DAYS.stop)
    by_sums = people(held, held.sums_of_days(SumSelection(BITS[family]), days), where, family)
    assert people_of_days(held, {}, days, level, where)(family) == by_sums
