"""What is written to Redis, in portions of a bounded size: script calls, and entries of the stream of changes."""

from collections.abc import Iterator, Mapping
from itertools import chain

from metrics.view import encode_any

_CALL_BYTES, _ENTRY_BYTES = 1 << 20, 256 << 10
"""Of a script call, in which Redis does nothing else; of a stream's entry."""
_NAME_BYTES = 3
"""At most, that a name takes in an entry besides its own."""
SOME, ALL, DROP = range(3)
"""What a script call does with a hash: write some of its parts, or all; or drop it."""

Fields = Mapping[bytes, bytes]
"""Field of a hash → its fence and payload (`metrics.view.fenced`); a fence alone takes the field away."""

Changes = list[tuple[str, list[bytes]]]
"""What was written: (hash, its fields)."""


def script_calls(
    hashes: Mapping[str, Fields], modes: Mapping[str, int]
) -> Iterator[list[tuple[str, int, list[bytes]]]]:
    """Script calls of a bounded size: (hash, mode, fields and values in turn); the last of a hash says what all are."""
    found: list[tuple[str, int, list[bytes]]] = []
    held = 0
    for key, fields in hashes.items():
        # What is dropped as a whole needs no field taken away before.
        slices = list(calls({} if modes[key] == DROP else fields)) or [([], 0)]
        for number, (pieces, size) in enumerate(slices, 1):
            if found and held + size > _CALL_BYTES:
                yield found
                found, held = [], 0
            found.append((key, modes[key] if number == len(slices) else SOME, pieces))
            held += size
    if found:
        yield found


def calls(fields: Fields) -> Iterator[tuple[list[bytes], int]]:
    """Fields and values in turn, and their bytes: as much as goes into one script call, at least one field."""
    size = sum(map(len, fields)) + sum(map(len, fields.values()))
    if size <= _CALL_BYTES:
        if fields:
            yield list(chain.from_iterable(fields.items())), size
        return
    pieces: list[bytes] = []
    size = 0
    for field, value in fields.items():
        more = len(field) + len(value)
        if pieces and size + more > _CALL_BYTES:
            yield pieces, size
            pieces, size = [], 0
        pieces += field, value
        size += more
    if pieces:
        yield pieces, size


def entries(changes: Changes) -> Iterator[bytes]:
    """Changes as entries of the stream, each of a bounded size."""
    some: Changes = []
    held = 0
    for key, fields in changes:
        for names, size in _portions(fields):
            if some and held + size > _ENTRY_BYTES:
                yield encode_any(some)
                some, held = [], 0
            some.append((key, names))
            held += size
    if some:
        yield encode_any(some)


def _portions(fields: list[bytes]) -> Iterator[tuple[list[bytes], int]]:
    """Names of fields, and about how many bytes they take: as many as go into one entry, at least one."""
    size = sum(map(len, fields)) + _NAME_BYTES * len(fields)
    if size <= _ENTRY_BYTES:
        yield fields, size
        return
    some: list[bytes] = []
    size = 0
    for field in fields:
        more = len(field) + _NAME_BYTES
        if some and size + more > _ENTRY_BYTES:
            yield some, size
            some, size = [], 0
        some.append(field)
        size += more
    yield some, size
