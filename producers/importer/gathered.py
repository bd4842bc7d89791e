"""What an import learns before it is on the disk, and which entities nobody has ever heard of.

Both spare the index its dearest work: looking for what is not there, and writing one by one.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from struct import unpack
from typing import Any

from producers.importer.decided import Decided, WaitingEvent

Sent = tuple[bytes, str, int, str, bytes, int, str, int]
"""What was sent, as a row: key, version, digest, source, kind, run."""
_SLOTS = 1 << 24


class Gathered:
    """What was decided since the last time that it was brought to the disk."""

    def __init__(self) -> None:
        self.sent: dict[bytes, Sent] = {}
        self.seen: dict[bytes, int] = {}
        self.waiting: dict[bytes, tuple[WaitingEvent, int]] = {}
        self.done: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self.sent) + len(self.seen) + len(self.waiting)

    def add(self, decided: Decided, run: int, numbers: dict[str, int]) -> None:
        """Take what was decided about a batch. numbers: source → what it is known by."""
        for many in decided.many:
            columns = many.abouts, many.sequences, many.times, many.ids, many.digests
            sources = map(numbers.__getitem__, many.sources)
            self.sent.update(zip(many.abouts, zip(*columns, sources, many.kinds, repeat(run)), strict=False))
        for item in decided.items:
            self.sent[item.key] = item.key, *item.version, item.digest, numbers[item.source], item.kind, run
        for key in decided.seen:
            if key not in self.sent:
                self.seen[key] = run
        for one in decided.waiting:
            before = self.waiting.get(one.item.key)
            if before is None or one.item.version > before[0].item.version:
                self.waiting[one.item.key] = one, run
        self.done += [(run, key) for key in decided.done]

    def rows(self) -> list[Sent]:
        """What was sent, in the order of the index."""
        return sorted(self.sent.values())  # by their keys, of which each is there once

    def waiting_rows(self) -> Iterator[tuple[Any, ...]]:
        """What waits, in the same order."""
        for key, (one, run) in sorted(self.waiting.items()):
            what = one.item
            yield run, key, *what.version, what.digest, what.source, what.kind, one.value


class Heard:
    """Which keys may have been heard of: of all others it is certain that they were not. Its size is fixed.

    Keys are hashes, of which some bits are a place.
    """

    def __init__(self) -> None:
        self._there = bytearray(_SLOTS)

    def add(self, keys: Sequence[bytes]) -> None:
        """These have been heard of."""
        there = self._there
        for place in _places(keys):
            there[place] = 1

    def those(self, keys: Iterable[bytes]) -> list[bytes]:
        """Which of these may have been."""
        some, there = list(keys), self._there
        return [key for key, place in zip(some, _places(some), strict=True) if there[place]]


def _places(keys: Sequence[bytes]) -> list[int]:
    return [half & (_SLOTS - 1) for half in unpack(f"<{2 * len(keys)}Q", b"".join(keys))[::2]]
