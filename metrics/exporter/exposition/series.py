"""Text of one credit's series, made fast: what does not change with the credit is a template, made once."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from fractions import Fraction

from metrics.catalogue import now
from metrics.exporter.exposition.text import number, own
from metrics.exporter.held.aggregates import NOW, Slot
from metrics.exporter.held.items import BITS, Items
from metrics.exporter.held.numbers import Labels, to_float
from metrics.exporter.held.open import owed_by_age
from metrics.family import Family
from metrics.money import Rates

Sums = Mapping[int, int]


class CreditSeries(ABC):
    """A family with values of its own labels. `head`: text of a credit's labels, `manager="…",team="…"`.

    names: of the labels, where they are not all that the family has.
    """

    def __init__(self, family: Family, labels: Labels, names: tuple[str, ...] | None = None) -> None:
        self.family = family
        self.bit = BITS[family]
        self._own = own(family.labels if names is None else names, labels)
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


class Count(CreditSeries):
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


class Money(CreditSeries):
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


class Owed(CreditSeries):
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
