"""The index of dead letters: what is open, whatever is read first, and the order in which it is sent again."""

from itertools import permutations
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.letters.index import Filter, LetterIndex
from streams.letters.letter import REPLAY_OF, LetterPlace, make, mark

EVERYTHING = Filter(closed_too=True)


def refused(offset, *, partition=0, topic="sales.events", time=1_000, reason="not_json", source="", headers=()):
    """A dead letter of a record."""
    value = f'{{"source": "{source}"}}'.encode() if source else b"{"
    record = SimpleNamespace(offset=offset, key=b"k", value=value, timestamp=time, headers=headers)
    return make(SimpleNamespace(record=record, reason=reason, detail="d"), topic, partition, "a")


def index(*letters, path=None):
    """An index that has read letters in this order."""
    found = LetterIndex(path)
    for offset, one in enumerate(letters):
        take(found, offset, one)
    return found


def take(found, offset, one, partition=0):
    record = SimpleNamespace(offset=offset, timestamp=5_000, key=one.key, value=one.value, headers=one.headers)
    found.take(partition, [record], offset + 1)


def places(found, wanted=Filter()):  # noqa: B008 - frozen
    return [one.source for one in found.in_log_order(wanted)]


def test_open_whatever_comes_first():
    """A letter is one however often it was written, and closed by its mark in any order."""
    again = refused(3)
    for order in permutations([refused(3), again, mark(LetterPlace("sales.events", 0, 3), "replayed"), refused(4)]):
        found = index(*order)
        assert places(found) == ["sales.events/0/4"]
        assert [one.closed for one in found.in_log_order(EVERYTHING)] == ["replayed", ""]
        assert found.counts(Filter()) == {("not_json", ""): 1}


def test_a_replay_that_fails_again_is_open_once():
    """It is sent in the place of the record that it is a replay of."""
    first = refused(3, partition=1, time=100)
    again = refused(90, partition=0, time=9_000, headers=[(REPLAY_OF, b"sales.events/1/3")])
    later = refused(7, partition=0, time=200)
    found = index(later, again, first, mark(LetterPlace("sales.events", 1, 3), "replayed"))
    assert places(found) == ["sales.events/0/90", "sales.events/0/7"]
    (one, _) = found.in_log_order(Filter())
    assert str(one.first) == one.as_json()["replay_of"] == "sales.events/1/3"


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=4))
def test_log_order(clocks):
    """Records of one partition keep their order, even when its clock was set back; between partitions time decides."""
    letters = [
        refused(offset, partition=number, time=time)
        for number, times in enumerate(clocks)
        for offset, time in enumerate(times)
    ]
    found = [one.place for one in index(*reversed(letters)).in_log_order(Filter())]
    assert sorted(found) == sorted(
        LetterPlace("sales.events", n, o) for n, times in enumerate(clocks) for o in range(len(times))
    )
    for number in range(len(clocks)):
        offsets = [place.offset for place in found if place.partition == number]
        assert offsets == sorted(offsets)
    reached = [max(clocks[place.partition][: place.offset + 1]) for place in found]
    assert reached == sorted(reached)


def test_filters():
    """By reason, source and time; without any all that are open."""
    found = index(
        refused(0, source="crm://a", time=10),
        refused(1, source="crm://b", time=20, reason="invalid_data"),
        refused(2, time=30),
    )
    assert places(found, Filter(reasons=frozenset({"invalid_data"}))) == ["sales.events/0/1"]
    assert places(found, Filter(senders=frozenset({"crm://a", ""}))) == ["sales.events/0/0", "sales.events/0/2"]
    assert places(found, Filter(since=20, until=30)) == ["sales.events/0/1"]
    assert [one.source for one in found.latest(Filter(), 2)] == ["sales.events/0/1", "sales.events/0/2"]
    assert found.counts(Filter(since=20)) == {("invalid_data", "crm://b"): 1, ("not_json", ""): 1}


def test_outlives_the_process(tmp_path):
    """A file goes on where it was left."""
    found = index(refused(0), refused(1), path=tmp_path / "letters")
    found.close()
    again = LetterIndex(tmp_path / "letters")
    assert again.positions() == {0: 2}
    take(again, 2, mark(LetterPlace("sales.events", 0, 0), "dismissed"))
    assert places(again) == ["sales.events/0/1"]


def test_what_was_deleted_is_not_open():
    """Whoever deletes letters from their topic has closed them."""
    found = index(refused(0), refused(1), refused(2))
    found.forget(1, 3)
    found.forget(0, 2)
    assert places(found) == ["sales.events/0/2"]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("source_topic", b"t"), ("source_partition", b"x"), ("source_offset", b"1")],
        [("source_topic", b"t"), ("source_partition", b"1"), ("source_offset", b"9" * 30)],
        [("source_topic", b"t"), ("source_partition", b"-1"), ("source_offset", None)],
        [("closed", b"replayed")],
    ],
)
def test_what_no_worker_wrote_is_passed_over(headers):
    """Anybody with the right to write may put anything there."""
    found = LetterIndex()
    found.take(0, [SimpleNamespace(offset=0, timestamp=0, key=None, value=None, headers=headers)], 1)
    assert places(found, EVERYTHING) == []
    assert found.positions() == {0: 1}


def test_odd_times_are_dates():
    """What a sender's clock says can be listed."""
    for time in (-1, 1 << 62, 253_402_300_800_000):
        (one,) = index(refused(0, time=time)).latest(Filter(), 1)
        assert one.as_json()["time"]
