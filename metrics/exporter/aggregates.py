"""Running sums of every window: moved by what changes, and by the buckets that time brings in and takes out."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from metrics.exporter.parts import Change, Credit, Item, Parts
from metrics.windows import Window, windows

Sums = dict[Credit, dict[Item, int]]
Slot = tuple[str, str]
"""Window and period."""


def add(sums: Sums, credit: Credit, items: Iterable[tuple[Item, int]], sign: int = 1) -> None:
    """Add items to a credit's sums; what becomes 0 goes."""
    mine = sums.setdefault(credit, {})
    for item, value in items:
        changed = mine.get(item, 0) + sign * value
        if changed:
            mine[item] = changed
        else:
            mine.pop(item, None)
    if not mine:
        del sums[credit]


def from_scratch(parts: Parts, window: Window) -> Sums:
    """The sums of one window, added up anew: the plain definition, and what `?at=` uses."""
    sums: Sums = {}
    for (kind, bucket), of_bucket in parts.sums.items():
        if window.holds(kind, bucket):
            for credit, items in of_bucket.items():
                add(sums, credit, items.items())
    return sums


class Aggregates:
    """Sums per window and period. `dirty` names what changed since somebody last looked."""

    def __init__(self, parts: Parts, zone: ZoneInfo) -> None:
        self._parts = parts
        self._zone = zone
        self._windows: dict[Slot, Window] = {}
        self._minute = -1
        self.sums: dict[Slot, Sums] = {}
        self.dirty: dict[Slot, set[Credit]] = {}

    def change(self, change: Change) -> None:
        """Let a changed part move every window that holds its bucket."""
        kind, bucket = change.bucket
        for slot, window in self._windows.items():
            if window.holds(kind, bucket):
                add(self.sums[slot], change.credit, change.deltas)
                self.dirty[slot].add(change.credit)

    def move(self, now: int) -> None:
        """Let windows follow the clock (Unix seconds); cheap within a minute."""
        if now // 60 == self._minute:
            return
        self._minute = now // 60
        for window in windows(now, self._zone):
            slot = (window.name, window.period)
            old = self._windows.get(slot)
            if old != window:
                self._shift(slot, old, window)
                self._windows[slot] = window

    def reset(self) -> None:
        """Forget everything, after the parts were loaded anew."""
        self._windows.clear()
        self.sums.clear()
        self.dirty.clear()
        self._minute = -1

    def _shift(self, slot: Slot, old: Window | None, new: Window) -> None:
        sums, dirty = self.sums.setdefault(slot, {}), self.dirty.setdefault(slot, set())
        for (kind, bucket), of_bucket in self._parts.sums.items():
            was, held = old is not None and old.holds(kind, bucket), new.holds(kind, bucket)
            if was == held:
                continue
            for credit, items in of_bucket.items():
                add(sums, credit, items.items(), 1 if held else -1)
                dirty.add(credit)
