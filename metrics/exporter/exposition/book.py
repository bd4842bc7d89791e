"""Every series of a person, and every series of a team, found by the number of an item that changes it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from metrics import measure
from metrics.catalogue import BY_CODE
from metrics.exporter.exposition.distributions import HistogramSeries, Quantiles, Sizes, TotalsSeries
from metrics.exporter.exposition.series import Count, CreditSeries, Money, Owed, Sums
from metrics.exporter.held.aggregates import Slot
from metrics.exporter.held.items import Items
from metrics.exporter.held.numbers import Labels
from metrics.exporter.held.open import RECEIVABLES
from metrics.family import Family, Kind
from metrics.money import Rates

Made = tuple[type[CreditSeries], Labels]
"""A kind of series, and the values of the labels that it keeps."""


class Book(ABC):
    """Series found by the number of an item."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self._of: dict[int, tuple[CreditSeries, ...]] = {}
        self._known: dict[tuple[Family, type[CreditSeries], Labels], CreditSeries] = {}

    @abstractmethod
    def made_of(self, family: Family, labels: Labels) -> Iterator[Made]:
        """The series that items of a family with these labels go into."""

    def lines(self, sums: Sums, mask: int, head: str, slot: Slot, rates: Rates, today: int) -> dict[str, list[str]]:
        """Lines of one credit by exposed name; `mask`: of the families wanted."""
        found: dict[str, list[str]] = {}
        of = self._of
        if not of.keys() >= sums.keys():
            self._grow(sums.keys() - of.keys())
        for series in dict.fromkeys([one for item in sums for one in of[item]]):
            if series.bit & mask:
                for name, text in series.lines(sums, head, slot, rates, today):
                    found.setdefault(name, []).append(text)
        return found

    def _grow(self, items: Iterable[int]) -> None:
        for item in sorted(items):
            name, day = self._items.all[item]
            code, *labels = measure.parts(name)
            into = tuple(self._series(code, labels))
            for series, rest in into:
                series.add(item, rest, day)
            self._of[item] = tuple(series for series, _ in into)

    def _series(self, code: str, labels: list[str]) -> Iterator[tuple[CreditSeries, Labels]]:
        """Series that a measure goes into, and what follows the labels in it."""
        family = BY_CODE.get(code)
        if family is None or len(labels) < len(family.labels):
            return
        own = len(family.labels)
        for kind, kept in self.made_of(family, tuple(labels[:own])):
            held = self._known.get((family, kind, kept))
            if held is None:
                held = self._known[family, kind, kept] = kind(family, kept)
            yield held, tuple(labels[own:])


class OfPeople(Book):
    """What is shown of each person."""

    def __init__(self, items: Items) -> None:
        super().__init__(items)
        self._owed = Owed(items)

    def made_of(self, family: Family, labels: Labels) -> Iterator[Made]:
        """Numbers as they are, of a distribution a summary."""
        match family.kind:
            case Kind.COUNT:
                yield Count, labels
            case Kind.MONEY:
                yield Money, labels
            case Kind.HISTOGRAM:
                yield TotalsSeries, labels
                values = dict(zip(family.labels, labels, strict=True))
                yield Quantiles, tuple(values[name] for name in family.keeps)

    def _series(self, code: str, labels: list[str]) -> Iterator[tuple[CreditSeries, Labels]]:
        if code in RECEIVABLES:
            yield self._owed, ()
        else:
            yield from super()._series(code, labels)


class OfTeams(Book):
    """What is shown by team: distributions."""

    def made_of(self, family: Family, labels: Labels) -> Iterator[Made]:
        """Their buckets; those of sizes put together, as few of them fall on each label."""
        match family.kind:
            case Kind.HISTOGRAM:
                yield HistogramSeries, labels
            case Kind.SIZES:
                values = dict(zip(family.labels, labels, strict=True))
                yield Sizes, tuple(values[name] for name in family.keeps)
