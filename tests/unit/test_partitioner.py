"""Partitions are the ones that Java clients pick."""

import pytest
from aiokafka.partitioner import murmur2 as reference
from hypothesis import given
from hypothesis import strategies as st

from producers.partitioner import murmur2, partition_for


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_hashes_of_kafkas_own_tests(key: bytes, signed: int):
    """The vectors of Kafka's UtilsTest."""
    assert murmur2(key) == signed & 0xFFFFFFFF


@given(st.binary(max_size=64), st.integers(1, 1000))
def test_same_as_aiokafka(key: bytes, partitions: int):
    """Any key goes where aiokafka's default partitioner sends it."""
    assert murmur2(key) == reference(key)
    assert partition_for(key, partitions) == (reference(key) & 0x7FFFFFFF) % partitions
