"""The parts of a day that is over, by family: who asks for one family reads nothing of the others."""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from operator import attrgetter, sub
from typing import NamedTuple

import msgspec
from isal import isal_zlib

from metrics.view import Field

Credit = tuple[str, str]
Row = dict[int, int]
"""Numbers of items, each with its value."""
_Column = tuple[int, list[int], list[int]]
"""Number of an item; steps from one row that has it to the next; the values there."""
_Packed = tuple[tuple[int, ...], tuple[bytes, ...]]
"""Bits of families, and the columns of each."""
_TOGETHER = 512
"""Parts whose columns are kept together: whoever asks for one person unpacks no more than these."""

_LEVEL = 1
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Column]).decode
_decode_long = msgspec.msgpack.Decoder(list[tuple[int, list[int], list[int | str]]]).decode


_same: dict[tuple[int, ...], tuple[int, ...]] = {}


class _SettledBlock(NamedTuple):
    """Some parts, sorted by manager, by the bits of families."""

    fields: tuple[Field, ...]
    packed: _Packed

    def items(self, mask: int, manager: str) -> Iterator[tuple[Field, Row]]:
        found: dict[int, Row] = {
            at: {} for at, field in enumerate(self.fields) if not manager or field.manager == manager
        }
        for number, rows, values in _read(self.packed, mask) if found else ():
            if not manager:
                for at, value in zip(rows, values, strict=True):
                    found[at][number] = value
                continue
            held = list(rows)
            for at, row in found.items():
                place = bisect_left(held, at)
                if place < len(held) and held[place] == at:
                    row[number] = values[place]
        for at, row in found.items():
            if row:
                yield self.fields[at], row


class SettledDay:
    """They do not change: whoever changes one has to take them all out. bits: of items' families, by number."""

    __slots__ = ("_blocks", "_by_team", "_count", "_teams")

    def __init__(self, parts: Mapping[Field, Row], bits: Sequence[int]) -> None:
        fields = sorted(parts, key=attrgetter("manager"))
        self._count = len(fields)
        self._blocks = []
        for start in range(0, len(fields), _TOGETHER):
            some = tuple(fields[start : start + _TOGETHER])
            self._blocks.append(_SettledBlock(some, _packed([parts[field] for field in some], bits)))
        # Of who did something without a stated team only the roster of the day on which it is asked for knows it.
        teams: dict[Credit, Row] = {}
        for field in fields:
            mine = teams.setdefault(("" if field.team else field.manager, field.team), {})
            for number, value in parts[field].items():
                mine[number] = mine.get(number, 0) + value
        self._teams = tuple(teams)
        self._by_team = _packed(teams.values(), bits)

    def __len__(self) -> int:
        return self._count

    def items(self, mask: int = -1, manager: str = "") -> Iterator[tuple[Field, Row]]:
        """Parts, of some families (-1: of all, and what none shows). manager: of one alone, "" for everybody."""
        for block in self._blocks:
            if not manager or block.fields[0].manager <= manager <= block.fields[-1].manager:
                yield from block.items(mask, manager)

    def columns(self, mask: int) -> Iterator[tuple[int, Iterator[Field], list[int]]]:
        """Items of some families, each with those who have it, and how much."""
        for block in self._blocks:
            for number, rows, values in _read(block.packed, mask):
                yield number, map(block.fields.__getitem__, rows), values

    def by_team(self, mask: int) -> Iterator[tuple[Credit, Row]]:
        """Sums of people of a stated team as one, of some families: by ("", team), and (manager, "")."""
        found: list[Row] = [{} for _ in self._teams]
        for number, rows, values in _read(self._by_team, mask):
            for at, value in zip(rows, values, strict=True):
                found[at][number] = value
        for credit, row in zip(self._teams, found, strict=True):
            if row:
                yield credit, row

    def whole(self, mask: int) -> Row:
        """Sums of everybody, of some families."""
        return {number: sum(values) for number, _, values in _read(self._by_team, mask)}


def _packed(parts: Iterable[Row], bits: Sequence[int]) -> _Packed:
    places: defaultdict[int, array[int]] = defaultdict(lambda: array("I"))
    values: defaultdict[int, list[int]] = defaultdict(list)
    for at, row in enumerate(parts):
        for number, value in row.items():
            places[number].append(at)
            values[number].append(value)
    families: defaultdict[int, list[_Column]] = defaultdict(list)
    for number, rows in places.items():
        families[bits[number]].append((number, [rows[0], *map(sub, rows[1:], rows)], values[number]))
    # Most days have the same families: one object serves them all.
    names = tuple(families)
    compressed = tuple(isal_zlib.compress(_encoded(found), _LEVEL) for found in families.values())
    return _same.setdefault(names, names), compressed


def _encoded(columns: list[_Column]) -> bytes:
    try:
        return _encode(columns)
    except OverflowError:
        return _encode([(number, steps, list(map(str, values))) for number, steps, values in columns])


def _read(packed: _Packed, mask: int) -> Iterator[tuple[int, Iterator[int], list[int]]]:
    for bit, raw in zip(*packed, strict=True):
        if bit & mask or mask == -1:
            for number, steps, values in _decoded(isal_zlib.decompress(raw)):
                yield number, accumulate(steps), values


def _decoded(raw: bytes) -> list[_Column]:
    try:
        return _decode(raw)
    except msgspec.ValidationError:
        # Values beyond 64 bits are kept as text.
        return [(number, steps, list(map(int, values))) for number, steps, values in _decode_long(raw)]
