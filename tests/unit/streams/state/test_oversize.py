"""A record that is too large for the dead letters leaves one that says where it was, whatever part of it is large."""

import random

import pytest

from producers.errors import Refused
from producers.events import intake
from producers.topics import HEADERS_ROOM, MAX_MESSAGE_BYTES
from streams.letters import letter
from streams.letters.letter import make
from streams.state.news import RefusedRecord
from streams.state.oversize import MOST, CutRecord, fitted
from tests.support.folding import LogRecord

MIB = 1 << 20
LARGE = [
    (b"k", b"v" * (64 * MIB), ()),
    (b"k" * (2 * MIB), b"v", ()),
    (b"k" * (2 * MIB), None, ()),
    (None, b"v", [("a", b"x" * (3 * MIB))]),
    (b"k", b"", [("я" * MIB, None)]),
    (b"k", b"v", [(f"h{n}", b"x" * 100) for n in range(12_000)]),
    (b"k" * 250_000, b"v" * 250_000, [("a", b"x" * 250_000), ("b" * 250_000, None), ("c", b"y" * 250_000)]),
    (b"k" * (2 * MIB), b"v" * (2 * MIB), [("a" * MIB, b"x" * MIB)]),
]


@pytest.mark.parametrize(("key", "value", "headers"), LARGE, ids=range(len(LARGE)))
def test_what_is_kept_is_refused_for_its_size_and_fits(key, value, headers) -> None:
    """Offset, time and size are known, it stays what it was (a tombstone or not), and a letter of it fits."""
    record = LogRecord(7, key, value, 5, tuple(headers))
    cut = fitted(record)
    assert isinstance(cut, CutRecord)
    assert (cut.offset, cut.timestamp, cut.size) == (7, 5, intake.record_size(key, value, headers))
    assert (cut.value is None, cut.key is None) == (value is None, key is None)
    assert fitted(cut) is cut
    assert intake.record_size(cut.key, cut.value, cut.headers) <= MOST
    with pytest.raises(Refused) as refused:
        intake.check_size(cut.key, cut.value, cut.headers)
    assert refused.value.reason == "too_large"


@pytest.mark.parametrize("size", [0, 256 * 1024 + 1, MOST])
def test_what_fits_stays_as_it_is(size: int) -> None:
    """Byte for byte."""
    record = LogRecord(1, None, random.randbytes(size), 5, ())
    assert fitted(record) is record


@pytest.mark.parametrize(("key", "value", "headers"), LARGE, ids=range(len(LARGE)))
def test_its_letter_says_where_it_was_and_how_large(key, value, headers) -> None:
    """And fits the topic of dead letters with all that is added to it."""
    refused = RefusedRecord(LogRecord(7, key, value, 5, tuple(headers)), "too_large", "d" * 1000)
    made = make(refused, "t" * 249, 3, "a" * 249)
    assert letter.place_of(made.headers) == letter.LetterPlace("t" * 249, 3, 7)
    assert letter.text(made.headers, letter.CUT) == str(intake.record_size(key, value, headers))
    assert intake.record_size(*made) < MAX_MESSAGE_BYTES + HEADERS_ROOM - 5000


def test_a_letter_that_fits_is_whole() -> None:
    """Byte for byte, and nothing says that it was cut, though its sender did."""
    record = LogRecord(7, b"k", b"v" * (MOST - 100), 5, ((letter.CUT, b"3"), ("a", b"x")))
    made = make(RefusedRecord(record, "too_large", "d"), "t", 3, "a")
    assert (made.key, made.value) == (record.key, record.value)
    assert letter.text(made.headers, letter.CUT) == ""
    assert intake.record_size(*made) < MAX_MESSAGE_BYTES + HEADERS_ROOM - 5000
