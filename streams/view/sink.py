"""Where the view goes: Redis, which can be lost at any time."""

import uuid
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from itertools import chain
from typing import Any, NamedTuple, Protocol

from redis.exceptions import NoScriptError, RedisError

from metrics.redis_client import Memory, connect, read_memory
from metrics.view import BROKEN_HASHES, Keys, encode_any, parse_name
from streams.errors import SinkError
from streams.state.cells import Where
from streams.view.portions import ALL, DROP, SOME, Changes, Fields, entries, script_calls

TTL_SECONDS = 7 * 86_400
"""Of a hash that its owners no longer refresh."""
_CHANGES_KEPT = 10_000
_CHANGES_BYTES = 64 << 20
"""Of the stream of changes, about."""
_PIPELINE_BYTES = 8 << 20
"""Of calls sent before an answer is read."""
_HASHES = 100
_WRITE = files("streams.view").joinpath("write_parts.lua").read_text()
_LISTS = files("streams.view").joinpath("list_fences.lua").read_text()

Held = dict[Where, set[bytes]]
"""Fields of one partition by bucket."""


Beats = dict[int, bytes]
"""Heartbeats by partition, as they lie there."""

Before = dict[str, dict[bytes, bytes]]
"""What was there before a write, by hash: fields and their values."""


class Check(NamedTuple):
    """How many hashes of cells a manifest counts, and those that are not as it says.

    lists: as of which fences who waits and what nobody answered are there, as digits; b"" for what is not.
    """

    hashes: int
    broken: list[Where]
    lists: tuple[bytes, bytes]


class Sink(Protocol):
    """The merged view of all partitions. Every method raises SinkError when it cannot be reached or is full."""

    async def write(
        self,
        hashes: Mapping[str, Fields],
        *,
        quiet: Sequence[str] = (),
        whole: Container[str] = (),
        gone: Container[str] = (),
    ) -> Before:
        """Write fields, each unless a greater fence is there, and announce them, but those of the `quiet` hashes.

        whole: of these hashes of cells every part is among the fields. gone: these are dropped. Returns what was there
        before of the `quiet` hashes' fields, at the moment of writing: whoever marks a view in them knows it again.
        """

    async def generation(self) -> str:
        """A name that changes when the view lost what it held, or somebody asks for all of it."""

    async def beats(self, partitions: Collection[int]) -> Beats:
        """The heartbeats of these partitions, as they are there."""

    async def check(self, partition: int) -> Check:
        """Whether all that was written of a partition's cells is there."""

    async def forget(self, partition: int) -> None:
        """Take away all that one partition has shown, whatever its fence."""

    async def uncount(self, partition: int) -> None:
        """Take away the manifest of a partition: all of it is about to be written again."""

    async def held(self, partitions: Collection[int]) -> dict[int, Held]:
        """What parts of these partitions there are, empty ones too."""

    async def size(self, key: str) -> int:
        """How many fields a hash has."""

    async def fields(self, key: str) -> Collection[bytes]:
        """Their names; none of what is no hash."""

    async def refresh(self, keys: Sequence[str]) -> None:
        """Keep hashes that do not change from expiring."""

    async def memory(self) -> Memory:
        """What Redis does when its memory is full."""


