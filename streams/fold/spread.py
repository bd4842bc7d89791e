"""Where a thing goes when what holds it is split: digits of a hash of its name, as many as are asked for.

The first 64 bits are of a quick hash. Names that agree in all of them can be made on purpose, and would be split for
ever; what comes after is of a hash for which nobody can.
"""

from hashlib import blake2b

from xxhash import xxh3_64_intdigest

_QUICK_BITS = 64


def quick(name: str) -> int:
    """The first 64 bits."""
    return xxh3_64_intdigest(name.encode())


def digit(name: str, level: int, bits: int) -> int:
    """The digit at `level` (0 first), of `bits` bits, a divisor of 64."""
    at, mask = level * bits, (1 << bits) - 1
    if at < _QUICK_BITS:
        return quick(name) >> at & mask
    return int.from_bytes(blake2b(name.encode()).digest()) >> (at - _QUICK_BITS) & mask
