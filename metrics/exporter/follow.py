"""Keeps the board in step with Redis: loads the view, follows what changes, starts over when Redis lost it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError

from metrics import view
from metrics.errors import ViewError
from metrics.exporter.board import Board
from metrics.exporter.parts import Bucket

log = structlog.get_logger(__name__)
_BLOCK_MS = 1000
_AT_ONCE = 500
_RETRY_SECONDS = 0.5
_PAGE = 2000


class Follower:
    """One connection that follows the view for ever. `changed` is set whenever the board moved."""

    def __init__(
        self, board: Board, client: "redis.Redis", app_id: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._board = board
        # redis-py types answers as text or bytes; ours are bytes (decode_responses is off).
        self._redis: Any = client
        self._keys = view.Keys(app_id)
        self._clock = clock
        self._generation: bytes | None = None
        self._position = b"0-0"
        self._last_problem = ""
        self.heartbeats: dict[int, dict[str, Any]] = {}
        self.loaded = False
        self.connected = False
        self.changed = asyncio.Event()
        self.version = 0

    def age(self) -> float | None:
        """Seconds since the owner of the most silent partition reported; None before the first report."""
        if not self.heartbeats:
            return None
        oldest: int = min(beat["at"] for beat in self.heartbeats.values())
        return max(0.0, self._clock() - oldest / 1000)

    def missing(self) -> list[int]:
        """Partitions that nobody has reported for yet."""
        count = max((int(beat.get("count", 0)) for beat in self.heartbeats.values()), default=0)
        return [number for number in range(count) if number not in self.heartbeats]

    async def run(self) -> None:
        """Follow until cancelled; whatever Redis does, try again."""
        while True:
            try:
                await self._follow()
            except (RedisError, OSError, TimeoutError) as error:
                self._problem(f"Redis does not answer ({type(error).__name__}: {error}); trying again")
            except ViewError as error:
                self._problem(f"{error}; loading the view anew")
                self.loaded = False
            await asyncio.sleep(_RETRY_SECONDS)

    def _problem(self, line: str) -> None:
        if self.connected or line != self._last_problem:
            log.warning(line)
        self._last_problem = line
        self.connected = False

    async def _follow(self) -> None:
        while True:
            generation = await self._redis.get(self._keys.generation)
            if not self.loaded or generation != self._generation or await self._trimmed():
                await self._load()
            self.connected = True
            self._heartbeats(await self._redis.hgetall(self._keys.partitions))
            entries = await self._redis.xread({self._keys.changes: self._position}, count=_AT_ONCE, block=_BLOCK_MS)
            if entries:
                await self._apply(entries)

    async def _trimmed(self) -> bool:
        """Whether entries that we have not seen may be gone."""
        first = await self._redis.xrange(self._keys.changes, count=1)
        if not first:
            return self._position != b"0-0"
        return self._position != b"0-0" and _stamp(first[0][0]) > _stamp(self._position)

    async def _load(self) -> None:
        generation = await self._redis.get(self._keys.generation)
        last = await self._redis.xrevrange(self._keys.changes, count=1)
        self._position = last[0][0] if last else b"0-0"
        self._board.clear()
        buckets = 0
        async for key in self._redis.scan_iter(match=_literal(self._keys.cells("", 0)[:-2]) + "*", count=_PAGE):
            bucket = self._keys.bucket(key.decode())
            if bucket is not None:
                self._cells(bucket, await self._redis.hgetall(key))
                buckets += 1
        for raw, value in (await self._redis.hgetall(self._keys.waiting)).items():
            self._waiting(raw, value)
        self._reference(await self._redis.hgetall(self._keys.reference))
        self._heartbeats(await self._redis.hgetall(self._keys.partitions))
        self._generation, self.loaded = generation, True
        self._moved()
        log.info("the view is loaded", buckets=buckets, parts=self._board.parts.count)

    async def _apply(self, entries: list[Any]) -> None:
        wanted: dict[str, set[bytes]] = {}
        for _, messages in entries:
            for identifier, fields in messages:
                self._position = identifier
                for key, changed in view.decode_any(fields[b"b"]):
                    wanted.setdefault(key, set()).update(changed)
        async with self._redis.pipeline(transaction=False) as pipe:
            names = [(key, sorted(fields)) for key, fields in wanted.items() if fields]
            for key, fields in names:
                pipe.hmget(key, fields)
            for (key, fields), values in zip(names, await pipe.execute(), strict=True):
                self._changed(key, dict(zip(fields, values, strict=True)))
        self._moved()

    def _changed(self, key: str, values: dict[bytes, bytes | None]) -> None:
        bucket = self._keys.bucket(key)
        if bucket is not None:
            self._cells(bucket, values)
        elif key == self._keys.waiting:
            for raw, value in values.items():
                self._waiting(raw, value)
        elif key == self._keys.reference:
            self._reference(values)
        elif key == self._keys.partitions:
            self._heartbeats({raw: value for raw, value in values.items() if value is not None})

    def _cells(self, bucket: Bucket, values: dict[bytes, bytes | None]) -> None:
        for raw, value in values.items():
            part = {} if value is None else view.decode_part(view.split(value)[1])
            self._board.put(bucket, view.parse_field(raw), part)

    def _waiting(self, raw: bytes, value: bytes | None) -> None:
        self._board.put_waiting(int(raw), [] if value is None else view.decode_waiting(view.split(value)[1]))

    def _reference(self, values: dict[bytes, bytes | None]) -> None:
        if values:
            self._board.put_reference(
                {
                    raw.decode(): None if value is None else view.decode_any(view.split(value)[1]) or None
                    for raw, value in values.items()
                }
            )

    def _heartbeats(self, values: dict[bytes, bytes]) -> None:
        for raw, value in values.items():
            self.heartbeats[int(raw)] = view.decode_any(view.split(value)[1])

    def _moved(self) -> None:
        self.version += 1
        self.changed.set()


def _stamp(identifier: bytes) -> tuple[int, int]:
    first, _, second = identifier.partition(b"-")
    return int(first), int(second)


def _literal(text: str) -> str:
    """A Redis pattern that matches exactly this text."""
    return "".join(f"\\{c}" if c in "*?[]\\^" else c for c in text)
