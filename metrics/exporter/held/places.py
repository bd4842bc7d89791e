"""Who has a name of its own on /metrics: so many managers, and so many values of each label that senders fill freely.

Places are given to who comes while there are any, and reassigned once a minute to those with the greatest counts: in
between nobody moves, so that two who take turns at the border make no new series. Whoever has none sums to `other`.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from metrics import measure
from metrics.catalogue import BY_CODE
from metrics.exporter.held.items import Items
from metrics.other import FREE, OTHER, own_name

_NEAR = 0.75
"""From this share of the places taken on they are looked through once a minute."""

Free = tuple[tuple[str, str], ...]
"""Free labels of an item, each with its value."""


class Places:
    """Of one label."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.named: set[str] = set()
        self.others: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether a name is shown as such; one that is new takes a place, while there is any."""
        if name in self.named:
            return True
        if name not in self.others:
            if len(self.named) < self.most:
                self.named.add(name)
                return True
            self.others.add(name)
        return False

    @property
    def names(self) -> int:
        """How many names there are."""
        return len(self.named) + len(self.others)

    @property
    def is_near(self) -> bool:
        """Whether places are about to run out, or have."""
        return bool(self.others) or len(self.named) > _NEAR * self.most

    def give(self, ranked: Sequence[str]) -> tuple[set[str], set[str]]:
        """Reassign all places, first come first served; returns who lost one, and who got one."""
        named = set(ranked[: self.most])
        gone, come = self.named - named, named - self.named
        self.named, self.others = named, set(ranked[self.most :])
        return gone, come


class Values:
    """The free labels of items. alias: item → the item under whose labels it is shown, where that is another one."""

    def __init__(self, items: Items, most: int) -> None:
        self._items = items
        self._free: list[Free] = []
        self._made: set[int] = set()
        self.places = {label: Places(most) for label in FREE}
        self.alias: dict[int, int] = {}
        self.version = 0
        """Grows whenever items that were there may be shown otherwise."""

    def free(self, item: int) -> Free:
        """Its free labels."""
        return self._free[item] if item < len(self._free) else ()

    def grow(self) -> set[int]:
        """Take in items that are new; which older ones are shown under other labels from now on."""
        if len(self._free) == len(self._items.all):
            return set()
        full = self._full()
        while len(self._free) < len(self._items.all):
            item = len(self._free)
            found = _free(self._items.all[item].measure)
            self._free.append(found)
            if found:
                if item not in self._made:
                    for label, value in found:
                        self.places[label].has(value)
                self._see(item)
        # Only now there is a rest, from which what is literally called so has to be told.
        return self.look(self._full() - full) if self._full() != full else set()

    def _full(self) -> set[str]:
        return {label for label, places in self.places.items() if places.others}

    def look(self, labels: AbstractSet[str]) -> set[int]:
        """Look at all items with some labels again; those that are shown under other labels from now on."""
        found = set()
        for item in range(len(self._free)):
            if any(label in labels for label, _ in self._free[item]) and self._see(item):
                found.add(item)
        self.grow()
        self.version += bool(found)
        return found

    def _see(self, item: int) -> bool:
        """Say under whose labels an item is shown; whether that is new."""
        before = self.alias.pop(item, None)
        free = self._free[item]
        shown = {label: self._shown(label, value) for label, value in free}
        if any(shown[label] != value for label, value in free):
            self.alias[item] = self._as(item, shown)
        return self.alias.get(item) != before

    def told_apart(self, label: str, value: str) -> str:
        """How a value is shown that is no rest, where it has to be told from one."""
        return own_name(value) if self.places[label].others else value

    def _shown(self, label: str, value: str) -> str:
        places = self.places[label]
        if not places.others:
            return value
        return own_name(value) if value in places.named else OTHER

    def _as(self, item: int, shown: Mapping[str, str]) -> int:
        """The item of the same measure with other labels."""
        name, day = self._items.all[item]
        code, *labels = measure.parts(name)
        own = BY_CODE[code].labels
        values = [shown.get(label, value) for label, value in zip(own, labels[: len(own)], strict=True)]
        count = len(self._items.all)
        number = self._items.number(measure.key(code, *values, *labels[len(own) :]))
        if day:
            number = self._items.dated(number, day)
        # These stand for others; nobody has sent them so far.
        self._made.update(range(count, len(self._items.all)))
        return number

    def shown(self, sums: Mapping[int, int]) -> Mapping[int, int]:
        """Sums as they are shown."""
        alias = self.alias
        if not alias or alias.keys().isdisjoint(sums):
            return sums
        found: dict[int, int] = {}
        for item, value in sums.items():
            into = alias.get(item, item)
            found[into] = found.get(into, 0) + value
        return {item: value for item, value in found.items() if value}


def _free(name: str) -> Free:
    code, *labels = measure.parts(name)
    family = BY_CODE.get(code)
    if family is None or not any(label in FREE for label in family.labels):
        return ()
    return tuple((label, value) for label, value in zip(family.labels, labels, strict=False) if label in FREE)
