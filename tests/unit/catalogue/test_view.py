"""The Redis view's codec and the measures' addresses: what is written is what is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics import measure, view
from metrics.errors import ViewError

TEXT = st.text(max_size=12)
WORDS = st.sampled_from(["inbound", "s", "0", "7", "12", "13", "20"])
HOSTILE = st.text(alphabet="a\\\x1f\x1c\x01\x1eu\x7f\x00", max_size=8)


@given(st.sampled_from(["c", "wa"]), st.lists(TEXT | HOSTILE | WORDS, max_size=4))
def test_measure_keys_survive_any_label(code, labels):
    """Any label text survives joining and splitting, so no client text can forge a measure."""
    assert measure.parts(measure.key(code, *labels)) == (code, *labels)


@given(st.integers(0, 10_000), TEXT, TEXT, st.sampled_from(["", "0", "fa0"]))
def test_fields_survive(partition, manager, team, piece):
    """A part's field names partition, manager, team and piece whatever they contain."""
    found = view.parse_field(view.field(partition, manager, team, piece))
    assert found == view.Field(partition, manager, team, piece)


@given(st.dictionaries(TEXT, st.integers() | st.integers(-(1 << 80), 1 << 80), max_size=5))
def test_parts_survive(part):
    """Integers of any size survive."""
    assert view.decode_part(view.encode_part(part)) == part


@given(st.integers(-1, 1 << 60), st.integers(-1, 1 << 60))
def test_fences_sort_as_text(one, other):
    """The text order of fenced values is the order of their offsets: the script in Redis compares text."""
    a, b = view.fenced(one, b""), view.fenced(other, b"")
    assert (a < b) == (one < other)
    assert view.split(view.fenced(one, b"payload")) == (one, b"payload")


def test_unanswered_survives():
    """What is open comes back as it was written."""
    rows = [view.Unanswered(view.MISS, "cl", "c-1", "m", "", 5), view.Unanswered(view.LEAD, "cl", "l", "m", "t", 7)]
    assert view.decode_unanswered(view.encode_unanswered(rows)) == rows


def test_waiting_survives():
    """Who waits is read as it was written."""
    rows = [view.Waiting("call", "m", "", 5), view.Waiting("chat", "unknown", "north", 1 << 50)]
    assert view.decode_waiting(view.encode_waiting(rows)) == rows


def test_keys_of_two_applications_never_meet():
    """A cells key is recognised only by its own application."""
    keys, other = view.Keys("a"), view.Keys("a:cells")
    assert keys.bucket(keys.cells("d", 739000, 3)) == ("d", 739000)
    assert other.bucket(keys.cells("d", 739000, 3)) is None
    assert keys.bucket(keys.waiting) is None


@pytest.mark.parametrize("read", [view.parse_field, view.decode_part, view.decode_any, view.split])
def test_damage_is_told(read):
    """A damaged value is a ViewError with one clear line, not a crash."""
    with pytest.raises(ViewError, match="view"):
        read(b"\xc1zz")


@pytest.mark.parametrize("rest", ["cells:d:739677", "cells:o:0", "cells:", "cells", "cells:m:60:1:x"])
def test_keys_of_another_layout_are_not_ours(rest):
    """What workers of another release have left there, or write beside ours, is no hash of cells."""
    keys = view.Keys("a")
    assert keys.place(f"{{a}}:{rest}") is None
    assert keys.bucket(f"{{a}}:{rest}") is None
    assert keys.counted(f"{{a}}:{rest}") == ("", "")
    assert keys.place(keys.cells("d", 739_677, 3)) == ("d", 739_677, 3)
