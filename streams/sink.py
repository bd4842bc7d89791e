"""Where the view goes: Redis, which can be lost at any time, and the same in memory for tests."""

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, Protocol

from redis.exceptions import NoScriptError, RedisError

from metrics.redis_client import connect
from metrics.view import Keys, decode_any, encode_any, parse_field, split
from streams.errors import SinkError

TTL_SECONDS = 7 * 86_400
"""Of a hash that its owners no longer refresh."""
_CHANGES_KEPT = 10_000
_CHANGES_BYTES = 64 << 20
"""Of the stream of changes, about."""
_CALL_BYTES, _PIPELINE_BYTES, _ENTRY_BYTES = 1 << 20, 8 << 20, 256 << 10
"""Of a script call, in which Redis does nothing else; of calls sent before an answer is read; of a stream's entry."""
_HASHES = 100
_SCRIPT = files("streams").joinpath("write_parts.lua").read_text()

Fields = Mapping[bytes, bytes]
"""Field of a hash → its fence and payload (`metrics.view.fenced`); a fence alone takes the field away."""

Changes = list[tuple[str, list[bytes]]]
"""What was written: (hash, its fields)."""

Held = dict[tuple[str, int], set[bytes]]
"""Fields of one partition by (kind, bucket)."""


class Sink(Protocol):
    """The merged view of all partitions. Every method raises SinkError when it cannot be reached or is full."""

    async def write(self, hashes: Mapping[str, Fields], *, quiet: Sequence[str] = ()) -> None:
        """Write fields, each unless a greater fence is there, and announce them, but those of the `quiet` hashes."""

    async def generation(self) -> str:
        """A name that changes when the view lost what it held."""

    async def logs(self, partitions: Collection[int]) -> dict[int, str]:
        """The id of the log that each of these partitions was last shown of, where one is known."""

    async def forget(self, partition: int) -> None:
        """Take away all that one partition has shown, whatever its fence."""

    async def held(self, partitions: Collection[int]) -> dict[int, Held]:
        """What parts of these partitions there are, empty ones too."""

    async def refresh(self, keys: Sequence[str]) -> None:
        """Keep hashes that do not change from expiring."""

    async def close(self) -> None:
        """Let go of connections."""


