"""Kafka's default partitioner, because a record on another partition than its key's would be counted apart.

Java clients and aiokafka use murmur2 of the key; librdkafka must be told to (`partitioner=murmur2_random`).
"""

from struct import Struct
from typing import Final

from mypy_extensions import i64

_SEED: Final = 0x9747B28C
_MULTIPLIER: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF
_WORDS: Final = tuple(Struct(f"<{words}I").unpack_from for words in range(64))
"""Readers of so many whole words; longer keys are rare."""


def murmur2(key: bytes) -> int:
    """The unsigned 32-bit murmur2 hash with Kafka's seed."""
    length = len(key)
    words = length >> 2
    h: i64 = _SEED ^ length
    k: i64
    for k in (_WORDS[words] if words < len(_WORDS) else Struct(f"<{words}I").unpack_from)(key):
        k = (k * _MULTIPLIER) & _MASK  # noqa: PLW2901 - the names of the published algorithm
        h = (h * _MULTIPLIER ^ (k ^ k >> 24) * _MULTIPLIER) & _MASK
    tail = key[words << 2 :]
    if tail:
        h ^= int.from_bytes(tail, "little")
        h = (h * _MULTIPLIER) & _MASK
    h ^= h >> 13
    h = (h * _MULTIPLIER) & _MASK
    return h ^ (h >> 15)


def partition_for(key: bytes, partitions: int) -> int:
    """The partition of `partitions` that Kafka's default partitioner picks for `key`."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
