"""Why a number is so, from the index: the total from sums by day, and the largest of the entities behind it.

Shares that a question needs one by one go through the plain definition, `streams.plain.rows`, as the audit's do.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from heapq import heappush, heapreplace
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import msgspec

from metrics.family import Kind, Source
from streams.explain import OLDEST, Explanation, exact
from streams.ledger.held import KINDS
from streams.ledger.keeper import read_reference
from streams.ledger.schema import connect
from streams.ledger.store import thing_of
from streams.plain.contribution import LISTED, Contribution, Pending
from streams.plain.exact import moment
from streams.plain.quantiles import quantile
from streams.plain.reference import PlainReference
from streams.plain.rows import Query, Row, open_rows, plan_rows, windowed_rows
from streams.plain.rules import Rules
from streams.plain.shown import Shown
from streams.plain.windows import Window

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FOUR_HOURS = 4 * 3600 * 10**6
"""A local day may begin and end so much (us) off its midnights where clocks change."""
_SHARE = (
    "SELECT share.who, share.day, share.time, share.value, share.n, share.pending, "
    "entity.kind, entity.id, client.key FROM share "
    "JOIN entity ON entity.no = share.entity JOIN client ON client.no = entity.client "
)


class Series(NamedTuple):
    """Shares of one family with the same labels and currency."""

    no: int
    code: str
    labels: tuple[str, ...]
    currency: str


@dataclass
class _Snapshot:
    """One moment of the index, within a transaction that only reads."""

    execute: Callable[..., Any]
    query: Query
    shown: Shown
    who: dict[int, tuple[str, str]]
    """Number → manager and team as stated, of those who are asked for."""
    all_asked: bool

    def series(self) -> list[Series]:
        """Those of the family that may count; labels that the clock decides are looked at later."""
        family, found = self.query.declared, []
        for no, code, labels, currency in self.execute(
            "SELECT no, code, labels, currency FROM series WHERE code = ?", (family.code,)
        ):
            found.append(Series(no, code, tuple(msgspec.json.decode(labels)), currency))
        return found

    def fits(self, series: Series) -> bool:
        """Whether the labels are those asked for."""
        own = dict(zip(self.query.declared.labels, series.labels, strict=True))
        return all(own.get(name, value) == value for name, value in self.query.labels.items() if name != "le")

    def shares(self, series: Series, where: str, values: Sequence[Any]) -> Iterator[tuple[Contribution, int]]:
        """Shares of a series, with how often each is there."""
        for who, _, time, value, n, pending, kind, entity, client in self.execute(
            f"{_SHARE} WHERE share.series = ? AND {where}",
            (series.no, *values),
        ):
            if who in self.who:
                name = KINDS[kind]
                wait = None if pending is None else Pending(*msgspec.msgpack.decode(pending))
                whose = "" if name == "cost" else client
                yield (
                    Contribution(
                        series.code, series.labels, *self.who[who], time, int(value), name, entity, whose,
                        series.currency, wait,
                    ),
                    n,
                )  # fmt: skip


@dataclass
class Answer:
    """Total and count over all, and the largest rows."""

    total: Fraction
    count: int
    rows: list[Row]
    percentile: float | None = None


class _Largest:
    """The greatest of the rows that are put in, by size; of equal ones the latest."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._heap: list[tuple[Any, ...]] = []

    def put(self, row: Row) -> None:
        rank = (abs(row.value), row.time or 0, row.kind, row.entity, row.client, row.manager, len(self._heap), row)
        if len(self._heap) < self.limit:
            heappush(self._heap, rank)
        elif rank[:2] > self._heap[0][:2]:
            heapreplace(self._heap, rank)

    def takes(self, size: float) -> bool:
        """Whether a row of that size could still come in."""
        return len(self._heap) < self.limit or size > float(self._heap[0][0])

    def rows(self) -> list[Row]:
        return [one[-1] for one in sorted(self._heap, key=lambda one: (-one[0], -one[1], one[2:6]))]


