"""Sums by local day, made when first asked for and kept until the day changes: history is added up from them."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from metrics.exporter.held.aggregates import Sums, add
from metrics.exporter.held.parts import Bucket, Credit, Parts

_MOST_CREDITS = 400_000
"""Credits of days that are kept for the next question, some 200 bytes each."""
_AT_ONCE = 16
"""Days made before others get their turn."""

_ALL: Credit = ("", "")


class SumSelection(NamedTuple):
    """What is added up: families by their mask, and of whom.

    manager: one person alone, "" for all. together: people of a stated team as one, where nobody asks who they are.
    whole: all as one, besides, where nobody asks for teams either.
    """

    mask: int
    manager: str = ""
    together: bool = False
    whole: bool = False


class Days:
    """Not safe for threads: one event loop uses it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._held: OrderedDict[SumSelection, dict[int, Sums]] = OrderedDict()
        self._changes = 0
        self._changed: dict[int, int] = {}

    def changed(self, bucket: Bucket) -> None:
        """Forget a day of which something has changed."""
        kind, day = bucket
        if kind == "d":
            self._changes += 1
            self._changed[day] = self._changes
            for days in self._held.values():
                days.pop(day, None)

    def version(self, days: range) -> int:
        """Another number after each change of any of these days."""
        return max(self._changed.get(day, 0) for day in days)

    def making(self, share: SumSelection, days: Iterable[int]) -> Iterator[None]:
        """Make what is missing of some days (ordinals), in steps, for who must not keep others waiting."""
        held = self._of(share)
        for number, day in enumerate(day for day in days if day not in held):
            held[day] = self._made(share, day)
            if number % _AT_ONCE == _AT_ONCE - 1:
                yield

    def sums(self, share: SumSelection, days: range) -> Sums:
        """The sums of a run of days, not to be changed."""
        for _ in self.making(share, days):
            pass
        held, found = self._of(share), Sums()
        if len(days) == 1:
            return held[days.start]
        for day in days:
            for credit, items in held[day].items():
                put_together(found, share, credit, items)
        return found

    def trim(self) -> None:
        """Let go of what was asked for longest ago, where more is kept than there is room for."""
        sizes = {share: sum(map(len, days.values())) for share, days in self._held.items()}
        total = sum(sizes.values())
        while total > _MOST_CREDITS and self._held:
            share, _ = self._held.popitem(last=False)
            total -= sizes[share]

    def _of(self, share: SumSelection) -> dict[int, Sums]:
        held = self._held.setdefault(share, {})
        self._held.move_to_end(share)
        return held

    def _made(self, share: SumSelection, day: int) -> Sums:
        return of_day(self._parts, share, day)


def of_day(parts: Parts, share: SumSelection, day: int) -> Sums:
    """The sums of one local day (its ordinal)."""
    found, bucket = Sums(), ("d", day)
    if share.whole and (all_of_it := parts.whole(bucket, share.mask)) is not None:
        return {_ALL: all_of_it} if all_of_it else found
    for (manager, team), items in parts.of_families(bucket, share.mask, share.manager, by_team=share.together):
        credit = _ALL if share.whole else ("" if share.together and team else manager, team)
        if credit in found:
            put_together(found, share, credit, items)
        else:
            found[credit] = items
    return found


def put_together(found: Sums, share: SumSelection, credit: Credit, items: dict[int, int]) -> None:
    """Add a credit's items to sums of a share."""
    if not share.together:
        add(found, credit, list(items.items()))
        return
    # What people of one team have of each other's opposite is a sum of 0, not nothing.
    held = found.setdefault(credit, {})
    for number, value in items.items():
        held[number] = held.get(number, 0) + value
