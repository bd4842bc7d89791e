"""What the exporter holds of the view: every part of every bucket, and their sums over partitions."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

from metrics import measure
from metrics.catalogue import BY_CODE, money
from metrics.family import Kind
from metrics.view import Field, Waiting
from metrics.windows import local_day

Bucket = tuple[str, int]
Credit = tuple[str, str]
"""Manager, and team as stated ("" when not stated)."""
Part = Mapping[str, int]
BASE = 0
"""The day of what needs no conversion."""
_MONEY_CODES = frozenset(
    {code for code, family in BY_CODE.items() if family.kind is Kind.MONEY}
    | {money.MONEY_EVENTS, money.OPEN_MONEY_EVENTS}
)  # fmt: skip


class Item(NamedTuple):
    """What sums are kept by: a measure, and for money of another currency the local day of its rate (0: none)."""

    measure: str
    day: int


class Change(NamedTuple):
    """What one new part changes in a bucket's sum."""

    bucket: Bucket
    credit: Credit
    deltas: list[tuple[Item, int]]


class Parts:
    """All parts, and per bucket and credit their sums by item. Not safe for threads: one event loop uses it."""

    def __init__(self, zone: ZoneInfo, base: str) -> None:
        self._zone = zone
        self._base = base
        self._parts: dict[Bucket, dict[Field, Part]] = {}
        self._days: dict[Bucket, int] = {}
        self._foreign: dict[str, bool] = {}
        self.sums: dict[Bucket, dict[Credit, dict[Item, int]]] = {}
        self.waiting: dict[int, list[Waiting]] = {}
        self.count = 0

    def put(self, bucket: Bucket, field: Field, part: Part) -> Change | None:
        """Replace one part (an empty one removes it); say what that changes, None when nothing."""
        held = self._parts.setdefault(bucket, {})
        old = held.get(field, {})
        if part:
            held[field] = part
            self.count += not old
        elif field in held:
            del held[field]
            self.count -= 1
        if not held:
            del self._parts[bucket]
        changed = [
            (name, delta) for name in {*old, *part} if (delta := part.get(name, 0) - old.get(name, 0))
        ]  # fmt: skip
        if not changed:
            return None
        deltas = [(self._item(name, bucket), delta) for name, delta in changed]
        self._add(bucket, (field.manager, field.team), deltas)
        return Change(bucket, (field.manager, field.team), deltas)

    def fields(self, bucket: Bucket) -> set[Field]:
        """The parts held of a bucket."""
        return set(self._parts.get(bucket, ()))

    def buckets(self) -> set[Bucket]:
        """All buckets that anything is held of."""
        return set(self._parts)

    def of(self, kind: str) -> Iterator[tuple[int, dict[Credit, dict[Item, int]]]]:
        """Sums of every bucket of a kind."""
        for (held, bucket), sums in self.sums.items():
            if held == kind:
                yield bucket, sums

    def everyone_waiting(self) -> list[Waiting]:
        """All who wait in all partitions, longest first."""
        return sorted((w for rows in self.waiting.values() for w in rows), key=lambda w: w.start)

    def _add(self, bucket: Bucket, credit: Credit, deltas: list[tuple[Item, int]]) -> None:
        of_bucket = self.sums.setdefault(bucket, {})
        sums = of_bucket.setdefault(credit, {})
        for item, delta in deltas:
            value = sums.get(item, 0) + delta
            if value:
                sums[item] = value
            else:
                sums.pop(item, None)
        if not sums:
            del of_bucket[credit]
            if not of_bucket:
                del self.sums[bucket]

    def _item(self, name: str, bucket: Bucket) -> Item:
        foreign = self._foreign.get(name)
        if foreign is None:
            parts = measure.parts(name)
            foreign = parts[0] in _MONEY_CODES and parts[-1] != self._base
            self._foreign[name] = foreign
        return Item(name, self._day(bucket) if foreign else BASE)

    def _day(self, bucket: Bucket) -> int:
        day = self._days.get(bucket)
        if day is None:
            kind, number = bucket
            day = number if kind == "d" else BASE if kind == "o" else local_day(number, self._zone)
            self._days[bucket] = day
        return day


def total(sums: Mapping[Credit, Mapping[Item, int]]) -> dict[Item, int]:
    """Sum over all credits."""
    found: dict[Item, int] = defaultdict(int)
    for items in sums.values():
        for item, value in items.items():
            found[item] += value
    return found