class Index:
    """Answers from one file, through connections of their own that only read; each call may be in another thread."""

    def __init__(self, path: Path, rules: Rules, clock: Callable[[], float]) -> None:
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
    def _reading(self) -> Iterator[sqlite3.Connection]:
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
        query: Query,
        at: datetime | None,
        limit: int,
        days: tuple[int, int] | None = None,
    ) -> Explanation:
        """The entities behind a number. days: a run of local days (ordinals) instead of the query's window."""
        with self._reading() as database:
            return self._explain(database, query, at, limit, days)

    def _explain(
        self, database: sqlite3.Connection, query: Query, at: datetime | None, limit: int, days: tuple[int, int] | None
    ) -> Explanation:
        moment_asked = at if at is not None else _EPOCH + timedelta(milliseconds=int(self._clock() * 1000))
        asked, clock = moment(moment_asked), int(self._clock() * 1000) * 1000
        reference = self._read_reference(database)
        shown = Shown(asked, self._rules, reference, at is not None, clock=clock if at is not None else asked)
        if days is not None:
            shown.windows = [Window(query.window, query.period, *days, 0, 1 << 62)]
        upto = {number: after - 1 for number, after in database.execute("SELECT number, next FROM partition")}
        people = {no: (manager, team) for no, manager, team in database.execute("SELECT no, manager, team FROM who")}
        asked_for = {
            no: (manager, team)
            for no, (manager, team) in people.items()
            if query.manager in (None, manager) and query.team in (None, reference.team(manager, team))
        }
        snapshot = _Snapshot(database.execute, query, shown, asked_for, len(asked_for) == len(people))
        match query.declared.source:
            case Source.PLAN:
                found = _listed(plan_rows(query, shown), limit)
            case Source.CELLS:
                found = _windowed(snapshot, limit)
            case _:
                found = _open(snapshot, limit)
        if query.family in OLDEST:
            found = Answer(found.rows[0].value if found.rows else Fraction(), len(found.rows[:1]), found.rows[:1])
        told: str | None = exact(found.total)
        if query.quantile:
            told = None if found.percentile is None else exact(Fraction(repr(found.percentile)))
        return Explanation(query, moment_asked, told, found.count, tuple(found.rows), found.count > limit, upto)

    def _read_reference(self, database: sqlite3.Connection) -> PlainReference:
        state = database.execute("SELECT number, next FROM reference_partition ORDER BY number").fetchall()
        if self._reference is None or self._reference[0] != state:
            self._reference = state, read_reference(database, self._rules.currency)
        return self._reference[1]


def _listed(rows: Iterator[Row], limit: int) -> Answer:
    largest, total, count = _Largest(limit), Fraction(), 0
    for row in rows:
        largest.put(row)
        total, count = total + row.value, count + 1
    return Answer(total, count, largest.rows())


def _open(snapshot: _Snapshot, limit: int) -> Answer:
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


def _windowed(snapshot: _Snapshot, limit: int) -> Answer:
    query, largest = snapshot.query, _Largest(limit)
    total, count, below = Fraction(), 0, [0] * len(query.declared.bounds)
    for window in snapshot.shown.windows:
        if (window.window, window.period) != (query.window, query.period):
            continue
        for series in snapshot.series():
            sums = _Sums(snapshot, series, window, largest)
            total, count = total + sums.total, count + sums.count
            below = [one + more for one, more in zip(below, sums.below, strict=True)]
    found = None
    if query.quantile and count:
        found = quantile(float(query.quantile), query.declared.bounds, [*below, count])
    return Answer(total, count, largest.rows(), found)


