"""Running sums of every window: moved by what changes, and by the buckets that time brings in and takes out."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from metrics.exporter.held.items import BY_PERSON, BY_TEAM, carries
from metrics.exporter.held.parts import Bucket, Credit, Deltas, Parts
from metrics.windows import Window, windows

Sums = dict[Credit, dict[int, int]]
"""Credit → number of an item → its sum."""
Slot = tuple[str, str]
"""Window and period."""
NOW: Slot = ("now", "current")
"""The slot of what is open now."""
_STEP = 50
"""Credits moved at once, while others wait."""


def add(sums: Sums, credit: Credit, deltas: Deltas, sign: int = 1) -> None:
    """Add to a credit's sums; what becomes 0 goes."""
    mine = sums.get(credit)
    if mine is None:
        mine = sums[credit] = {}
    for number, value in deltas:
        if number in mine:
            changed = mine[number] + sign * value
            if changed:
                mine[number] = changed
            else:
                del mine[number]
        else:
            mine[number] = sign * value
    if not mine:
        del sums[credit]


class HeldSums(NamedTuple):
    """What windows hold: of everybody, and of teams what is shown by team."""

    people: dict[Slot, Sums]
    teams: dict[Slot, Sums]


def taken(dirty: dict[Credit, int], most: int) -> dict[Credit, int]:
    """Take so many credits out of what is to be done."""
    if len(dirty) <= most:
        taken = dict(dirty)
        dirty.clear()
        return taken
    return {credit: dirty.pop(credit) for credit in list(islice(dirty, most))}


def together(credit: Credit) -> Credit:
    """Whose sums of what is shown by team: a manager is named only where the team was not stated."""
    return ("", credit[1]) if credit[1] else credit


def shared(sums: Sums, named: AbstractSet[str], row_of: Callable[[Credit], Credit]) -> Sums:
    """Sums of those who have no name of their own, by the row that they share."""
    found: Sums = {}
    for credit, mine in sums.items():
        if credit[0] not in named:
            add(found, row_of(credit), list(mine.items()))
    return found


def from_scratch(parts: Parts, wanted: Iterable[Window]) -> HeldSums:
    """The sums of several windows, added up from their buckets: what `?at=` uses, and what running sums must equal."""
    slots = [(window.name, window.period) for window in wanted]
    found = HeldSums({slot: {} for slot in slots}, {slot: {} for slot in slots})
    for bucket in parts.buckets():
        if into := [window for window in wanted if window.holds(*bucket)]:
            for credit, deltas in parts.of(bucket):
                for window in into:
                    slot, carried = (window.name, window.period), carries(window.name)
                    if chosen := _chosen(parts, deltas, carried & BY_PERSON):
                        add(found.people[slot], credit, chosen)
                    if chosen := _chosen(parts, deltas, carried & BY_TEAM):
                        add(found.teams[slot], together(credit), chosen)
    return found


def _chosen(parts: Parts, deltas: Deltas, mask: int) -> Deltas:
    bits = parts.items.bits
    return [(number, value) for number, value in deltas if bits[number] & mask]


