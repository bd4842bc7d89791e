"""From integers in sums to numbers with a name: families by label values, converted, divided by their scale."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from metrics import measure
from metrics.catalogue import BY_CODE
from metrics.exporter.held.items import BASE, Item
from metrics.exporter.held.parts import Credit
from metrics.family import Family, Kind
from metrics.money import Rates

Labels = tuple[str, ...]
Shown = tuple[str, str]
"""Manager and team as shown: a team that was not stated is looked up in the roster."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts per bin (not cumulative, the last one above all bounds) and the sum in seconds, 0 where it is of money."""

    bins: tuple[int, ...]
    sum: float

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.bins)


Number = float | Histogram
Block = dict[Family, dict[Labels, Number]]
"""Everything that one credit has: family → values of the family's own labels → number."""


@lru_cache(maxsize=1 << 16)
def address(name: str) -> tuple[Family, Labels, Labels] | None:
    """(family, own labels, rest) of a measure; rest is the bin of a histogram, then the currency of money."""
    code, *labels = measure.parts(name)
    family = BY_CODE.get(code)
    if family is None or len(labels) < len(family.labels):
        return None
    own = len(family.labels)
    return family, tuple(labels[:own]), tuple(labels[own:])


def size_bin(family: Family, step: int, rate: Fraction) -> int:
    """Index of the bin that a step of sizes lies in, at a rate of its currency."""
    # Bounds are whole: none lies between a worth and the next whole number.
    return bisect_left(family.bounds, -(-step * rate.numerator // rate.denominator))


def quantile(q: float, cumulative: Sequence[int], bounds: Sequence[int]) -> float:
    """A percentile from how many lie at or below each bound, and in all (seconds, at least one).

    Operation for operation as Prometheus's `histogram_quantile` works it out, so that both say the same to the digit.
    """
    rank = q * cumulative[-1]
    at = bisect_left(cumulative, rank, hi=len(bounds))
    if at == len(bounds):
        return float(bounds[-1])
    below, low = (cumulative[at - 1], bounds[at - 1]) if at else (0, 0)
    return low + (bounds[at] - low) * ((rank - below) / (cumulative[at] - below))


def block(items: Mapping[Item, int], rates: Rates) -> Block:
    """Numbers of one credit in one window. Money that no rate converts is left out."""
    found: Block = {}
    exact: dict[tuple[Family, Labels], int | Fraction] = {}
    bins: dict[tuple[Family, Labels], list[int]] = {}
    seconds: dict[tuple[Family, Labels], int] = {}
    for (name, day), value in items.items():
        place = address(name)
        if place is None:
            continue
        family, labels, rest = place
        key = (family, labels)
        if family.has_buckets:
            if rest[0] == "s":
                seconds[key] = seconds.get(key, 0) + value
            elif (at := _bin(family, rest, day, rates)) is not None:
                bins.setdefault(key, [0] * (len(family.bounds) + 1))[at] += value
        elif day == BASE or family.kind is not Kind.MONEY:
            exact[key] = exact.get(key, 0) + value
        elif (rate := rates.on(rest[0], day)) is not None:
            exact[key] = exact.get(key, 0) + value * rate
    for (family, labels), amount in exact.items():
        found.setdefault(family, {})[labels] = to_float(amount, family.scale)
    for (family, labels), counts in bins.items():
        total = seconds.get((family, labels), 0)
        found.setdefault(family, {})[labels] = Histogram(tuple(counts), to_float(total, family.scale))
    return found


def _bin(family: Family, rest: Labels, day: int, rates: Rates) -> int | None:
    if family.kind is Kind.HISTOGRAM:
        return int(rest[0])
    rate = rates.on(rest[1], day)
    return None if rate is None else size_bin(family, int(rest[0]), rate)


def to_float(amount: int | Fraction, scale: int) -> float:
    """The nearest float to an exact number of scaled units."""
    if isinstance(amount, int):
        return amount / scale
    return float(amount / scale)


def merged(sums: Mapping[Credit, Mapping[int, int]], of: Iterable[Credit]) -> Mapping[int, int]:
    """Sums of several credits added up."""
    held = [credit for credit in of if credit in sums]
    if len(held) == 1:
        return sums[held[0]]
    found: dict[int, int] = {}
    for credit in held:
        for item, value in sums[credit].items():
            found[item] = found.get(item, 0) + value
    return {item: value for item, value in found.items() if value}
