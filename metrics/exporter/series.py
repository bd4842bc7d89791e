"""Text of one credit's series, made fast: what does not change with the credit is a template, made once."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import accumulate, repeat

from metrics import measure
from metrics.catalogue import BY_CODE, now
from metrics.exporter.aggregates import NOW, Slot
from metrics.exporter.items import BITS, Items
from metrics.exporter.numbers import Labels, size_bin, to_float
from metrics.exporter.open import RECEIVABLES, owed_by_age
from metrics.exporter.text import number, own
from metrics.family import Family, Kind
from metrics.money import Rates

Sums = Mapping[int, int]
_DIGITS = [str(n) for n in range(10_000)]


class Series(ABC):
    """A family with values of its own labels. `head`: text of a credit's labels, `manager="…",team="…"`."""

    def __init__(self, family: Family, labels: Labels) -> None:
        self.family = family
        self.bit = BITS[family]
        self._own = own(family, labels)
        self._templates: dict[Slot, tuple[str, ...]] = {}

    @abstractmethod
    def add(self, item: int, rest: Labels, day: int) -> None:
        """Take in an item of it; `rest` is what follows the labels in its measure."""

    @abstractmethod
    def lines(self, sums: Sums, head: str, slot: Slot, rates: Rates, today: int) -> Iterator[tuple[str, str]]:
        """Exposed names and lines; none when nothing is counted."""

    def template(self, slot: Slot) -> tuple[str, ...]:
        """Formats of its lines in a window and period."""
        found = self._templates.get(slot)
        if found is None:
            labels = self.labels_text(slot).replace("%", "%%")
            found = self._templates[slot] = self._formats(f"{{%s{labels}")
        return found

    def labels_text(self, slot: Slot) -> str:
        """All labels after the credit's."""
        return self._own if slot == NOW else f'{self._own},window="{slot[0]}",period="{slot[1]}"'

    def _formats(self, labels: str) -> tuple[str, ...]:
        return (f"{self.family.name}{labels}}} %s\n",)


class Count(Series):
    """One integer."""

    def __init__(self, family: Family, labels: Labels) -> None:
        super().__init__(family, labels)
        self._item = -1

    def add(self, item: int, rest: Labels, day: int) -> None:  # noqa: ARG002 - a count has neither
        """Take in its only item."""
        self._item = item

    def lines(self, sums: Sums, head: str, slot: Slot, rates: Rates, today: int) -> Iterator[tuple[str, str]]:  # noqa: ARG002
        """One line."""
        value = to_float(sums[self._item], self.family.scale)
        yield self.family.name, self.template(slot)[0] % (head, number(value))


class Money(Series):
    """Amounts in the base currency, and others that rates convert."""

    def __init__(self, family: Family, labels: Labels) -> None:
        super().__init__(family, labels)
        self._items: dict[int, tuple[str, int]] = {}

    def add(self, item: int, rest: Labels, day: int) -> None:
        """Take in the item of a currency and day."""
        self._items[item] = (rest[0], day)

    def lines(self, sums: Sums, head: str, slot: Slot, rates: Rates, today: int) -> Iterator[tuple[str, str]]:
        """One line, unless no rate converts any of it."""
        total: int | Fraction = 0
        converted = False
        few, many = (self._items, sums) if len(self._items) < len(sums) else (sums, self._items)
        for item in few:
            if item in many:
                currency, day = self._items[item]
                if currency == rates.base:
                    total += sums[item]
                elif (rate := rates.on(currency, today if slot == NOW else day)) is None:
                    continue
                else:
                    total += sums[item] * rate
                converted = True
        if converted:
            value = to_float(total, self.family.scale)
            yield self.family.name, self.template(slot)[0] % (head, number(value))


class Buckets(Series):
    """A distribution. Most of the text is here: pieces put together, as formatting costs six times more."""

    def __init__(self, family: Family, labels: Labels) -> None:
        super().__init__(family, labels)
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


class Histogram(Buckets):
    """Counts per bin and a sum."""

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
            yield self.family.sum, total % (head, number(sums.get(self._sum, 0) / self.family.scale))
            yield self.family.count, count % (head, cumulative[-1])

    def _formats(self, labels: str) -> tuple[str, ...]:
        return (f"{self.family.sum}{labels}}} %s\n", f"{self.family.count}{labels}}} %d.0\n")


class Sizes(Buckets):
    """Counts per step of an amount in its own currency, shown by what they are worth in the base currency."""

    def __init__(self, family: Family, labels: Labels) -> None:
        super().__init__(family, labels)
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


class Owed(Series):
    """Receivables: labels come from today and the due day, so all items are one."""

    def __init__(self, items: Items) -> None:
        super().__init__(now.RECEIVABLE, ("",))
        self._all = items.all
        self._items: set[int] = set()

    def add(self, item: int, rest: Labels, day: int) -> None:  # noqa: ARG002 - worked out when shown
        """Take in an amount due on some day."""
        self._items.add(item)

    def lines(self, sums: Sums, head: str, slot: Slot, rates: Rates, today: int) -> Iterator[tuple[str, str]]:  # noqa: ARG002
        """One line for each age."""
        mine = {self._all[item].measure: value for item, value in sums.items() if item in self._items}
        for age, amount in sorted(owed_by_age(mine, rates, today).items()):
            yield self.family.name, f'{self.family.name}{{{head},age="{age}"}} {number(amount)}\n'


class Book:
    """All series, found by the number of an item."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self._of: list[Series | None] = []
        self._by_labels: dict[tuple[Family, Labels], Series] = {}
        self._owed = Owed(items)

    def lines(self, sums: Sums, mask: int, head: str, slot: Slot, rates: Rates, today: int) -> dict[str, list[str]]:
        """Lines of one credit by exposed name; `mask`: of the families wanted."""
        if len(self._of) < len(self._items.all):
            self._grow()
        found: dict[str, list[str]] = {}
        of = self._of
        for series in dict.fromkeys([of[item] for item in sums]):
            if series is not None and series.bit & mask:
                for name, text in series.lines(sums, head, slot, rates, today):
                    found.setdefault(name, []).append(text)
        return found

    def _grow(self) -> None:
        for item in range(len(self._of), len(self._items.all)):
            name, day = self._items.all[item]
            code, *labels = measure.parts(name)
            family = BY_CODE.get(code)
            series: Series | None
            if code in RECEIVABLES:
                series = self._owed
            elif family is None or len(labels) < len(family.labels):
                series = None
            else:
                series = self._series(family, tuple(labels[: len(family.labels)]))
            if series is not None:
                series.add(item, tuple(labels[len(series.family.labels) :]), day)
            self._of.append(series)

    def _series(self, family: Family, labels: Labels) -> Series:
        found = self._by_labels.get((family, labels))
        if found is None:
            found = self._by_labels[family, labels] = _made(family, labels)
        return found


def _made(family: Family, labels: Labels) -> Series:
    match family.kind:
        case Kind.COUNT:
            return Count(family, labels)
        case Kind.MONEY:
            return Money(family, labels)
        case Kind.HISTOGRAM:
            return Histogram(family, labels)
        case Kind.SIZES:
            return Sizes(family, labels)
