"""From minutes to local hours and days: where a minute lies, and sums of sums.

Sums are moved, not copied: once minutes are added up into hours their own sums are used up, and so are the hours'
once they are added up into days.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

from streams.fold.deltas import Tally
from streams.fold.localtime import LocalTime

_QUARTER: Final = 15
K_ = TypeVar("K_")


def by_hour(minutes: Mapping[int, Tally], local: LocalTime) -> dict[tuple[int, int], Tally]:
    """(UTC second at which the local hour starts, local day) → its tally. `minutes`: by minute."""
    hours: dict[tuple[int, int], Tally] = {}
    # A quarter of an hour lies in one local hour wherever the offset is whole quarters, which is nearly always.
    quarters: dict[int, tuple[int, int]] = {}
    for minute, tally in minutes.items():
        place = quarters.get(minute // _QUARTER)
        if place is None:
            place, is_quarter = local.place(minute * 60)
            if is_quarter:
                quarters[minute // _QUARTER] = place
        _move(hours, place, tally)
    return hours


def by_day(hours: Mapping[tuple[int, int], Tally]) -> dict[int, Tally]:
    """Local day → its tally."""
    days: dict[int, Tally] = {}
    for (_, day), tally in hours.items():
        _move(days, day, tally)
    return days


def _move(tallies: dict[K_, Tally], place: K_, tally: Tally) -> None:
    """Add a tally to the one at a place, or let it be that one."""
    held = tallies.get(place)
    if held is None:
        tallies[place] = tally
        return
    for pair, sums in tally.items():
        known = held.get(pair)
        if known is None:
            held[pair] = sums
            continue
        for spec, n in sums.items():
            known[spec] = known.get(spec, 0) + n
