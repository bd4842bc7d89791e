"""Gzip from pieces is gzip of the whole, for every kind of reader."""

import gzip
import zlib

from hypothesis import given
from hypothesis import strategies as st

from metrics.exporter.exposition.lines import Lines
from metrics.exporter.exposition.packed import gzipped, pack

pieces = st.lists(st.binary(max_size=300).map(lambda some: some * 7), max_size=8)


@given(pieces)
def test_pieces_make_one_member(texts):
    """Checksum and length are those of the whole; a reader of one member has read it all."""
    packed = b"".join(gzipped(map(pack, texts)))
    assert gzip.decompress(packed) == b"".join(texts)
    one = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert one.decompress(packed) == b"".join(texts)
    assert (one.eof, one.unused_data) == (True, b"")


slots = [("day", "current"), ("day", "previous"), ("now", "current")]
puts = st.lists(
    st.tuples(
        st.sampled_from(slots),
        st.integers(0, 400),
        st.sampled_from([b"", b"one\n", b"two\n", b"three\n", b"4" * 70_000 + b"\n"]),
    )
)


rests = st.sampled_from(["no", "unchanged", "at once"])


@given(st.lists(st.tuples(puts, rests), max_size=4))
def test_what_was_compressed_before_is_never_stale(rounds):
    """After any changes the packed lines are the plain ones, and only what holds text is there; at rest or not."""
    lines, held = Lines(slots), {}
    for some, rest in rounds:
        for slot, row, text in some:
            lines.put("name", (str(row), ""), slot, text)
            held[slot, row] = text
        columns = lines.columns("name")
        text = b"".join(column.text() for column in columns)
        assert gzip.decompress(b"".join(gzipped(piece for column in columns for piece in column.packed()))) == text
        assert sorted(text.split()) == sorted(line.strip() for line in held.values() if line)
        assert all(column.text() for column in columns)
        if rest != "no":
            lines.rest(at_once=rest == "at once")


def test_at_rest_no_text_is_held():
    """What is compressed and was not changed between two turns goes; what was changed stays until the next."""
    lines = Lines(slots)
    for slot in slots[:2]:
        lines.put("name", ("1", ""), slot, b"some text\n")
    assert lines.rest(at_once=True) == 0, "nothing is compressed yet"
    lines.put("name", ("2", ""), slots[0], b"text\n")
    assert list(lines.packing()) == [None, None]
    assert lines.rest(at_once=False) == len("some text\n"), "what changed since stays"
    lines.put("name", ("1", ""), slots[0], b"other text\n")
    assert list(lines.packing()) == [None]
    assert [lines.rest(at_once=False) for _ in range(3)] == [0, len("other text\ntext\n"), 0]
