"""From minutes to local hours and days: where a minute lies, and sums of sums.

Sums are moved, not copied: once minutes are added up into hours their own sums are used up, and so are the hours'
once they are added up into days.
"""

from collections.abc import Mapping

from streams.fold.deltas import BITS, MASK, Sums
from streams.fold.localtime import LocalTime

Tally = dict[int, Sums]
"""Pair → sums, of one bucket."""

_QUARTER = 15


def by_hour(minutes: Mapping[int, Sums], local: LocalTime) -> dict[tuple[int, int], Tally]:
    """(UTC second at which the local hour starts, local day) → its tally. `minutes`: minute << 24 | pair → sums."""
    hours: dict[tuple[int, int], Tally] = {}
    # A quarter of an hour lies in one local hour wherever the offset is whole quarters, which is nearly always.
    quarters: dict[int, Tally] = {}
    for key, sums in minutes.items():
        minute = key >> BITS
        tally = quarters.get(minute // _QUARTER)
        if tally is None:
            place, is_quarter = local.place(minute * 60)
            tally = hours.get(place)
            if tally is None:
                tally = hours[place] = {}
            if is_quarter:
                quarters[minute // _QUARTER] = tally
        _move(tally, key & MASK, sums)
    return hours


def by_day(hours: Mapping[tuple[int, int], Tally]) -> dict[int, Tally]:
    """Local day → its tally."""
    days: dict[int, Tally] = {}
    for (_, day), tally in hours.items():
        held = days.get(day)
        if held is None:
            days[day] = tally
        else:
            for pair, sums in tally.items():
                _move(held, pair, sums)
    return days


def _move(tally: Tally, pair: int, sums: Sums) -> None:
    held = tally.get(pair)
    if held is None:
        tally[pair] = sums
        return
    for spec, n in sums.items():
        held[spec] += n
