"""The parts of a day that is over, by family: who asks for one family reads nothing of the others."""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from operator import sub

import msgspec
from isal import isal_zlib

from metrics.view import Field

Row = dict[int, int]
"""Numbers of items, each with its value."""
_Column = tuple[int, list[int], list[int]]
"""Number of an item; steps from one row that has it to the next; the values there."""
_Columns = Mapping[int, tuple[Sequence[int], list[int]]]
"""Number of an item → the rows that have it, in order; the values there."""

_LEVEL = 1
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Column]).decode
_decode_long = msgspec.msgpack.Decoder(list[tuple[int, list[int], list[int | str]]]).decode


class Settled:
    """They do not change: whoever changes one has to take them all out. bits: of items' families, by number."""

    __slots__ = ("_by_team", "_fields", "_people", "_teams")

    def __init__(self, parts: Mapping[Field, Mapping[int, int]], bits: Sequence[int]) -> None:
        self._fields = tuple(parts)
        columns: defaultdict[int, tuple[array[int], list[int]]] = defaultdict(lambda: (array("I"), []))
        for at, row in enumerate(parts.values()):
            for number, value in row.items():
                rows, values = columns[number]
                rows.append(at)
                values.append(value)
        self._people = _packed(columns, bits)
        # Of who did something without a stated team only the roster of the day on which it is asked for knows it.
        whose_parts = [("" if field.team else field.manager, field.team) for field in self._fields]
        self._teams = tuple(dict.fromkeys(whose_parts))
        places = {credit: at for at, credit in enumerate(self._teams)}
        whose = [places[credit] for credit in whose_parts]
        self._by_team = _packed({number: _summed(column, whose) for number, column in columns.items()}, bits)

    def __len__(self) -> int:
        return len(self._fields)

    def items(self, mask: int = -1, manager: str = "") -> Iterator[tuple[Field, Row]]:
        """Parts, of some families (-1: of all, and what none shows). manager: of one alone, "" for everybody."""
        found: dict[int, Row] = {
            at: {} for at, field in enumerate(self._fields) if not manager or field.manager == manager
        }
        if not found:
            return
        for number, rows, values in _read(self._people, mask):
            if not manager:
                for at, value in zip(rows, values, strict=True):
                    found[at][number] = value
                continue
            value_at = dict(zip(rows, values, strict=True))
            for at in found.keys() & value_at.keys():
                found[at][number] = value_at[at]
        for at, row in found.items():
            if row:
                yield self._fields[at], row

    def by_team(self, mask: int) -> Iterator[tuple[tuple[str, str], Row]]:
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


def _summed(column: tuple[Sequence[int], list[int]], whose: Sequence[int]) -> tuple[Sequence[int], list[int]]:
    rows, values = column
    found: dict[int, int] = {}
    for at, value in zip(rows, values, strict=True):
        whole = whose[at]
        found[whole] = found.get(whole, 0) + value
    ordered = sorted(found)
    return ordered, [found[at] for at in ordered]


def _packed(columns: _Columns, bits: Sequence[int]) -> dict[int, bytes]:
    """By the bit of their family."""
    families: defaultdict[int, list[_Column]] = defaultdict(list)
    for number, (rows, values) in columns.items():
        families[bits[number]].append((number, [*rows[:1], *map(sub, rows[1:], rows)], values))
    return {bit: isal_zlib.compress(_encoded(found), _LEVEL) for bit, found in families.items()}


def _encoded(columns: list[_Column]) -> bytes:
    try:
        return _encode(columns)
    except OverflowError:
        return _encode([(number, steps, list(map(str, values))) for number, steps, values in columns])


def _read(packed: Mapping[int, bytes], mask: int) -> Iterator[tuple[int, Iterator[int], list[int]]]:
    for bit, raw in packed.items():
        if bit & mask or mask == -1:
            for number, steps, values in _decoded(isal_zlib.decompress(raw)):
                yield number, accumulate(steps), values


def _decoded(raw: bytes) -> list[_Column]:
    try:
        return _decode(raw)
    except msgspec.ValidationError:
        # Values beyond 64 bits are kept as text.
        return [(number, steps, list(map(int, values))) for number, steps, values in _decode_long(raw)]
