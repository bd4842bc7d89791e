"""Parts of a bucket at rest: most lie for years and nobody looks at them one by one, so they lie close, compressed."""

from array import array
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from isal import isal_zlib

from metrics.view import Field

_TOGETHER = 128
"""Parts compressed as one: whoever asks for one person unpacks no more than these."""
_LEVEL = 1


class _PartBlock(NamedTuple):
    """Some parts, sorted by manager. ends: where each of them ends in the text of all."""

    fields: tuple[Field, ...]
    ends: "array[int]"
    packed: bytes

    def items(self) -> Iterator[tuple[Field, bytes]]:
        text = isal_zlib.decompress(self.packed)
        for field, (start, end) in zip(self.fields, pairwise((0, *self.ends)), strict=True):
            yield field, text[start:end]


class Resting:
    """Parts by field, as they were packed. They do not change: whoever changes one has to take them all out."""

    __slots__ = ("_blocks", "_count")

    def __init__(self, parts: Mapping[Field, bytes]) -> None:
        ordered = sorted(parts, key=_manager)
        self._count = len(ordered)
        starts = range(0, len(ordered), _TOGETHER)
        self._blocks = [_block(tuple(ordered[start : start + _TOGETHER]), parts) for start in starts]

    def __len__(self) -> int:
        return self._count

    def items(self, manager: str = "") -> Iterator[tuple[Field, bytes]]:
        """All parts; of one manager no more than the blocks that hold them. manager: "" for everybody."""
        for block in self._blocks:
            if not manager or block.fields[0].manager <= manager <= block.fields[-1].manager:
                yield from block.items()


def _manager(field: Field) -> str:
    return field.manager


def _block(fields: tuple[Field, ...], parts: Mapping[Field, bytes]) -> _PartBlock:
    ends, end = array("I"), 0
    for field in fields:
        end += len(parts[field])
        ends.append(end)
    return _PartBlock(fields, ends, isal_zlib.compress(b"".join(parts[field] for field in fields), _LEVEL))
