"""Why a number is so, from the index: the total from sums by day, and the largest of the entities behind it.

Shares that a question needs one by one go through the plain definition, `streams.plain.rows`, as the audit's do.
"""

import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

from metrics.errors import AwayError
from metrics.family import Source
from streams.ledger.explain import OLDEST, ExplainedNumber, exact
from streams.ledger.keeper import read_reference
from streams.ledger.largest import Largest, pick
from streams.ledger.nearest import around
from streams.ledger.schema import connect
from streams.ledger.snapshot import Snapshot
from streams.ledger.store import thing_of
from streams.ledger.sums import Sums
from streams.plain.contribution import LISTED
from streams.plain.exact import moment
from streams.plain.quantiles import quantile
from streams.plain.reference import PlainReference
from streams.plain.rows import PlainQuery, PlainRow, open_rows, plan_rows, windowed_rows
from streams.plain.rules import PlainRules
from streams.plain.shown import PlainShown
from streams.plain.windows import PlainWindow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PIECE = 500
"""Entities that are at hand at once of those that are streamed."""
_MOST_SECONDS = 900.0
"""As long as somebody reads, what is written since stays beside the index."""


@dataclass
class Answer:
    """Total and count over all, and the largest rows; of a percentile of more, those around it.

    position, first: how many of all are shorter than the percentile, and how many come before the rows.
    """

    total: Fraction
    count: int
    rows: list[PlainRow]
    percentile: float | None = None
    position: int | None = None
    first: int = 0


