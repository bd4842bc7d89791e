"""Days at rest by family say what they said before, to whoever asks for one family, one person, teams or everybody."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from metrics.catalogue import FAMILIES
from metrics.exporter.held import settled
from metrics.exporter.held.days import SumSelection, of_day
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
