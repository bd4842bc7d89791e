"""One look: what is shown of some units against what the index adds up to."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from sqlite3 import Connection
from typing import NamedTuple
from urllib.parse import urlencode

from metrics.catalogue import BY_CODE, BY_EXPOSED
from metrics.catalogue.money import MONEY_EVENTS, OPEN_MONEY_EVENTS
from metrics.measure import parts as measure_parts
from streams.audit import compare
from streams.audit.compare import Differing
from streams.audit.report import Difference
from streams.audit.standing import index
from streams.audit.standing.units import OPEN, Unit, day_of
from streams.audit.standing.view import Slice
from streams.plain.rules import PlainRules

DATA = {"d": "days", "h": "hours", "m": "minutes", "o": "open"}
"""Kind of bucket → what differences in it are counted under."""
_NAMES = dict.fromkeys(("rc", "ri", "rp"), "sales_receivable_amount") | dict.fromkeys(
    (MONEY_EVENTS, OPEN_MONEY_EVENTS), "sales_unconverted_events"
)
"""Codes of measures that are no family's own → the one that they are for."""


class Found(NamedTuple):
    """One number that is shown otherwise than the index has it. explain: what lists the entities behind it."""

    data: str
    family: str
    what: Difference
    explain: str = ""


Piece = tuple[Unit, int]
"""A unit of one partition."""


@dataclass
class StandingLook:
    """What one look found. skipped: pieces that could not be compared, because one side was not as of one record."""

    compared: Counter[str] = field(default_factory=Counter)
    equal: set[Piece] = field(default_factory=set)
    different: dict[Piece, list[Found]] = field(default_factory=dict)
    skipped: set[Piece] = field(default_factory=set)


def compare_all(
    database: Connection, rules: PlainRules, shown: Slice, units: Mapping[Unit, Collection[int]], *, exact: bool
) -> StandingLook:
    """Compare pieces (unit → partitions). exact: only where both sides are as of the same record."""
    found, at = StandingLook(), index.reached(database)
    for unit, partitions in units.items():
        usable = {number: reached for number, reached in at.items() if _fits(shown, number, reached, exact=exact)}
        told = index.told(database, rules, unit, {n: r for n, r in usable.items() if n in partitions})
        for number in partitions:
            if number not in told:
                found.skipped.add((unit, number))
                continue
            differences = list(_differences(shown, unit, number, at[number], told[number], rules, found.compared))
            if differences:
                found.different[unit, number] = differences
            else:
                found.equal.add((unit, number))
    return found


def _fits(shown: Slice, number: int, reached: index.Reached, *, exact: bool) -> bool:
    if number not in shown.done or reached.next <= shown.fences[number]:
        return False
    return reached.last <= shown.fences[number] or not exact


def _differences(
    shown: Slice,
    unit: Unit,
    number: int,
    at: index.Reached,
    told: index.ExpectedParts,
    rules: PlainRules,
    compared: Counter[str],
) -> Iterator[Found]:
    of_unit = {
        name: part for name, part in shown.parts.items() if name[2] == number and day_of(*name[:2], rules) == unit.day
    }
    # What was not asked for is not missing.
    parts = {cell: part for cell, part in told.parts.items() if (*cell[:2], number) in shown.buckets}
    count, differing = compare.cells(number, at.time, at.heard, rules, parts, of_unit)
    compared["open" if unit == OPEN else "days"] += count
    for one in differing:
        yield _found(number, one)
    if unit == OPEN:
        held = shown.waiting.get(number, []), shown.unanswered.get(number, [])
        compared["waiting"] += len(told.waiting)
        compared["unanswered"] += len(told.unanswered)
        for what in compare.waiting(number, at.time, told.waiting, held[0]):
            yield Found("waiting", "", what)
        for what in compare.unanswered(number, told.unanswered, held[1]):
            yield Found("unanswered", "", what)


def _found(number: int, one: Differing) -> Found:
    kind, bucket, manager, _ = one.cell
    code = measure_parts(one.measure)[0]
    # Of what nobody writes, in a view that is damaged, there is no family.
    name = _NAMES.get(code) or (BY_CODE[code].name if code in BY_CODE else "")
    asked = {"family": name, "manager": manager}
    if kind == "d":
        asked |= dict.fromkeys(("from", "to"), date.fromordinal(bucket).isoformat())
    can_be_asked = kind in ("d", "o") and name in BY_EXPOSED
    explain = f"/api/v1/explain?{urlencode(asked)}" if can_be_asked else ""
    return Found(DATA[kind], name, compare.in_words(number, one), explain)


def together(pieces: Collection[Piece], most: int) -> Iterator[dict[Unit, set[int]]]:
    """Pieces by unit, a few units at a time."""
    units: dict[Unit, set[int]] = {}
    for unit, number in sorted(pieces):
        if len(units) == most and unit not in units:
            yield units
            units = {}
        units.setdefault(unit, set()).add(number)
    if units:
        yield units


def counted(differences: Mapping[Piece, Sequence[Found]]) -> Counter[tuple[str, str]]:
    """How many by sort of data and family."""
    return Counter((one.data, one.family) for found in differences.values() for one in found)