class Aggregates:
    """Sums per window and period. `dirty`: per slot, credits and the mask of their families that changed.

    teams, dirty_teams: the same of what is shown by team (`together`). rest: sums of the credits that are shown in one
    row with others, by that row. row_of: in which row a credit is shown; its own, where that is the same object.
    """

    def __init__(self, parts: Parts, zone: ZoneInfo, row_of: Callable[[Credit], Credit]) -> None:
        self._parts = parts
        self.row_of = row_of
        self._zone = zone
        self._windows: dict[Slot, Window] = {}
        self._holders: dict[Bucket, list[tuple[Slot, int]]] = {}
        self._minute = -1
        self.open: Sums = {}
        self.sums: dict[Slot, Sums] = {}
        self.dirty: dict[Slot, dict[Credit, int]] = {NOW: {}}
        self.rest: dict[Slot, Sums] = {NOW: {}}
        self.teams: dict[Slot, Sums] = {}
        self.dirty_teams: dict[Slot, dict[Credit, int]] = {}

    def change(self, bucket: Bucket, credit: Credit, deltas: Deltas) -> None:
        """Let what a credit gained in a bucket move every window that holds it."""
        if bucket[0] == "o":
            add(self.open, credit, deltas)
            row, bits = self.row_of(credit), self._parts.items.bits
            if row is not credit:
                add(self.rest[NOW], row, deltas)
            for number, _ in deltas:
                self._touch(NOW, row, bits[number])
            return
        holders = self._holders.get(bucket)
        if holders is None:
            holders = self._holders[bucket] = [
                (slot, 1) for slot, window in self._windows.items() if window.holds(*bucket)
            ]
        if holders:
            self._spread(holders, credit, deltas)

    def _touch(self, slot: Slot, credit: Credit, mask: int) -> None:
        dirty = self.dirty[slot]
        dirty[credit] = dirty.get(credit, 0) | mask

    def _touch_team(self, slot: Slot, credit: Credit, mask: int) -> None:
        dirty = self.dirty_teams[slot]
        dirty[credit] = dirty.get(credit, 0) | mask

    def touch_unstated(self, manager: str, was: str) -> None:
        """Have what a manager did without a stated team looked at again: it was shown in another team."""
        credit = (manager, "")
        for slot, sums in self.held():
            dirty = self.dirty[slot]
            # Nobody takes a place who has nothing.
            if credit not in sums and credit not in dirty:
                continue
            row = self.row_of(credit)
            if row is credit:
                dirty[credit] = dirty[manager, was] = -1
            else:
                self._move(slot, sums.get(credit), (row[0], was), row)
        for slot, dirty in self.dirty_teams.items():
            if (manager, "") in self.teams[slot] or (manager, "") in dirty:
                dirty[manager, ""] = dirty["", was] = -1

    def held(self) -> Iterator[tuple[Slot, Sums]]:
        """Sums of people by slot, what is open now among them."""
        yield NOW, self.open
        yield from self.sums.items()

    def share(self, gone: AbstractSet[str], come: AbstractSet[str], shared: Callable[[Credit], Credit]) -> None:
        """Let managers share a row from now on, and others have one of their own, in all windows at once."""
        for slot, sums in self.held():
            for credit, mine in sums.items():
                if credit[0] in gone:
                    self._move(slot, mine, None, shared(credit))
                elif credit[0] in come:
                    self._move(slot, mine, shared(credit), None)
                    self._touch(slot, credit, -1)

    def _move(self, slot: Slot, mine: Mapping[int, int] | None, old: Credit | None, new: Credit | None) -> None:
        """Take sums out of one shared row, and add them to another."""
        for row, sign in ((old, -1), (new, 1)):
            if mine and row is not None:
                add(self.rest[slot], row, list(mine.items()), sign)
                self._touch(slot, row, -1)

    def touch_items(self, items: AbstractSet[int], mask: int) -> None:
        """Have families looked at again wherever there is any of some items."""
        for slot, sums in self.held():
            for credit, mine in sums.items():
                if not items.isdisjoint(mine):
                    self._touch(slot, self.row_of(credit), mask)
        for slot, sums in self.teams.items():
            for credit, mine in sums.items():
                if not items.isdisjoint(mine):
                    self._touch_team(slot, credit, mask)

    def touch_all(self, slot: Slot, mask: int = -1) -> None:
        """Have every credit of a slot looked at again."""
        for credit in self.open if slot == NOW else self.sums.get(slot, {}):
            self._touch(slot, self.row_of(credit), mask)
        if slot != NOW and mask & BY_TEAM:
            for credit in self.teams[slot]:
                self._touch_team(slot, credit, mask)

    def is_behind(self, now: int) -> bool:
        """Whether a minute has turned since windows last followed the clock."""
        return now // 60 != self._minute

    def move(self, now: int) -> None:
        """Let windows follow the clock (Unix seconds); cheap within a minute."""
        for _ in self.moving(now):
            pass

    def moving(self, now: int) -> Iterator[None]:
        """The same in steps, for who must not keep others waiting; nothing may change until the last."""
        if not self.is_behind(now):
            return
        self._minute = now // 60
        moved: list[tuple[Slot, Window | None, Window]] = []
        for window in windows(now, self._zone):
            slot = (window.name, window.period)
            old = self._windows.get(slot)
            if old == window:
                continue
            self.dirty.setdefault(slot, {})
            self.dirty_teams.setdefault(slot, {})
            self.teams.setdefault(slot, {})
            if old is not None and not old.meets(window):
                self.touch_all(slot)
                old = None
            if old is None:
                self.sums[slot], self.teams[slot], self.rest[slot] = {}, {}, {}
            self._windows[slot] = window
            moved.append((slot, old, window))
        if moved:
            self._holders.clear()
            yield from self._shift(moved)

    def _shift(self, moved: list[tuple[Slot, Window | None, Window]]) -> Iterator[None]:
        # Buckets that move alike are added up first, then go into each of their windows as one.
        alike: dict[tuple[tuple[Slot, int], ...], list[Bucket]] = {}
        for bucket in self._parts.buckets():
            into = []
            for slot, old, new in moved:
                held = new.holds(*bucket)
                if held != (old is not None and old.holds(*bucket)):
                    into.append((slot, 1 if held else -1))
            if into:
                alike.setdefault(tuple(into), []).append(bucket)
        for where, buckets in alike.items():
            gathered: Sums = {}
            for bucket in buckets:
                for credit, deltas in self._parts.of(bucket):
                    add(gathered, credit, deltas)
                yield
            for number, (credit, items) in enumerate(gathered.items(), 1):
                self._spread(where, credit, list(items.items()))
                if number % _STEP == 0:
                    yield

    def _spread(self, where: Iterable[tuple[Slot, int]], credit: Credit, deltas: Deltas) -> None:
        bits, mask = self._parts.items.bits, 0
        for number, _ in deltas:
            mask |= bits[number]
        row = self.row_of(credit)
        for slot, sign in where:
            carried = carries(slot[0])
            own, teams = carried & BY_PERSON, carried & BY_TEAM
            if mask & own:
                chosen = [delta for delta in deltas if bits[delta[0]] & own] if mask & ~own else deltas
                add(self.sums[slot], credit, chosen, sign)
                if row is not credit:
                    add(self.rest[slot], row, chosen, sign)
                self._touch(slot, row, mask & own)
            if mask & teams:
                whose = together(credit)
                add(self.teams[slot], whose, [delta for delta in deltas if bits[delta[0]] & teams], sign)
                self._touch_team(slot, whose, mask & teams)