class Index:
    """Answers from one file, through connections of their own that only read; each call may be in another thread."""

    def __init__(self, path: Path, rules: PlainRules, clock: Callable[[], float]) -> None:
        self._path = path
        self._rules = rules
        self._clock = clock
        self._reference: tuple[Any, PlainReference] | None = None
        self._free: list[sqlite3.Connection] = []
        self._lock = Lock()
        self._closed = False

    def close(self) -> None:
        """Close what is open; what is in use is closed when it is given back."""
        with self._lock:
            self._closed, free, self._free = True, self._free, []
        for database in free:
            database.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection within one moment of the index; one that failed is not used again."""
        with self._lock:
            database = self._free.pop() if self._free else None
        if database is None:
            database = connect(self._path, read_only=True)
        works = False
        try:
            database.execute("BEGIN")
            yield database
            database.execute("ROLLBACK")
            works = True
        finally:
            with self._lock:
                kept = works and not self._closed
                if kept:
                    self._free.append(database)
            if not kept:
                database.close()

    def explain(
        self,
        query: PlainQuery,
        at: datetime | None,
        limit: int,
        days: tuple[int, int] | None = None,
        fewer: int | None = None,
    ) -> ExplainedNumber:
        """The entities behind a number, at most `limit`; where there are more, the largest `fewer`.

        Of a percentile it is that many on either side of it. days: a run of local days (ordinals) instead of the
        query's window.
        """
        with self.reading() as database:
            return self._explain(database, query, at, days, (limit, limit if fewer is None else min(limit, fewer)))

    def entities(self, query: PlainQuery, days: tuple[int, int]) -> Generator[list[tuple[PlainRow, str]], None, None]:
        """All entities of a run of local days, as of one moment, in pieces, each with where it is from.

        Close it, or the index grows meanwhile.
        """
        now, until = int(self._clock() * 1000) * 1000, monotonic() + _MOST_SECONDS
        with self.reading() as database:
            shown = PlainShown(now, self._rules, self.reference(database), at=False, clock=now)
            shown.windows = [PlainWindow(query.window, query.period, *days, 0, 1 << 62)]
            snapshot = _snapshot(database, query, shown)
            piece: list[tuple[PlainRow, str]] = []
            for series in snapshot.series():
                for one, n in snapshot.shares(series, *days):
                    rows = list(windowed_rows(query, [one] * n, shown))
                    piece += zip(rows, snapshot.sources(rows), strict=True)
                    if len(piece) >= _PIECE:
                        yield piece
                        piece = []
                        if monotonic() > until:
                            raise AwayError(f"nobody may read for longer than {_MOST_SECONDS} s: ask for fewer days")
            if piece:
                yield piece

    def _explain(
        self,
        database: sqlite3.Connection,
        query: PlainQuery,
        at: datetime | None,
        days: tuple[int, int] | None,
        limits: tuple[int, int],
    ) -> ExplainedNumber:
        moment_asked = at if at is not None else _EPOCH + timedelta(milliseconds=int(self._clock() * 1000))
        asked, clock = moment(moment_asked), int(self._clock() * 1000) * 1000
        reference = self.reference(database)
        shown = PlainShown(asked, self._rules, reference, at is not None, clock=clock if at is not None else asked)
        if days is not None:
            shown.windows = [PlainWindow(query.window, query.period, *days, 0, 1 << 62)]
        snapshot = _snapshot(database, query, shown)
        match query.declared.source:
            case Source.PLAN:
                found = _listed(plan_rows(query, shown), limits[0])
            case Source.CELLS:
                found = _windowed(snapshot, *limits)
            case _:
                found = _open(snapshot, limits[0])
        if query.family in OLDEST:
            found = Answer(found.rows[0].value if found.rows else Fraction(), len(found.rows[:1]), found.rows[:1])
        told: str | None = exact(found.total)
        if query.quantile:
            told = None if found.percentile is None else exact(Fraction(repr(found.percentile)))
        rows, sources = tuple(found.rows), tuple(snapshot.sources(found.rows))
        return ExplainedNumber(
            query, moment_asked, told, found.count, rows, found.count > len(rows), sources, found.position,
            found.first,
        )  # fmt: skip

    def reference(self, database: sqlite3.Connection) -> PlainReference:
        """Roster, plans and rates of that moment."""
        state = database.execute("SELECT number, next FROM reference_partition ORDER BY number").fetchall()
        if self._reference is None or self._reference[0] != state:
            self._reference = state, read_reference(database, self._rules.currency)
        return self._reference[1]


def _snapshot(database: sqlite3.Connection, query: PlainQuery, shown: PlainShown) -> Snapshot:
    people = {no: (manager, team) for no, manager, team in database.execute("SELECT no, manager, team FROM who")}
    asked_for = {
        no: (manager, team)
        for no, (manager, team) in people.items()
        if query.manager in (None, manager) and query.team in (None, shown.reference.team(manager, team))
    }
    return Snapshot(database.execute, query, shown, asked_for, len(people))


def _listed(rows: Iterator[PlainRow], limit: int) -> Answer:
    largest, total, count = Largest(limit), Fraction(), 0
    for row in rows:
        largest.put(row)
        total, count = total + row.value, count + 1
    return Answer(total, count, largest.rows())


def _open(snapshot: Snapshot, limit: int) -> Answer:
    """What is so now: few enough to be looked at one by one."""
    family, now = snapshot.query.family, snapshot.shown.now
    codes: tuple[str, ...] = (snapshot.query.declared.code,)
    if not codes[0]:
        codes = tuple(code for code in LISTED if _WAITS[code] in family)
    marks = ", ".join("?" * len(codes))
    found = snapshot.execute(
        f"SELECT body, n FROM thing WHERE code IN ({marks}) AND until > ?",  # noqa: S608 - our own text
        (*codes, now),
    )
    things = [one for body, n in found for one in [thing_of(body)] * n]
    return _listed(open_rows(snapshot.query, things, snapshot.shown), limit)


_WAITS = {"waiting": "waiting", "miss": "unreturned", "lead": "untouched", "talk": "untouched"}
"""Code of what is listed → what is in the names of the families that need it."""


def _windowed(snapshot: Snapshot, limit: int, fewer: int) -> Answer:
    query, largest, sums = snapshot.query, Largest(limit, snapshot.shown.rules.day), list[Sums]()
    for window in snapshot.shown.windows:
        if (window.window, window.period) == (query.window, query.period):
            sums += [Sums(snapshot, series, window, largest) for series in snapshot.series()]
    count = sum(one.count for one in sums)
    found, total = None, sum((one.total for one in sums), Fraction())
    if query.quantile and count:
        below = [sum(held) for held in zip(*(one.below for one in sums), strict=True)]
        found = quantile(float(query.quantile), query.declared.bounds, [*below, count])
        if count > limit:
            near = around(sums, Fraction(repr(found)), fewer)
            return Answer(total, count, near.rows, found, near.shorter, near.first)
    largest.narrow(limit if count <= limit else fewer)
    pick(sums, largest)
    return Answer(total, count, largest.rows(), found)
