"""Text of distributions: of a person a summary, of a team a histogram, as `series` makes that of all other families."""

from collections.abc import Iterator
from itertools import accumulate, repeat

from metrics.exporter.exposition.series import CreditSeries, Sums
from metrics.exporter.exposition.text import number
from metrics.exporter.held.aggregates import Slot
from metrics.exporter.held.numbers import Labels, quantile, size_bin
from metrics.family import QUANTILES, Family
from metrics.money import Rates

_DIGITS = [str(n) for n in range(10_000)]


class TotalsSeries(CreditSeries):
    """A person's sum and count."""

    def __init__(self, family: Family, labels: Labels) -> None:
        super().__init__(family, labels)
        self._bins: list[int] = []
        self._sum = -1

    def add(self, item: int, rest: Labels, day: int) -> None:  # noqa: ARG002 - it is no money
        """Take in a bin or the sum."""
        if rest[0] == "s":
            self._sum = item
        else:
            self._bins.append(item)

    def lines(self, sums: Sums, head: str, slot: Slot, rates: Rates, today: int) -> Iterator[tuple[str, str]]:  # noqa: ARG002
        """Sum and count."""
        if n := sum(map(sums.get, self._bins, repeat(0))):
            total, count = self.template(slot)
            yield self.family.sum, total % (head, number(sums.get(self._sum, 0) / self.family.scale))
            yield self.family.count, count % (head, n)

    def _formats(self, labels: str) -> tuple[str, ...]:
        return (f"{self.family.sum}{labels}}} %s\n", f"{self.family.count}{labels}}} %d.0\n")


class Quantiles(CreditSeries):
    """A person's percentiles, over all values of the labels that they do not keep."""

    def __init__(self, family: Family, labels: Labels) -> None:
        super().__init__(family, labels, family.keeps)
        self._bin_of: dict[int, int] = {}

    def add(self, item: int, rest: Labels, day: int) -> None:  # noqa: ARG002 - it is no money
        """Take in a bin; the sum says nothing of them."""
        if rest[0] != "s":
            self._bin_of[item] = int(rest[0])

    def lines(self, sums: Sums, head: str, slot: Slot, rates: Rates, today: int) -> Iterator[tuple[str, str]]:  # noqa: ARG002
        """One line for each."""
        bounds = self.family.bounds
        bins = [0] * (len(bounds) + 1)
        few, many = (self._bin_of, sums) if len(self._bin_of) < len(sums) else (sums, self._bin_of)
        for item in few:
            if item in many:
                bins[self._bin_of[item]] += sums[item]
        cumulative = list(accumulate(bins))
        if cumulative[-1]:
            values = [number(quantile(q, cumulative, bounds)) for q in QUANTILES]
            yield self.family.name, self.template(slot)[0] % tuple(one for value in values for one in (head, value))

    def _formats(self, labels: str) -> tuple[str, ...]:
        return ("".join(f'{self.family.name}{labels},quantile="{q}"}} %s\n' for q in QUANTILES),)


class Buckets(CreditSeries):
    """A distribution. Most of the text is here: pieces put together, as formatting costs six times more."""

    def __init__(self, family: Family, labels: Labels, names: tuple[str, ...] | None = None) -> None:
        super().__init__(family, labels, names)
        self._pieces: dict[Slot, list[str]] = {}

    def buckets(self, cumulative: list[int], head: str, slot: Slot) -> str:
        """Its lines, from how many lie below each bound."""
        pieces = (self._pieces.get(slot) or self._cut(slot)).copy()
        pieces[1::4] = [head] * len(cumulative)
        small = cumulative[-1] < len(_DIGITS)
        pieces[3::4] = map(_DIGITS.__getitem__, cumulative) if small else map(str, cumulative)
        return "".join(pieces)

    def _cut(self, slot: Slot) -> list[str]:
        """Pieces of the bucket lines: before the head, (head), after it, (number), and so on, then the last end."""
        start = f"{self.family.bucket}{{"
        labels = self.labels_text(slot)
        found = [
            piece
            for n, le in enumerate(self.family.le)
            for piece in (start if n == 0 else f".0\n{start}", "", f'{labels},le="{le}"}} ', "")
        ]
        self._pieces[slot] = [*found, ".0\n"]
        return self._pieces[slot]


class HistogramSeries(Buckets):
    """A team's counts per bin and sum."""

    def __init__(self, family: Family, labels: Labels) -> None:
        super().__init__(family, labels)
        self._bins = [-1] * len(family.le)
        self._sum = -1

    def add(self, item: int, rest: Labels, day: int) -> None:  # noqa: ARG002 - it is no money
        """Take in a bin or the sum."""
        if rest[0] == "s":
            self._sum = item
        else:
            self._bins[int(rest[0])] = item

    def lines(self, sums: Sums, head: str, slot: Slot, rates: Rates, today: int) -> Iterator[tuple[str, str]]:  # noqa: ARG002
        """Cumulative buckets, sum and count."""
        cumulative = list(accumulate(map(sums.get, self._bins, repeat(0))))
        if cumulative[-1]:
            yield self.family.bucket, self.buckets(cumulative, head, slot)
            total, count = self.template(slot)
            yield self.family.team_sum, total % (head, number(sums.get(self._sum, 0) / self.family.scale))
            yield self.family.team_count, count % (head, cumulative[-1])

    def _formats(self, labels: str) -> tuple[str, ...]:
        return (f"{self.family.team_sum}{labels}}} %s\n", f"{self.family.team_count}{labels}}} %d.0\n")


class Sizes(Buckets):
    """Counts per step of an amount in its own currency, shown by what they are worth in the base currency."""

    def __init__(self, family: Family, labels: Labels) -> None:
        super().__init__(family, labels, family.keeps)
        self._items: dict[int, tuple[int, str, int]] = {}

    def add(self, item: int, rest: Labels, day: int) -> None:
        """Take in a step of a currency and day."""
        self._items[item] = (int(rest[0]), rest[1], day)

    def lines(self, sums: Sums, head: str, slot: Slot, rates: Rates, today: int) -> Iterator[tuple[str, str]]:  # noqa: ARG002
        """Cumulative buckets, of what rates convert."""
        bins = [0] * len(self.family.le)
        few, many = (self._items, sums) if len(self._items) < len(sums) else (sums, self._items)
        for item in few:
            if item in many:
                step, currency, day = self._items[item]
                if (rate := rates.on(currency, day)) is not None:
                    bins[size_bin(self.family, step, rate)] += sums[item]
        cumulative = list(accumulate(bins))
        if cumulative[-1]:
            yield self.family.bucket, self.buckets(cumulative, head, slot)
