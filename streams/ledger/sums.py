"""What a window adds up to, of one series: whole days by their sums, others and what waits share by share."""

from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from itertools import groupby

from metrics.family import Kind
from streams.ledger.largest import Largest
from streams.ledger.snapshot import ShareSeries, Snapshot
from streams.plain.contribution import Contribution
from streams.plain.rows import windowed_rows
from streams.plain.rules import PlainRules
from streams.plain.windows import PlainWindow

_FOUR_HOURS = 4 * 3600 * 10**6
"""A local day may begin and end so much (us) off its midnights where clocks change."""
_LATEST = 253_000_000_000 * 10**6
SETTLED = "AND share.pending IS NULL"
"""SQL after other conditions: of shares that no clock changes any more."""


class Sums:
    """Total and count of one series in one window; rows that were read for them are put into `largest`.

    runs: local days (first and last) whose shares were not looked at, as their sums are known.
    """

    def __init__(self, snapshot: Snapshot, series: ShareSeries, window: PlainWindow, largest: Largest) -> None:
        self.snapshot, self.series = snapshot, series
        self.total, self.count = Fraction(), 0
        self.below = [0] * len(snapshot.query.declared.bounds)
        """How many are at most as long as each bound of a percentile that is asked for."""
        self.runs: list[tuple[int, int]] = []
        self._singles: list[tuple[int, int]] = []
        self._largest = largest
        self._rates: dict[int, Fraction] = {}
        self._take(snapshot.pending(series))
        if not snapshot.fits(series):
            return
        rules = snapshot.shown.rules
        first = max(window.first_day, rules.day(window.start) - 1) if window.start else window.first_day
        last = min(window.last_day, rules.day(min(window.end, _LATEST)) + 1)
        if not window.start and window.end > _LATEST:
            self._days(first, last)
            return
        for is_whole, days in groupby(range(first, last + 1), lambda day: _is_whole(day, window, rules)):
            run = list(days)
            (self._days if is_whole else self._single)(run[0], run[-1])

    def again(self) -> Iterator[tuple[Contribution, int]]:
        """The shares that were read one by one."""
        yield from self.snapshot.pending(self.series)
        for first, last in self._singles:
            yield from self.snapshot.shares(self.series, first, last, SETTLED)

    def _single(self, first: int, last: int) -> None:
        self._singles.append((first, last))
        self._take(self.snapshot.shares(self.series, first, last, SETTLED))

    def _take(self, shares: Iterator[tuple[Contribution, int]]) -> None:
        query, shown = self.snapshot.query, self.snapshot.shown
        for one, n in shares:
            for row in windowed_rows(query, [one] * n, shown):
                self.total, self.count = self.total + row.value, self.count + 1
                if query.quantile:
                    bounds = query.declared.bounds
                    self.below = [n + (row.value <= at) for n, at in zip(self.below, bounds, strict=True)]
                self._largest.put(row)

    def _days(self, first: int, last: int) -> None:
        if first > last:
            return
        query, family = self.snapshot.query, self.snapshot.query.declared
        if query.part == "bucket" and family.kind is Kind.SIZES:
            self._single(first, last)
            return
        self.runs.append((first, last))
        if query.quantile or query.part == "bucket":
            below = self._bins(first, last)
            self.below = [one + more for one, more in zip(self.below, below, strict=True)]
            if query.part == "bucket" and (le := query.labels.get("le", "+Inf")) != "+Inf":
                n = below[family.le.index(le)]
                self.total, self.count = self.total + n, self.count + n
                return
        counted = query.part in ("count", "bucket")
        amount: int | Fraction = 0
        for day, total, n in self._sums(first, last):
            self.count += n
            if counted:
                amount += n
            else:
                amount += total * self.rate(day) if family.kind is Kind.MONEY else total
        self.total += Fraction(amount) if counted else Fraction(amount) / family.scale

    def _bins(self, first: int, last: int) -> list[int]:
        """How many durations are at most as long as each bound of their family."""
        snapshot, family = self.snapshot, self.snapshot.query.declared
        if snapshot.all_asked:
            text = "SELECT number, sum(n) FROM bin WHERE series = ? AND day BETWEEN ? AND ? GROUP BY number"
            held: dict[int, int] = dict(snapshot.execute(text, (self.series.no, first, last)).fetchall())
            return [sum(n for number, n in held.items() if number <= bound) for bound in range(len(family.bounds))]
        sums = ", ".join(f"sum(CASE WHEN value <= {bound * family.scale} THEN n ELSE 0 END)" for bound in family.bounds)
        (found,) = snapshot.within("share", sums, self.series, first, last, ending=SETTLED)
        return [more or 0 for more in found]

    def rate(self, day: int) -> Fraction:
        """What an amount of the series is multiplied by; 0 where there is no rate."""
        if day not in self._rates:
            reference, currency = self.snapshot.shown.reference, self.series.currency
            self._rates[day] = Fraction(reference.rate(currency, day) or 0) if currency else Fraction(1)
        return self._rates[day]

    def condition(self) -> str:
        """Which shares count of days that were added up, as SQL after others."""
        query = self.snapshot.query
        le = query.labels.get("le", "+Inf") if query.part == "bucket" else "+Inf"
        if le == "+Inf":
            return SETTLED
        bound = query.declared.bounds[query.declared.le.index(le)] * query.declared.scale
        return f"{SETTLED} AND share.value <= {bound}"

    def _sums(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Local day, total and count."""
        snapshot, series = self.snapshot, self.series
        if snapshot.all_asked:
            text = "SELECT day, total, n FROM daily WHERE series = ? AND day BETWEEN ? AND ?"
            found = snapshot.execute(text, (series.no, first, last))
        else:
            columns = "cell.day, sum(cell.total), sum(cell.n), max(typeof(cell.total) <> 'integer')"
            grouped = snapshot.within("cell", columns, series, first, last, ending="GROUP BY cell.day").fetchall()
            # Greater sums are text, which SQL would add up as floats.
            has_text = any(is_text for *_, is_text in grouped)
            columns = "cell.day, cell.total, cell.n"
            found = snapshot.within("cell", columns, series, first, last) if has_text else (one[:3] for one in grouped)
        for day, total, n in found:
            yield day, int(total), n


def _is_whole(day: int, window: PlainWindow, rules: PlainRules) -> bool:
    """Whether all moments of a local day lie in a window."""
    start = rules.start(datetime.fromordinal(day).date())
    return window.start <= start - _FOUR_HOURS and start + 86_400 * 10**6 + _FOUR_HOURS <= window.end
