"""Where the view goes in tests: dicts that behave as Redis does."""

import uuid
from collections.abc import Collection, Container, Mapping, Sequence

from metrics.redis_client import Memory
from metrics.view import FENCE_DIGITS, Keys, parse_name
from streams.errors import SinkError
from streams.view.portions import Fields
from streams.view.sink import Beats, Before, Check, Held, sort_fields


class InMemorySink:
    """Dicts that behave as the script does. `lose()` forgets everything, `broken` makes every call fail."""

    def __init__(self, app_id: str = "test") -> None:
        self.keys = Keys(app_id)
        self.hashes: dict[str, dict[bytes, bytes]] = {}
        self.changes: list[list[tuple[str, list[bytes]]]] = []
        self.manifests: dict[str, dict[str, int]] = {}
        self.refreshed: set[str] = set()
        self.broken = False
        self._generation = uuid.uuid4().hex

    def lose(self) -> None:
        """Forget everything, as FLUSHALL."""
        self.hashes.clear()
        self.manifests.clear()
        self._generation = uuid.uuid4().hex

    def _answer(self) -> None:
        if self.broken:
            raise SinkError("broken")

    async def write(
        self,
        hashes: Mapping[str, Fields],
        *,
        quiet: Sequence[str] = (),
        whole: Container[str] = (),
        gone: Container[str] = (),
    ) -> Before:
        """Keep what has the greater fence."""
        self._answer()
        before = {
            key: {name: held[name] for name in hashes[key] if name in held}
            for key in quiet
            if key in hashes
            for held in (self.hashes.get(key, {}),)
        }
        for key, fields in hashes.items():
            size = len(self.hashes.get(key, {}))
            stored = self.hashes.setdefault(key, {})
            for field, value in fields.items():
                if stored.get(field, b"")[:16] <= value[:16]:
                    if len(value) > 16:
                        stored[field] = value
                    else:
                        stored.pop(field, None)
            manifest, name = self.keys.counted(key)
            counted = self.manifests.setdefault(manifest, {}) if manifest else {}
            if key in gone:
                del self.hashes[key]
                counted.pop(name, None)
            else:
                counted[name] = len(stored) if key in whole or counted.get(name) == size else -1
        if changes := [(key, list(fields)) for key, fields in hashes.items() if fields and key not in quiet]:
            self.changes.append(changes)
        return before

    async def generation(self) -> str:
        """Another one after `lose`."""
        self._answer()
        return self._generation

    async def beats(self, partitions: Collection[int]) -> Beats:
        """Those that are there."""
        self._answer()
        held = self.hashes.get(self.keys.partitions, {})
        return {number: held[name] for number in partitions if (name := str(number).encode()) in held}

    async def check(self, partition: int) -> Check:
        """As the script does."""
        self._answer()
        counted, (before, behind) = self.manifests.get(self.keys.manifest(partition), {}), self.keys.around(partition)
        sizes = {name: len(self.hashes.get(before + name + behind, {})) for name in counted}
        broken = [parse_name(name) for name, size in counted.items() if sizes[name] != size]
        name = str(partition).encode()
        waiting, unanswered = (
            self.hashes.get(key, {}).get(name, b"")[:FENCE_DIGITS] for key in (self.keys.waiting, self.keys.unanswered)
        )
        return Check(len(counted), broken, (waiting, unanswered))

    async def forget(self, partition: int) -> None:
        """Take away a partition's hashes and fields."""
        self._answer()
        self.manifests.pop(self.keys.manifest(partition), None)
        for key in (self.keys.partitions, self.keys.waiting, self.keys.unanswered):
            self.hashes.get(key, {}).pop(str(partition).encode(), None)
        for key in [key for key in self.hashes if (place := self.keys.place(key)) and place[2] == partition]:
            del self.hashes[key]

    async def uncount(self, partition: int) -> None:
        """Drop its manifest."""
        self._answer()
        self.manifests.pop(self.keys.manifest(partition), None)

    async def held(self, partitions: Collection[int]) -> dict[int, Held]:
        """Look through everything."""
        self._answer()
        found: dict[int, Held] = {number: {} for number in partitions}
        for key, stored in self.hashes.items():
            sort_fields(self.keys.place(key), stored, found)
        return found

    async def size(self, key: str) -> int:
        """Of a dict."""
        self._answer()
        return len(self.hashes.get(key, {}))

    async def fields(self, key: str) -> Collection[bytes]:
        """Of a dict."""
        self._answer()
        return list(self.hashes.get(key, {}))

    async def refresh(self, keys: Sequence[str]) -> None:
        """Remember them: nothing expires in memory."""
        self._answer()
        self.refreshed = set(keys)

    async def memory(self) -> Memory:
        """Without a limit."""
        self._answer()
        return Memory("noeviction", 0)

    async def close(self) -> None:
        """Nothing to do."""
