"""What a window adds up to, of one series: whole days by their sums, and the largest of the entities behind them."""

from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from heapq import heappush, heapreplace
from typing import Any

from metrics.family import Kind
from streams.ledger.snapshot import Series, Snapshot
from streams.plain.contribution import Contribution
from streams.plain.rows import Row, windowed_rows
from streams.plain.rules import Rules
from streams.plain.windows import Window

_FOUR_HOURS = 4 * 3600 * 10**6
"""A local day may begin and end so much (us) off its midnights where clocks change."""
_LATEST = 253_000_000_000 * 10**6


class Largest:
    """The greatest of the rows that are put in, by size; of equal ones the latest."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._heap: list[tuple[Any, ...]] = []

    def put(self, row: Row) -> None:
        """Keep it, as long as it is one of them."""
        rank = (abs(row.value), row.time or 0, row.kind, row.entity, row.client, row.manager, len(self._heap), row)
        if len(self._heap) < self.limit:
            heappush(self._heap, rank)
        elif rank[:2] > self._heap[0][:2]:
            heapreplace(self._heap, rank)

    def takes(self, size: float) -> bool:
        """Whether a row of that size could still come in."""
        return len(self._heap) < self.limit or size > float(self._heap[0][0])

    def rows(self) -> list[Row]:
        """The largest first."""
        return [one[-1] for one in sorted(self._heap, key=lambda one: (-one[0], -one[1], one[2:6]))]


class Sums:
    """One series in one window: days that lie in it whole by their sums, others and what waits share by share."""

    def __init__(self, snapshot: Snapshot, series: Series, window: Window, largest: Largest) -> None:
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


def _is_whole(day: int, window: Window, rules: Rules) -> bool:
    """Whether all moments of a local day lie in a window."""
    start = rules.start(datetime.fromordinal(day).date())
    return window.start <= start - _FOUR_HOURS and start + 86_400 * 10**6 + _FOUR_HOURS <= window.end
