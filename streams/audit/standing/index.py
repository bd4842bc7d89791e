"""What the index of the ledger adds up to, per partition: the sums that the view has to show."""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import NamedTuple

import msgspec

from metrics.view import Unanswered, Waiting
from streams.audit.standing.units import OPEN, Unit
from streams.ledger.store import thing_of
from streams.plain.contribution import Contribution, OpenThing
from streams.plain.kept import UNHEARD, PlainHeard, kept_buckets
from streams.plain.listed import still_listed
from streams.plain.parts import Parts, measures, open_measures
from streams.plain.rules import PlainRules

_SHARES = (
    "SELECT share.who, share.time, share.value, share.n, client.partition FROM share "
    "JOIN entity ON entity.no = share.entity JOIN client ON client.no = entity.client "
    "WHERE share.series = ? AND share.day = ?"
)
_THINGS = "SELECT client.partition, body, n FROM thing JOIN client ON client.no = thing.client"
_DAYS = """
WITH RECURSIVE found(day) AS (
    SELECT min(day) FROM share WHERE series = ?1
    UNION ALL SELECT (SELECT min(day) FROM share WHERE series = ?1 AND day > found.day) FROM found
    WHERE found.day IS NOT NULL
)
SELECT day FROM found WHERE day IS NOT NULL
"""


class Reached(NamedTuple):
    """Up to where a partition is in the index: offsets of the next record and of the last one; its time (us).

    heard: what its records say by the broker's clock.
    """

    next: int
    last: int
    time: int
    heard: PlainHeard = UNHEARD


@dataclass
class ExpectedParts:
    """What one partition must show of one unit."""

    parts: Parts = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    unanswered: list[Unanswered] = field(default_factory=list)


def reached(database: Connection) -> dict[int, Reached]:
    """Up to where each partition is in the index; the first thing that is read of a moment pins it."""
    found = database.execute("SELECT number, next, last, time, stamp, minutes, hours FROM partition").fetchall()
    return {number: Reached(after, last, time, PlainHeard(*heard)) for number, after, last, time, *heard in found}


def days(database: Connection) -> set[int]:
    """All local days (ordinals) that anything counts in."""
    series = [no for (no,) in database.execute("SELECT no FROM series")]
    return {day for no in series for (day,) in database.execute(_DAYS, (no,))}


def told(database: Connection, rules: PlainRules, unit: Unit, at: dict[int, Reached]) -> dict[int, ExpectedParts]:
    """Sums of all partitions, as `streams.plain.parts` has them for one."""
    return _open(database, rules, at) if unit == OPEN else _day(database, rules, unit.day, at)


def _day(database: Connection, rules: PlainRules, day: int, at: dict[int, Reached]) -> dict[int, ExpectedParts]:
    people = {no: (manager, team) for no, manager, team in database.execute("SELECT no, manager, team FROM who")}
    sums: dict[int, defaultdict[tuple[str, int, str, str], Counter[str]]]
    sums = {number: defaultdict(Counter) for number in at}
    for no, code, labels, currency in database.execute("SELECT no, code, labels, currency FROM series").fetchall():
        atom = Contribution(code, tuple(msgspec.json.decode(labels)), "", "", 0, 0, "", "", "", currency)
        known: dict[int | str, list[tuple[str, int]]] = {}
        for who, moment, value, n, partition in database.execute(_SHARES, (no, day)):
            if partition not in sums:
                continue
            if (added := known.get(value)) is None:
                added = known[value] = measures(atom._replace(value=int(value)))
            cells = sums[partition]
            for bucket in kept_buckets(moment, day, at[partition].time, at[partition].heard, rules):
                cell = cells[(*bucket, *people[who])]
                for measure, amount in added:
                    cell[measure] += amount * n
    return {number: ExpectedParts(_without_zeros(cells)) for number, cells in sums.items()}


def _without_zeros(cells: dict[tuple[str, int, str, str], Counter[str]]) -> Parts:
    left = ((cell, {m: n for m, n in counted.items() if n}) for cell, counted in cells.items())
    return {cell: part for cell, part in left if part}


def _open(database: Connection, rules: PlainRules, at: dict[int, Reached]) -> dict[int, ExpectedParts]:
    things: dict[int, list[OpenThing]] = {number: [] for number in at}
    for partition, body, n in database.execute(_THINGS):
        if partition in things:
            things[partition] += [thing_of(body)] * n
    return {number: _listed(found, at[number].time, rules) for number, found in things.items()}


def _listed(things: Collection[OpenThing], time: int, rules: PlainRules) -> ExpectedParts:
    cells: defaultdict[tuple[str, int, str, str], Counter[str]] = defaultdict(Counter)
    for one in things:
        for measure, value in open_measures(one):
            cells["o", 0, one.manager, one.team][measure] += value
    waiting = [Waiting(one.labels[0], one.manager, one.team, one.since) for one in things if one.code == "waiting"]
    return ExpectedParts(_without_zeros(cells), sorted(waiting), still_listed(things, time, rules))