class _Sums:
    """One series in one window: days that lie in it whole by their sums, others and what waits share by share."""

    def __init__(self, snapshot: _Snapshot, series: Series, window: Window, largest: _Largest) -> None:
        self.total, self.count = Fraction(), 0
        self.below = [0] * len(snapshot.query.declared.bounds)
        """How many are at most as long as each bound of a percentile that is asked for."""
        self._snapshot, self._series, self._largest = snapshot, series, largest
        self._take(snapshot.shares(series, "share.pending IS NOT NULL", ()))
        if not snapshot.fits(series):
            return
        rules = snapshot.shown.rules
        first = max(window.first_day, rules.day(window.start) - 1) if window.start else window.first_day
        last = min(window.last_day, rules.day(min(window.end, _LATEST)) + 1)
        if not window.start and window.end > _LATEST:
            self._days(first, last)
            return
        for day in range(first, last + 1):
            (self._days if _is_whole(day, window, rules) else self._single)(day, day)

    def _single(self, first: int, last: int) -> None:
        where = "share.day BETWEEN ? AND ? AND share.pending IS NULL"
        self._take(self._snapshot.shares(self._series, where, (first, last)))

    def _take(self, shares: Iterator[tuple[Contribution, int]]) -> None:
        for one, n in shares:
            for row in windowed_rows(self._snapshot.query, [one] * n, self._snapshot.shown):
                self.total, self.count = self.total + row.value, self.count + 1
                if self._snapshot.query.quantile:
                    bounds = self._snapshot.query.declared.bounds
                    self.below = [n + (row.value <= at) for n, at in zip(self.below, bounds, strict=True)]
                self._largest.put(row)

    def _days(self, first: int, last: int) -> None:
        if first > last:
            return
        query, family = self._snapshot.query, self._snapshot.query.declared
        if query.part == "bucket":
            self._single(first, last)
            return
        if query.quantile:
            self._bins(first, last)
        rates: dict[int, Fraction] = {}
        for day, total, n in self._cells(first, last):
            amount = Fraction(n) if query.part == "count" else Fraction(total, family.scale)
            if family.kind is Kind.MONEY:
                amount *= rates.setdefault(day, Fraction(self._rate(day) or 0))
            self.total, self.count = self.total + amount, self.count + n
        self._pick(first, last)

    def _bins(self, first: int, last: int) -> None:
        """Durations by the bounds of their family."""
        snapshot, family = self._snapshot, self._snapshot.query.declared
        sums = ", ".join(f"sum(CASE WHEN value <= {bound * family.scale} THEN n ELSE 0 END)" for bound in family.bounds)
        whose = "" if snapshot.all_asked else f"AND who IN ({', '.join(map(str, snapshot.who))})"
        text = f"SELECT {sums} FROM share WHERE series = ? AND day BETWEEN ? AND ? AND pending IS NULL {whose}"  # noqa: S608 - our own text
        (found,) = snapshot.execute(text, (self._series.no, first, last))
        self.below = [held + (more or 0) for held, more in zip(self.below, found, strict=True)]

    def _rate(self, day: int) -> Fraction | None:
        reference = self._snapshot.shown.reference
        return reference.rate(self._series.currency, day) if self._series.currency else Fraction(1)

    def _cells(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Local day, total and count."""
        snapshot = self._snapshot
        text = "SELECT day, who, total, n FROM cell WHERE series = ? AND day BETWEEN ? AND ?"
        if snapshot.all_asked:
            grouped = (
                "SELECT day, sum(CASE WHEN typeof(total) = 'integer' THEN total ELSE 0 END), sum(n), "
                "max(typeof(total) <> 'integer') FROM cell WHERE series = ? AND day BETWEEN ? AND ? GROUP BY day"
            )
            found = snapshot.execute(grouped, (self._series.no, first, last)).fetchall()
            if not any(is_text for *_, is_text in found):
                yield from ((day, total, n) for day, total, n, _ in found)
                return
        for day, who, total, n in snapshot.execute(text, (self._series.no, first, last)):
            if who in snapshot.who:
                yield day, int(total), n

    def _pick(self, first: int, last: int) -> None:
        """Put in the shares of those cells that may hold one of the largest."""
        snapshot, series, family = self._snapshot, self._series, self._snapshot.query.declared
        counted = snapshot.query.part == "count"
        rates = [self._rate(day) or 0 for day in range(first, last + 1)] if family.kind is Kind.MONEY else [1]
        # Money is converted: its bound is a little above, so that rounding leaves nothing out.
        most = float(max(map(Fraction, rates))) * (1 + 1e-9) if family.kind is Kind.MONEY else 1.0
        where = "share.day = ? AND share.who = ? AND share.pending IS NULL"
        cells = snapshot.execute(
            "SELECT day, who, top FROM cell WHERE series = ? AND day BETWEEN ? AND ? ORDER BY top DESC, day DESC",
            (series.no, first, last),
        )
        for day, who, top in cells:
            if not self._largest.takes(1.0 if counted else top * most / family.scale):
                break
            if who in snapshot.who:
                for one, n in snapshot.shares(series, where, (day, who)):
                    for row in windowed_rows(snapshot.query, [one] * n, snapshot.shown):
                        self._largest.put(row)


_LATEST = 253_000_000_000 * 10**6


def _is_whole(day: int, window: Window, rules: Rules) -> bool:
    """Whether all moments of a local day lie in a window."""
    start = rules.start(datetime.fromordinal(day).date())
    return window.start <= start - _FOUR_HOURS and start + 86_400 * 10**6 + _FOUR_HOURS <= window.end
