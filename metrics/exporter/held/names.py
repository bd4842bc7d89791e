"""Whose and which names are shown, ranked by what they count in the running year and now."""

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from fractions import Fraction
from typing import NamedTuple

from metrics import measure
from metrics.catalogue.money import COST
from metrics.exporter.held.aggregates import NOW, Slot, Sums
from metrics.exporter.held.items import BITS, Items
from metrics.exporter.held.numbers import Histogram, block
from metrics.exporter.held.open import open_block
from metrics.exporter.held.places import Places, Values
from metrics.family import CALENDAR_WINDOWS, PERIODS
from metrics.other import COUNTED, FREE, MANAGER
from metrics.reference import UNKNOWN, Reference

_YEAR: Slot = (CALENDAR_WINDOWS[-1], PERIODS[0])
_COUNTED = sum(BITS[family] for family in COUNTED)
Held = Mapping[Slot, Sums]


class Moved(NamedTuple):
    """What is shown otherwise from now on: managers without a name of their own, and with one, and items."""

    gone: set[str]
    come: set[str]
    items: set[int]


class Names:
    """Who and what has a name of its own. managers: so many of them; values: so many of every other label."""

    def __init__(self, items: Items, managers: int, values: int) -> None:
        self._items = items
        self.managers = Places(managers)
        self.values = Values(items, values)

    @property
    def places(self) -> dict[str, Places]:
        """Places by label."""
        return {MANAGER: self.managers, **self.values.places}

    def is_near(self, also: AbstractSet[str] = frozenset()) -> bool:
        """Whether places of any label are about to run out, or have. also: managers with a number that is no sum."""
        for manager in sorted(also):
            self.managers.has(manager)
        return any(places.is_near for places in self.places.values())

    def rank(self, held: Held, also: AbstractSet[str], reference: Reference, today: int) -> Moved:
        """Reassign places. also: managers with a number that is no sum."""
        gone, come = self.managers.give(self._managers(held, also, reference, today))
        items = self.values.grow()
        if any(places.is_near for places in self.values.places.values()):
            ranked = self._values(held, reference, today)
            for label, places in self.values.places.items():
                places.give(ranked[label])
            items |= self.values.look(frozenset(FREE))
        return Moved(gone, come, items)

    def _managers(self, held: Held, also: AbstractSet[str], reference: Reference, today: int) -> list[str]:
        present = also | {manager for sums in held.values() for manager, _ in sums}
        most = self.managers.most
        if len(present) <= most:
            return sorted(present)
        counts: Counter[str] = Counter()
        bits = self._items.bits
        for slot in (_YEAR, NOW):
            for (manager, _), mine in held.get(slot, {}).items():
                counts[manager] += sum([value for item, value in mine.items() if bits[item] & _COUNTED])
        known = reference.known()
        # First what is credited to nobody, which has to be seen; then the roster; whom a source makes up comes last.
        order = sorted(present, key=lambda one: (one != UNKNOWN, one not in known, -counts[one], one))
        # Nobody takes a place who would have no line: of those without counts it has to be looked up.
        uncounted = present - also - {one for one, count in counts.items() if count}
        mine_of = _by_manager(held, uncounted)
        shown: list[str] = []
        hidden: list[str] = []
        for at, one in enumerate(order):
            if len(shown) == most:
                return shown + hidden + order[at:]
            is_shown = one not in uncounted or self._is_shown(mine_of.get(one, ()), reference, today)
            (shown if is_shown else hidden).append(one)
        return shown + hidden

    def _is_shown(self, of: Iterable[tuple[Slot, Mapping[int, int]]], reference: Reference, today: int) -> bool:
        """Whether any number comes out of some sums."""
        items, rates = self._items.all, reference.rates
        for slot, mine in of:
            named = {items[item]: value for item, value in mine.items()}
            found = open_block(named, rates, today) if slot == NOW else block(named, rates)
            for numbers in found.values():
                if any(one.count if isinstance(one, Histogram) else one for one in numbers.values()):
                    return True
        return False

    def _values(self, held: Held, reference: Reference, today: int) -> dict[str, list[str]]:
        present: set[int] = set()
        for sums in held.values():
            for mine in sums.values():
                present.update(mine)
        counted: Counter[int] = Counter()
        for slot in (_YEAR, NOW):
            for mine in held.get(slot, {}).values():
                for item, value in mine.items():
                    counted[item] += value
        names: dict[str, set[str]] = {label: set() for label in FREE}
        counts: dict[tuple[str, str], int | Fraction] = {}
        bits = self._items.bits
        for item in present:
            if (rate := self._rate(item, reference, today)) is not None:
                for name in self.values.free(item):
                    names[name[0]].add(name[1])
                    if bits[item] & (_COUNTED | BITS[COST]):
                        counts[name] = counts.get(name, 0) + counted[item] * rate
        sizes = {name: _size(count) for name, count in counts.items()}
        return {
            label: sorted(found, key=lambda value: (-sizes.get((label, value), 0), value))
            for label, found in names.items()
        }

    def _rate(self, item: int, reference: Reference, today: int) -> Fraction | int | None:
        """What a unit of an item is worth; None where no rate says it."""
        if not self._items.foreign[item]:
            return 1
        name, day = self._items.all[item]
        return reference.rates.on(measure.parts(name)[-1], day or today)


def _size(count: int | Fraction) -> Fraction:
    return Fraction(count if count > 0 else -count)


def _by_manager(held: Held, wanted: AbstractSet[str]) -> dict[str, list[tuple[Slot, Mapping[int, int]]]]:
    found: dict[str, list[tuple[Slot, Mapping[int, int]]]] = {}
    if wanted:
        for slot, sums in held.items():
            for (manager, _), mine in sums.items():
                if manager in wanted:
                    found.setdefault(manager, []).append((slot, mine))
    return found
