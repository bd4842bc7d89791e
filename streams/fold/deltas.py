"""What folding adds and takes back: small tables of sums, one per minute and (manager, team), all as integers.

Of a minute that is kept no longer only its local hour or day counts, so one minute's table stands for all of these.

Several measures that always grow together (a call's two histogram bins, due, in time) are one `Spec`: one addition
while folding, spelled out only when sums are rolled up into cells.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Final

from streams.fold.localtime import MINUTE, LocalTime

Spec = tuple[Any, ...]
"""(function, argument, …): the function spells the measure keys that the arguments name."""

Sums = dict[int, int]
"""Number of a spec → sum."""

Tally = dict[int, Sums]
"""Pair → sums, of one bucket."""

OPEN: Final = 0
"""The moment that stands for cells without a bucket; no event is from 1970."""
_QUARTER: Final = 15 * MINUTE
_REMEMBERED: Final = 10_000
"""Quarters of an hour, and hours, whose stand-ins are remembered: 100 days of them."""


class Specs(dict[Spec, int]):
    """Spec → its number. `measures`: number → the measure keys that grow together.

    Few and often used are constants of modules (`constant`), which have the same number everywhere and need no look-up.
    `together`: the numbers of several specs that one event needs, by what they depend on, for one look-up.
    """

    constants: ClassVar[list[tuple[str, ...]]] = []
    is_used: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        Specs.is_used = True
        self.measures = Specs.constants.copy()
        self.together: dict[tuple[Any, ...], tuple[int, ...]] = {}

    def forget(self) -> None:
        """Forget all but the constants."""
        self.clear()
        self.together.clear()
        del self.measures[len(Specs.constants) :]

    def __missing__(self, spec: Spec) -> int:
        spell: Callable[..., tuple[str, ...]] = spec[0]
        number = self[spec] = len(self.measures)
        self.measures.append(spell(*spec[1:]))
        return number


def constant(*measures: str) -> int:
    """The number of measures that grow together and are named when a module is imported.

    Raises RuntimeError once there are `Specs`: in these the number would be of something else.
    """
    if Specs.is_used:
        raise RuntimeError(f"{', '.join(measures)} must be named before the first sums are")
    Specs.constants.append(measures)
    return len(Specs.constants) - 1


def plus(cell: Sums, number: int, n: int) -> None:
    """Add `n` to what a number stands for. Half of the sums are new, and made sooner so than by a `defaultdict`."""
    cell[number] = cell.get(number, 0) + n


class Deltas:
    """Sums since the last roll-up: minute → pair → sums; and the interned pairs and specs.

    Pieces of parts that are split are pairs as well, with the path to the piece: `paths`, by pair, "" for the whole.
    """

    __slots__ = (
        "_first_hour", "_gone", "_last", "_last_manager", "_last_tally", "_last_team", "_local", "_minutes",
        "_pair_ids", "_past", "_quarters", "_since", "_stand_ins", "_tally", "_until", "_wholes", "pairs", "paths",
        "specs",
    )  # fmt: skip

    def __init__(self, local: LocalTime) -> None:
        self._minutes: dict[int, Tally] = {}
        self._gone: dict[int, Tally] = {}
        self.pairs: list[tuple[str, str]] = []
        self.paths: list[str] = []
        self.specs = Specs()
        self._pair_ids: dict[tuple[str, ...], int] = {}
        self._wholes: dict[str, tuple[str, int]] = {}
        self._last: Sums = {}
        self._last_tally: Tally = {}
        self._tally: Tally = {}
        self._since = self._until = 0
        self._last_manager = self._last_team = ""
        self._local = local
        self._past = 0
        self._first_hour = 0
        self._quarters = {OPEN: OPEN}
        self._stand_ins: dict[tuple[int, int] | int, int] = {}

    def pair(self, manager: str, team: str, path: str = "") -> int:
        """The number of a (manager, team as stated), or of a piece of it."""
        name = (manager, team, path) if path else (manager, team)
        found = self._pair_ids.get(name)
        if found is None:
            found = self._pair_ids[name] = len(self.pairs)
            self.pairs.append((manager, team))
            self.paths.append(path)
        return found

    def pieces(self, pair: int) -> list[int]:
        """The numbers of the sixteen pieces that a pair, or a piece of it, is split into."""
        return [self.pair(*self.pairs[pair], self.paths[pair] + way) for way in "0123456789abcdef"]

    def forget(self, most: int) -> None:
        """Forget how measures are spelled when these are more than `most`; no sums may be left."""
        if len(self.specs) > most:
            self.specs.forget()

    def take(self) -> dict[int, Tally]:
        """All sums by minute (OPEN: of what is so now), which are the caller's from then on."""
        taken, self._minutes, self._gone, self._last_tally, self._tally = self._minutes, {}, {}, {}, {}
        self._since = self._until = 0
        return taken

    def cell(self, moment: int, manager: str, team: str) -> Sums:
        """The sums of the minute of `moment` (us; OPEN: of what is so now); to be changed by `plus`."""
        # Most events follow one of the same quarter of an hour, and come here several times, many with the same names.
        tally = self._tally if self._since <= moment < self._until else self._find(moment)
        if tally is self._last_tally and manager is self._last_manager and team is self._last_team:
            return self._last
        # Most managers have one team, so that their pair is found without both names being hashed.
        held = self._wholes.get(manager)
        if held is not None and held[0] == team:
            pair = held[1]
        else:
            pair = self.pair(manager, team)
            self._wholes[manager] = team, pair
        found = tally.get(pair)
        if found is None:
            found = tally[pair] = {}
        self._last, self._last_tally, self._last_manager, self._last_team = found, tally, manager, team
        return found

    def _find(self, moment: int) -> Tally:
        """That of a moment, and from when until when it is: of what is past, by quarters of an hour."""
        since = moment - moment % MINUTE
        until = since + MINUTE
        if moment >= self._past:
            tally = self._minutes.setdefault(moment // MINUTE, {})
        else:
            quarter = moment // _QUARTER
            known = self._gone.get(quarter)
            if known is None:
                minute = self._quarters.get(quarter)
                if minute is None:
                    minute = self._stand_in(moment)
                tally = self._minutes.setdefault(minute, {})
                if quarter in self._quarters:
                    known = self._gone[quarter] = tally
            else:
                tally = known
            if known is not None:
                since, until = quarter * _QUARTER, min((quarter + 1) * _QUARTER, self._past)
        self._tally, self._since, self._until = tally, since, until
        return tally

    def keep(self, minutes: int, hours: int) -> None:
        """Minutes and hours that start before these UTC seconds are kept no longer, now and ever."""
        self._past = -(-minutes // 60) * MINUTE
        self._first_hour = hours
        self._since = self._until = 0

    def _stand_in(self, moment: int) -> int:
        """A minute of the same local hour, or local day where hours are not kept either; it is one that is not kept."""
        minute = moment // MINUTE
        place, is_quarter = self._local.place(minute * 60)
        hour, day = place
        if max(len(self._quarters), len(self._stand_ins)) >= _REMEMBERED:
            self._quarters = {OPEN: OPEN}
            self._stand_ins.clear()
        found = self._stand_ins.setdefault(place if hour >= self._first_hour else day, minute)
        if is_quarter:
            self._quarters[moment // _QUARTER] = found
        return found

    def add(self, moment: int, manager: str, team: str, spec: Spec, n: int) -> None:
        """Add `n` to the measures of one spec."""
        plus(self.cell(moment, manager, team), self.specs[spec], n)