class RedisSink:
    """The view in Redis: a pipeline per write, so a slow network costs one round trip."""

    def __init__(self, url: str, app_id: str) -> None:
        self._keys = Keys(app_id)
        self._redis = connect(url, connections=4)
        self._sha = ""

    async def write(self, hashes: Mapping[str, Fields], *, quiet: Sequence[str] = ()) -> None:
        """One pipeline: a script call per hash, then one entry of the stream of changes."""
        try:
            try:
                await self._write(hashes, quiet)
            except NoScriptError:
                self._sha = ""
                await self._write(hashes, quiet)
        except (RedisError, OSError) as error:
            raise SinkError(_explain(error)) from error

    async def _write(self, hashes: Mapping[str, Fields], quiet: Sequence[str]) -> None:
        if not self._sha:
            self._sha = await self._redis.script_load(_SCRIPT)
        pipeline, held = self._redis.pipeline(transaction=False), 0
        for key, fields in hashes.items():
            for pieces, size in calls(fields):
                if held and held + size > _PIPELINE_BYTES:
                    await pipeline.execute()
                    held = 0
                held += size
                lengths = encode_any(list(map(len, pieces)))
                pipeline.evalsha(self._sha, 1, key, TTL_SECONDS, lengths, b"".join(pieces))
        if changes := [(key, list(fields)) for key, fields in hashes.items() if key not in quiet]:
            self._announce(pipeline, changes)
        await pipeline.execute()

    def _announce(self, pipeline: Any, changes: Changes) -> None:
        """Name what was written in the stream: it is bounded in bytes, too, whatever sizes its entries have."""
        for entry in entries(changes):
            kept = min(_CHANGES_KEPT, _CHANGES_BYTES // len(entry))
            pipeline.xadd(self._keys.changes, {"b": entry}, maxlen=kept, approximate=True)

    async def generation(self) -> str:
        """The name in Redis; a new one is put there when none is."""
        try:
            found = await self._redis.get(self._keys.generation)
            if found is None:
                await self._redis.set(self._keys.generation, uuid.uuid4().hex, nx=True)
                found = await self._redis.get(self._keys.generation)
        except (RedisError, OSError) as error:
            raise SinkError(_explain(error)) from error
        return str(found.decode()) if found else ""

    async def logs(self, partitions: Collection[int]) -> dict[int, str]:
        """From their heartbeats."""
        try:
            raw = await self._redis.hgetall(self._keys.partitions)
        except (RedisError, OSError) as error:
            raise SinkError(_explain(error)) from error
        return _logs(raw, partitions)

    async def forget(self, partition: int) -> None:
        """Look through every hash of cells. Slow, and needed only when a partition is counted anew."""
        try:
            number = str(partition).encode()
            await self._redis.hdel(self._keys.partitions, number)
            await self._redis.hdel(self._keys.waiting, number)
            async for raw in self._redis.scan_iter(match=f"{self._keys.cells('*', 0)[:-1]}*", count=1000):
                gone = [field for field in await self._redis.hkeys(raw) if parse_field(field).partition == partition]
                if gone:
                    pipeline = self._redis.pipeline(transaction=False)
                    pipeline.hdel(raw, *gone)
                    self._announce(pipeline, [(raw.decode(), gone)])
                    await pipeline.execute()
        except (RedisError, OSError) as error:
            raise SinkError(_explain(error)) from error

    async def held(self, partitions: Collection[int]) -> dict[int, Held]:
        """Look through the fields of every hash of cells, some hashes at a time."""
        found: dict[int, Held] = {number: {} for number in partitions}
        try:
            names = [raw async for raw in self._redis.scan_iter(match=f"{self._keys.cells('*', 0)[:-1]}*", count=1000)]
            for begin in range(0, len(names), _HASHES):
                some = names[begin : begin + _HASHES]
                pipeline = self._redis.pipeline(transaction=False)
                for raw in some:
                    pipeline.hkeys(raw)
                for raw, fields in zip(some, await pipeline.execute(), strict=True):
                    _sort(self._keys.bucket(raw.decode()), fields, found)
        except (RedisError, OSError) as error:
            raise SinkError(_explain(error)) from error
        return found

    async def refresh(self, keys: Sequence[str]) -> None:
        """EXPIRE each of them anew."""
        try:
            pipeline = self._redis.pipeline(transaction=False)
            for key in keys:
                pipeline.expire(key, TTL_SECONDS)
            await pipeline.execute()
        except (RedisError, OSError) as error:
            raise SinkError(_explain(error)) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


class InMemorySink:
    """Dicts that behave as the script does. `lose()` forgets everything, `broken` makes every call fail."""

    def __init__(self, app_id: str = "test") -> None:
        self._app_id = app_id
        self.hashes: dict[str, dict[bytes, bytes]] = {}
        self.changes: list[list[tuple[str, list[bytes]]]] = []
        self.broken = False
        self._generation = uuid.uuid4().hex

    def lose(self) -> None:
        """Forget everything, as FLUSHALL."""
        self.hashes.clear()
        self._generation = uuid.uuid4().hex

    def _check(self) -> None:
        if self.broken:
            raise SinkError("broken")

    async def write(self, hashes: Mapping[str, Fields], *, quiet: Sequence[str] = ()) -> None:
        """Keep what has the greater fence."""
        self._check()
        for key, fields in hashes.items():
            stored = self.hashes.setdefault(key, {})
            for field, value in fields.items():
                if stored.get(field, b"")[:16] <= value[:16]:
                    if len(value) > 16:
                        stored[field] = value
                    else:
                        stored.pop(field, None)
        if changes := [(key, list(fields)) for key, fields in hashes.items() if key not in quiet]:
            self.changes.append(changes)

    async def generation(self) -> str:
        """Another one after `lose`."""
        self._check()
        return self._generation

    async def logs(self, partitions: Collection[int]) -> dict[int, str]:
        """From their heartbeats."""
        self._check()
        return _logs(self.hashes.get(Keys(self._app_id).partitions, {}), partitions)

    async def forget(self, partition: int) -> None:
        """Take away a partition's fields."""
        self._check()
        keys, number = Keys(self._app_id), str(partition).encode()
        for key, stored in self.hashes.items():
            for name in list(stored):
                cell = keys.bucket(key) is not None and parse_field(name).partition == partition
                if cell or (key in (keys.partitions, keys.waiting) and name == number):
                    del stored[name]

    async def held(self, partitions: Collection[int]) -> dict[int, Held]:
        """Look through everything."""
        self._check()
        found: dict[int, Held] = {number: {} for number in partitions}
        for key, stored in self.hashes.items():
            _sort(Keys(self._app_id).bucket(key), stored, found)
        return found

    async def refresh(self, keys: Sequence[str]) -> None:  # noqa: ARG002 - nothing expires in memory
        """Nothing to do."""
        self._check()

    async def close(self) -> None:
        """Nothing to do."""


def calls(fields: Fields) -> Iterator[tuple[list[bytes], int]]:
    """Fields and values in turn, and their bytes: as much as goes into one script call, at least one field."""
    pieces: list[bytes] = []
    size = 0
    for field, value in fields.items():
        more = len(field) + len(value)
        if pieces and size + more > _CALL_BYTES:
            yield pieces, size
            pieces, size = [], 0
        pieces += field, value
        size += more
    if pieces:
        yield pieces, size


def entries(changes: Changes) -> Iterator[bytes]:
    """Changes as entries of the stream, each of a bounded size."""
    whole = encode_any(changes)
    if len(whole) <= _ENTRY_BYTES:
        yield whole
        return
    for key, fields in changes:
        some: list[bytes] = []
        size = 0
        for field in fields:
            if some and size + len(field) > _ENTRY_BYTES:
                yield encode_any([(key, some)])
                some, size = [], 0
            some.append(field)
            size += len(field)
        if some:
            yield encode_any([(key, some)])


def _sort(bucket: tuple[str, int] | None, fields: Iterable[bytes], found: dict[int, Held]) -> None:
    """Put the fields of one hash where their partitions are asked for."""
    if bucket is None:
        return
    for name in fields:
        if (held := found.get(parse_field(name).partition)) is not None:
            held.setdefault(bucket, set()).add(name)


def _logs(heartbeats: Fields, partitions: Collection[int]) -> dict[int, str]:
    wanted = {str(number).encode(): number for number in partitions}
    found = {wanted[name]: decode_any(split(value)[1]) for name, value in heartbeats.items() if name in wanted}
    return {number: beat["log"] for number, beat in found.items() if beat.get("log")}


def _explain(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
