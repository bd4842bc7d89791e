"""A view as workers write it, for tests of those who read it: a round at once, with heartbeats of what there is."""

import time
from collections.abc import Mapping
from typing import Any

from metrics.view import VERSION, Keys, encode_any, encode_waiting, fenced
from streams.view.sink import RedisSink


class ViewWriter:
    """The owner of some partitions, as far as Redis sees it. `count`: how many partitions it says that there are."""

    def __init__(self, url: str, app_id: str, partitions: int = 1) -> None:
        self.keys = Keys(app_id)
        self.sink = RedisSink(url, app_id)
        self.partitions = partitions
        self.count = partitions
        self.fence = 0
        self.beat: dict[str, Any] = {}
        self._there: dict[int, set[str]] = {number: set() for number in range(partitions)}
        self._has_waiting = False

    async def write(self, hashes: Mapping[str, Mapping[bytes, bytes]] | None = None, **beat: Any) -> None:
        """Write fields, without their fences, and heartbeats that say besides what `beat` says, from now on."""
        self.fence += 1
        self.beat |= beat
        found = {
            key: {field: fenced(self.fence, value) for field, value in fields.items()}
            for key, fields in (hashes or {}).items()
        }
        whole = {key for key in found if (place := self.keys.place(key)) and key not in self._there[place[2]]}
        for key in whole:
            self._there[int(key.rpartition(":")[2])].add(key)
        numbers = [str(number).encode() for number in range(self.partitions)]
        if not self._has_waiting:
            for key in (self.keys.waiting, self.keys.unanswered):
                found[key] = dict.fromkeys(numbers, fenced(0, encode_waiting([]))) | found.get(key, {})
            self._has_waiting = True
        found[self.keys.partitions] = {name: fenced(self.fence, encode_any(self._beat(int(name)))) for name in numbers}
        await self.sink.write(found, quiet=[self.keys.partitions], whole=whole)

    def _beat(self, number: int) -> dict[str, Any]:
        now = int(time.time() * 1000)
        known = {"at": now, "contact": now, "time": 0, "count": self.count, "worker": "test", "version": VERSION}
        return {**known, "hashes": len(self._there[number]), **self.beat}

    def lost(self) -> None:
        """Redis has nothing any more."""
        self._there = {number: set() for number in range(self.partitions)}
        self._has_waiting = False

    async def close(self) -> None:
        await self.sink.close()