class RedisSink:
    """The view in Redis: a pipeline per write, so a slow network costs one round trip."""

    def __init__(self, url: str, app_id: str) -> None:
        self._keys = Keys(app_id)
        self._redis = connect(url, connections=4)
        self._shas: dict[str, str] = {}

    async def write(
        self,
        hashes: Mapping[str, Fields],
        *,
        quiet: Sequence[str] = (),
        whole: Container[str] = (),
        gone: Container[str] = (),
    ) -> Before:
        """One pipeline: a script call for all hashes, then one entry of the stream of changes."""
        with _explained():
            try:
                return await self._write(hashes, quiet, whole, gone)
            except NoScriptError:
                self._shas.clear()
                return await self._write(hashes, quiet, whole, gone)

    async def _write(
        self, hashes: Mapping[str, Fields], quiet: Sequence[str], whole: Container[str], gone: Container[str]
    ) -> Before:
        sha = await self._sha(_WRITE)
        marks = [(key, list(hashes[key])) for key in quiet if hashes.get(key)]
        # Heartbeats last: all is there, and named, that they stand for (`metrics.exporter.held.fences`).
        hashes = dict(sorted(hashes.items(), key=lambda item: item[0] in quiet))
        modes = {key: DROP if key in gone else ALL if key in whole else SOME for key in hashes}
        calls = list(script_calls(hashes, modes))
        # More than one call, and naming what was written, is still one round for who reads meanwhile.
        pipeline, held = self._redis.pipeline(transaction=True), 0
        for key, names in marks:
            pipeline.hmget(key, names)
        before: list[list[bytes | None]] = []
        for slices in calls:
            plan = [(len(pieces) // 2, *self._keys.counted(key), mode) for key, mode, pieces in slices]
            pieces = list(chain.from_iterable(some for _, _, some in slices))
            size = sum(map(len, pieces))
            if held and held + size > _PIPELINE_BYTES:
                done = await pipeline.execute()
                before = before or done[: len(marks)]
                held = 0
            held += size
            lengths, keys = encode_any(list(map(len, pieces))), [key for key, _, _ in slices]
            pipeline.evalsha(sha, len(keys), *keys, TTL_SECONDS, encode_any(plan), lengths, b"".join(pieces))
        if changes := [(key, list(fields)) for key, fields in hashes.items() if fields and key not in quiet]:
            self._announce(pipeline, changes)
        done = await pipeline.execute()
        found = zip(marks, before or done[: len(marks)], strict=True)
        return {
            key: {name: value for name, value in zip(names, values, strict=True) if value is not None}
            for (key, names), values in found
        }

    def _announce(self, pipeline: Any, changes: Changes) -> None:
        """Name what was written in the stream: it is bounded in bytes, too, whatever sizes its entries have."""
        for entry in entries(changes):
            kept = min(_CHANGES_KEPT, _CHANGES_BYTES // len(entry))
            pipeline.xadd(self._keys.changes, {"b": entry}, maxlen=kept, approximate=True)

    async def _sha(self, script: str) -> str:
        if script not in self._shas:
            self._shas[script] = await self._redis.script_load(script)
        return self._shas[script]

    async def generation(self) -> str:
        """The name in Redis, and what was asked last; a new name is put there when none is."""
        with _explained():
            found, asked = await self._redis.mget(self._keys.generation, self._keys.asked)
            if found is None:
                await self._redis.set(self._keys.generation, uuid.uuid4().hex, nx=True)
                found = await self._redis.get(self._keys.generation)
        return b" ".join(name or b"" for name in (found, asked)).decode()

    async def beats(self, partitions: Collection[int]) -> Beats:
        """HMGET."""
        numbers = list(partitions)
        with _explained():
            found = await self._redis.hmget(self._keys.partitions, numbers) if numbers else []
        return {number: value for number, value in zip(numbers, found, strict=True) if value is not None}

    async def check(self, partition: int) -> Check:
        """A script that compares the manifest with the sizes of hashes."""
        with _explained():
            try:
                return await self._check(partition)
            except NoScriptError:
                self._shas.clear()
                return await self._check(partition)

    async def _check(self, partition: int) -> Check:
        broken_hashes, list_fences = await self._sha(BROKEN_HASHES), await self._sha(_LISTS)
        keys = self._keys
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.evalsha(broken_hashes, 1, keys.manifest(partition), *keys.around(partition))
        pipeline.evalsha(list_fences, 2, keys.waiting, keys.unanswered, str(partition))
        (hashes, *broken), (waiting, unanswered) = await pipeline.execute()
        return Check(hashes, [parse_name(name.decode()) for name in broken], (waiting, unanswered))

    async def forget(self, partition: int) -> None:
        """Look through the names of all hashes of cells."""
        keys, number = self._keys, str(partition).encode()
        with _explained():
            await self._redis.hdel(keys.partitions, number)
            await self._redis.hdel(keys.waiting, number)
            await self._redis.hdel(keys.unanswered, number)
            await self._redis.delete(keys.manifest(partition))
            for key in await self._hashes({partition}):
                gone = await self._redis.hkeys(key)
                pipeline = self._redis.pipeline(transaction=False)
                pipeline.delete(key)
                self._announce(pipeline, [(key, gone)])
                await pipeline.execute()

    async def uncount(self, partition: int) -> None:
        """DEL."""
        with _explained():
            await self._redis.delete(self._keys.manifest(partition))

    async def held(self, partitions: Collection[int]) -> dict[int, Held]:
        """Look through the fields of these partitions' hashes, some at a time."""
        found: dict[int, Held] = {number: {} for number in partitions}
        with _explained():
            keys = await self._hashes(partitions)
            for begin in range(0, len(keys), _HASHES):
                some = keys[begin : begin + _HASHES]
                pipeline = self._redis.pipeline(transaction=False)
                for key in some:
                    pipeline.hkeys(key)
                for key, fields in zip(some, await pipeline.execute(raise_on_error=False), strict=True):
                    if isinstance(fields, list):  # what is of another type holds no parts
                        sort_fields(self._keys.place(key), fields, found)
        return found

    async def _hashes(self, partitions: Container[int]) -> list[str]:
        names = [raw.decode() async for raw in self._redis.scan_iter(match=self._keys.all_cells, count=1000)]
        return [name for name in names if (place := self._keys.place(name)) is not None and place[2] in partitions]

    async def size(self, key: str) -> int:
        """HLEN."""
        with _explained():
            return int(await self._redis.hlen(key))

    async def fields(self, key: str) -> Collection[bytes]:
        """HKEYS."""
        with _explained():
            found = await self._redis.hkeys(key) if await self._redis.type(key) == b"hash" else []
        return list(found)

    async def memory(self) -> Memory:
        """From INFO, which is allowed where CONFIG is not."""
        with _explained():
            return read_memory(await self._redis.info("memory"))

    async def refresh(self, keys: Sequence[str]) -> None:
        """EXPIRE each of them again."""
        with _explained():
            pipeline = self._redis.pipeline(transaction=False)
            for key in keys:
                pipeline.expire(key, TTL_SECONDS)
            await pipeline.execute()

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def sort_fields(place: tuple[str, int, int] | None, fields: Iterable[bytes], found: dict[int, Held]) -> None:
    """Put the fields of one hash where its partition is asked for."""
    if place is not None and (held := found.get(place[2])) is not None:
        held.setdefault(place[:2], set()).update(fields)


@contextmanager
def _explained() -> Iterator[None]:
    """What Redis does not do is a SinkError."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise SinkError(f"{type(error).__name__}: {error}") from error
