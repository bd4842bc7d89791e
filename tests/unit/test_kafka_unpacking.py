"""What Java's libraries read past is read past here; what they refuse is refused."""

import gzip
import random

import pytest
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode

from producers.kafka_fetched import _Batches
from producers.kafka_unpacking import unpacked
from tests.support.raw_batches import batch, record

CONTENTS = [b"x", b"events " * 50_000, random.Random(1).randbytes(150_000)]
GZIP, SNAPPY, LZ4 = 1, 2, 3
JUNK = b"\1\2\3\4" * 5
BROKEN = [
    (GZIP, b""), (GZIP, JUNK), (GZIP, gzip_encode(b"x" * 99)[:-9]), (LZ4, b""), (LZ4, b"\x04\x22\x4d\x18"),
    (LZ4, bytes(lz4_encode(b"x" * 99))[:-9]), (SNAPPY, JUNK), (SNAPPY, snappy_encode(b"x" * 99)[:-1]),
    (SNAPPY, snappy_encode(b"x" * 99) + b"\0\0\0\0"), (SNAPPY, snappy_encode(b"x" * 99) + b"\0"), (4, JUNK),
    (7, b""),
]  # fmt: skip


@pytest.mark.parametrize("content", CONTENTS, ids=range(len(CONTENTS)))
def test_what_is_behind_a_stream_is_not_read(content: bytes) -> None:
    """Of gzip and lz4 anything, of gzip and snappy another stream is more of it; versions of snappy say nothing."""
    packed = {GZIP: gzip_encode(content), LZ4: bytes(lz4_encode(content)), SNAPPY: snappy_encode(content)}
    assert [unpacked(codec, one) for codec, one in packed.items()] == [content] * 3
    assert unpacked(GZIP, packed[GZIP] + JUNK) == unpacked(LZ4, packed[LZ4] + JUNK) == content
    assert unpacked(GZIP, packed[GZIP] * 2 + JUNK) == unpacked(SNAPPY, packed[SNAPPY] * 2) == content * 2
    other = packed[SNAPPY][:8] + b"\0\0\0\7\0\0\0\0" + packed[SNAPPY][16:]
    assert unpacked(SNAPPY, other) == unpacked(SNAPPY, bytes(snappy_encode(content, xerial_compatible=False)))


@pytest.mark.parametrize(("codec", "packed"), BROKEN, ids=range(len(BROKEN)))  # gzip says when it was
def test_what_is_broken_is_refused(codec: int, packed: bytes) -> None:
    """By an error that says which codec it was."""
    with pytest.raises(ValueError, match=r"gzip|lz4|snappy|codec"):
        unpacked(codec, packed)


ROWS = [(n, b"client-%d" % n, b"value %d" % n, [(b"name", b"x")]) for n in range(4)]
PLAIN = b"".join(record(*row) for row in ROWS)
ODD = {
    "gzip and more": batch(0, [b""] * 4, 3, GZIP, packed=gzip.compress(PLAIN) + JUNK),
    "lz4 and more": batch(0, [b""] * 4, 3, LZ4, packed=bytes(lz4_encode(PLAIN)) + JUNK),
    "snappy in two": batch(0, [b""] * 4, 3, SNAPPY, packed=snappy_encode(PLAIN[:50]) + snappy_encode(PLAIN[50:])),
    "attributes": batch(0, [record(*row, attributes=255) for row in ROWS], 3),
    "attributes, gzip": batch(0, [record(*row, attributes=128) for row in ROWS], 3, GZIP),
}
"""Batches that a broker takes and aiokafka cannot read (`tests/integration/producers/test_odd_batches.py`)."""


@pytest.mark.parametrize("raw", ODD.values(), ids=ODD)
def test_batches_that_brokers_take_are_read(raw: bytes) -> None:
    """Each record as it was sent, and those of the batch behind."""
    batches = _Batches(raw + batch(4, [record(0, None, b"after")], 0))
    found = []
    while batches.has_next():
        one = batches.next_batch()
        assert one.validate_crc()
        found += [(r.offset, r.key, r.value, r.headers) for r in one]
    wanted = [(n, key, value, [("name", b"x")]) for n, key, value, _ in ROWS]
    assert found == [*wanted, (4, None, b"after", [])]
