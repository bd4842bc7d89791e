"""A batch that unpacks to more than is held at once is read from pieces: what is large is cut, and nothing is lost."""

import tracemalloc
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException

from producers import kafka_fetched
from producers.events.intake import record_size
from producers.kafka_unpacking import AT_ONCE, TooMuch, pieces, unpacked
from streams.state.oversize import MOST, CutRecord
from streams.state.records import AS_BATCHES, AS_DECODED
from tests.support.raw_batches import CODECS, batch, record

MANY = [(b"n", b"")] * 20_000
ROWS: list[tuple[Any, ...]] = [
    (0, b"k", b"small", [("\xff".encode("latin-1"), b"x")]),
    (1, b"k", b" " * (2 * AT_ONCE), []),
    (2, None, None, [(b"n", None)]),
    (4, b"k" * (2 * MOST), b"v", []),
    (5, b"k", b"v", MANY),
    (6, b"k", b"v", [(b"n", b"x" * (2 * MOST))]),
    (9, b"k", b"small too", []),
]
LARGE = {1: 2 * AT_ONCE + 1, 4: 2 * MOST + 1, 6: 2 * MOST + 3}
"""Offset → size of what is more than is kept."""
ZSTD = 4
PACKED = [codec for codec in CODECS if codec]


@pytest.fixture(scope="module", params=PACKED)
def raw(request: pytest.FixtureRequest) -> bytes:
    """A batch of a few kB that unpacks to some 40 MB."""
    return batch(7, [record(*row) for row in ROWS], 9, request.param)


def read(raw: bytes, how: Any) -> list[Any]:
    """All records of a fetch."""
    kafka_fetched.accept_all()
    found = kafka_fetched._Batches(raw)
    given = list(kafka_fetched._partition_records(TopicPartition("t", 0), found, [], 7, None, how, True, 1))
    return [one for batch in given for part in batch.parts(3) for one in part] if how is AS_BATCHES else given


def test_never_is_all_of_it_held() -> None:
    """But what is unpacked at once, and one record."""
    raw = batch(7, [record(*row) for row in ROWS], 9, ZSTD)
    tracemalloc.start()
    read(raw, AS_BATCHES)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < AT_ONCE + (12 << 20)


@pytest.mark.parametrize("how", [AS_DECODED, AS_BATCHES], ids=["decoded", "batches"])
def test_each_record_is_given(raw: bytes, how: Any) -> None:
    """Those that are not too large whole, the others with their size."""
    found = read(raw, how)
    assert [(one.offset - 7, one.timestamp) for one in found] == [(row[0], 1000) for row in ROWS]
    sizes = {one.offset - 7: one.size for one in map(how.fitted, found) if isinstance(one, CutRecord)}
    assert sizes == LARGE
    small = {one.offset - 7: one for one in found}
    assert [small[n].value for n in (0, 2, 9)] == [b"small", None, b"small too"]
    assert small[0].headers == [("�", b"x")]
    assert small[2].headers == [("n", None)]
    assert small[5].headers[0] == ("n", b"")
    assert all(record_size(one.key, one.value, one.headers) <= 3 * MOST for one in found)


def test_who_wants_whole_records_is_given_enough(raw: bytes) -> None:
    """Of one that is larger than all that is unpacked at once there is as much, which nobody takes for small."""
    found = read(raw, None)
    assert [one.offset - 7 for one in found] == [row[0] for row in ROWS]
    for one, (_, key, value, headers) in zip(found, ROWS, strict=True):
        assert one.key == key
        assert one.value == (value and value[: AT_ONCE + 1])
        assert [item for _, item in one.headers] == [item for _, item in headers]


@pytest.mark.parametrize("codec", PACKED)
def test_what_is_more_than_is_unpacked_at_once(codec: int) -> None:
    """Is said, whatever the codec; the pieces have all of it, and none is large."""
    content = b"events " * 1_000_000
    packed = CODECS[codec](content)
    with pytest.raises(TooMuch):
        unpacked(codec, packed, b"", len(content) - 1)
    assert bytes(unpacked(codec, packed, b"head", len(content))) == b"head" + content
    found = list(pieces(codec, packed))
    assert b"".join(found) == content
    assert max(map(len, found)) <= 2 << 20


BROKEN = {
    "ends within a record": lambda content: content[:-1],
    "more than records": lambda content: content + b"x",
    "no length": lambda content: b"\xff" * 20 + content,
    "another length": lambda content: bytes((content[0] + 2,)) + content[1:],
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("codec", PACKED)
def test_what_is_broken_is_said(codec: int, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is of a batch that is unpacked at once."""
    monkeypatch.setattr(kafka_fetched, "AT_ONCE", 1)
    content = BROKEN[how](b"".join(record(n, b"k", b"value") for n in range(3)))
    broken = batch(7, [b""] * 3, 2, codec, packed=CODECS[codec](content))
    with pytest.raises(CorruptRecordException, match="batch at offset 7"):
        [one for part in kafka_fetched._Batches(broken).next_batch().parts(1) for one in part]
