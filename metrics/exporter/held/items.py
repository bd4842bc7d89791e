"""What sums are kept by: small numbers for measures, so that adding, packing and comparing them stays cheap."""

from functools import cache
from typing import NamedTuple

from metrics import measure
from metrics.catalogue import BY_CODE, FAMILIES, money, now
from metrics.family import Family, Kind
from metrics.other import FREE

BASE = 0
"""The day of what needs no conversion."""
_ALIASES = dict.fromkeys((now.RECEIVABLE_ASKED, now.RECEIVABLE_PAID), now.RECEIVABLE)
_COUNTED = frozenset({money.MONEY_EVENTS, money.OPEN_MONEY_EVENTS})
_CONVERTED = (Kind.MONEY, Kind.SIZES)
BITS: dict[Family, int] = {family: 1 << number for number, family in enumerate(FAMILIES)}
"""One bit per family: what a change touches is a mask of them."""
CONVERTED = sum(bit for family, bit in BITS.items() if family.kind in _CONVERTED)
FREELY_LABELLED = sum(bit for family, bit in BITS.items() if not set(FREE).isdisjoint(family.labels))
"""Of families with labels that senders fill freely."""
BY_TEAM = sum(bit for family, bit in BITS.items() if family.team_names)
BY_PERSON = sum(bit for family, bit in BITS.items() if family.person_names)
"""Masks of the families that rates change, and of those of which something is shown by team, and by person."""


class Item(NamedTuple):
    """A measure, and for money of another currency the local day of its rate (0: none)."""

    measure: str
    day: int


@cache
def carries(window: str) -> int:
    """Mask of the families that carry a window."""
    return sum(bit for family, bit in BITS.items() if window in family.windows)


@cache
def displayed(window: str, period: str, *, by_team: bool = False) -> int:
    """Mask of the families of which Prometheus is shown a window and period of people, or by team."""
    return sum(
        bit
        for family, bit in BITS.items()
        if period in family.periods
        and any(window in family.windows_of(name) for name in (family.team_names if by_team else family.person_names))
    )


class Items:
    """Numbers of items, given out once. Lists are indexed by them.

    all: the items. bits: of their families, 0 for what no family shows. foreign: money of another currency.
    counted: the currency whose money events a measure counts, else "".
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self._numbers: dict[Item, int] = {}
        self.names: dict[str, int] = {}
        self.all: list[Item] = []
        self.bits: list[int] = []
        self.foreign: list[bool] = []
        self.counted: list[str] = []
        self.special: set[int] = set()

    def number(self, name: str) -> int:
        """Number of a measure that needs no day, or whose day is not known yet."""
        found = self.names.get(name)
        if found is None:
            found = self.names[name] = self._new(Item(name, BASE))
        return found

    def dated(self, number: int, day: int) -> int:
        """Number of the same measure on a day, for money of another currency."""
        item = Item(self.all[number].measure, day)
        found = self._numbers.get(item)
        return self._new(item) if found is None else found

    def _new(self, item: Item) -> int:
        code, *labels = measure.parts(item.measure)
        family = _ALIASES.get(code) or BY_CODE.get(code)
        number = len(self.all)
        self._numbers[item] = number
        self.all.append(item)
        self.bits.append(BITS[family] if family else 0)
        self.foreign.append(bool(family and family.kind in _CONVERTED and labels[-1:] != [self._base]))
        self.counted.append(labels[-1] if code in _COUNTED else "")
        if self.foreign[number] or not family:
            self.special.add(number)
        return number
