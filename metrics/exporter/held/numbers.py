"""From integers in sums to numbers with a name: families by label values, converted, divided by their scale."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
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


class _Place:
    """A family with values of its labels. There is one object of each, so that finding it again is cheap."""

    __slots__ = ("family", "labels")

    def __init__(self, family: Family, labels: Labels) -> None:
        self.family, self.labels = family, labels


class _Way(Enum):
    """What becomes of a measure's integer."""

    ADDED = auto()
    CONVERTED = auto()
    BIN = auto()
    SUM = auto()
    SIZE = auto()


_place = lru_cache(maxsize=1 << 16)(_Place)


@lru_cache(maxsize=1 << 16)
def _slot(name: str) -> tuple[_Place, _Way, int, str] | None:
    """Where a measure counts, and how: the bin, or the step of a size; the currency."""
    found = address(name)
    if found is None:
        return None
    family, labels, rest = found
    place = _place(family, labels)
    if family.has_buckets and rest[0] == "s":
        return place, _Way.SUM, 0, ""
    if family.kind is Kind.HISTOGRAM:
        return place, _Way.BIN, int(rest[0]), ""
    if family.kind is Kind.SIZES:
        return place, _Way.SIZE, int(rest[0]), rest[1]
    return (place, _Way.CONVERTED, 0, rest[0]) if family.kind is Kind.MONEY else (place, _Way.ADDED, 0, "")


def block(items: Mapping[Item, int], rates: Rates) -> Block:
    """Numbers of one credit in one window. Money that no rate converts is left out."""
    found: Block = {}
    exact: dict[_Place, int | Fraction] = {}
    bins: dict[_Place, list[int]] = {}
    seconds: dict[_Place, int] = {}
    for (name, day), value in items.items():
        slot = _slot(name)
        if slot is None:
            continue
        place, way, number, currency = slot
        if way is _Way.ADDED or (way is _Way.CONVERTED and day == BASE):
            exact[place] = exact.get(place, 0) + value
        elif way is _Way.SUM:
            seconds[place] = seconds.get(place, 0) + value
        elif way is _Way.BIN:
            _counts(bins, place)[number] += value
        elif (rate := rates.on(currency, day)) is None:
            continue
        elif way is _Way.SIZE:
            _counts(bins, place)[size_bin(place.family, number, rate)] += value
        else:
            exact[place] = exact.get(place, 0) + value * rate
    for place, amount in exact.items():
        found.setdefault(place.family, {})[place.labels] = to_float(amount, place.family.scale)
    for place, counts in bins.items():
        total = to_float(seconds.get(place, 0), place.family.scale)
        found.setdefault(place.family, {})[place.labels] = Histogram(tuple(counts), total)
    return found


def _counts(bins: dict[_Place, list[int]], place: _Place) -> list[int]:
    held = bins.get(place)
    if held is None:
        held = bins[place] = [0] * (len(place.family.bounds) + 1)
    return held


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
