"""What folding adds and takes back: one flat table of sums per minute, (manager, team) and measure, all as integers.

Several measures that always grow together (a call, its two histogram bins, due, in time) are one `Spec`: one
addition while folding, spelled out only when sums are rolled up into cells.
"""

from collections.abc import Callable
from typing import Any

from streams.fold.localtime import MINUTE

Spec = tuple[Any, ...]
"""(function, argument, …): the function spells the measure keys that the arguments name."""

BITS = 24
MASK = (1 << BITS) - 1
OPEN = 0
"""The minute that stands for cells without a bucket; no event is from 1970."""


class Deltas:
    """Sums since the last roll-up, and the interned pairs and measures that their keys are made of."""

    __slots__ = ("_pair_ids", "_spec_ids", "measures", "pairs", "sums")

    def __init__(self) -> None:
        self.sums: dict[int, int] = {}
        self.pairs: list[tuple[str, str]] = []
        self.measures: list[tuple[str, ...]] = []
        self._pair_ids: dict[tuple[str, str], int] = {}
        self._spec_ids: dict[Spec, int] = {}

    def pair(self, manager: str, team: str) -> int:
        """The number of a (manager, team as stated)."""
        found = self._pair_ids.get((manager, team))
        if found is None:
            found = self._pair_ids[manager, team] = len(self.pairs)
            self.pairs.append((manager, team))
        return found

    def add(self, moment: int, manager: str, team: str, spec: Spec, n: int) -> None:
        """Add `n` to the measures of `spec` in the minute of `moment` (us; OPEN: what is so now)."""
        pair = self._pair_ids.get((manager, team))
        if pair is None:
            pair = self.pair(manager, team)
        measure = self._spec_ids.get(spec)
        if measure is None:
            measure = self._learn(spec)
        key = (moment // MINUTE << 48) | (pair << 24) | measure
        sums = self.sums
        sums[key] = sums.get(key, 0) + n

    def _learn(self, spec: Spec) -> int:
        spell: Callable[..., tuple[str, ...]] = spec[0]
        number = self._spec_ids[spec] = len(self.measures)
        self.measures.append(spell(*spec[1:]))
        return number
