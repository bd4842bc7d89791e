"""Keeps the board in step with Redis: loads the view, follows what changes, starts over when Redis lost it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError, ResponseError

from metrics import view
from metrics.errors import ViewError
from metrics.exporter.board import Board
from metrics.exporter.pace import Pace
from metrics.exporter.parts import Bucket

log = structlog.get_logger(__name__)
_BLOCK_SECONDS = 1.0
_NAP_SECONDS = 0.25
_ENTRIES = 1000
_FIELDS = 2000
_RETRY_SECONDS = 0.5
_CATCH_UP_SECONDS = 2.0
_CHECK_SECONDS = 1.0
_PAGE = 2000
_HOUR = 3600
_EMPTY = (b"0-0", 0)
_RENDER_AT_ONCE = 50
_LONG_TURN_SECONDS = 0.1


class Follower:
    """One connection that follows the view for ever. `version` grows whenever the board moved."""

    def __init__(
        self, board: Board, client: "redis.Redis", app_id: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._board = board
        # redis-py types answers as text or bytes; ours are bytes (decode_responses is off).
        self._redis: Any = client
        self._keys = view.Keys(app_id)
        self._clock = clock
        self._generation: bytes | None = None
        self._position, self._entries = _EMPTY
        self._wanted: dict[str, set[bytes]] = {}
        self._hours: dict[str, set[bytes]] = {}
        self._lock = asyncio.Lock()
        self._last_problem = ""
        self._turned = asyncio.Event()
        self._turned.set()
        self._turn_seconds = 0.0
        self.pace = Pace()
        self.packing = False
        """Whether to compress ahead of whoever looks next."""
        self.heartbeats: dict[int, dict[str, Any]] = {}
        self.loaded = False
        self.connected = False
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

    def uncounted(self) -> int:
        """Events that workers are still to count before numbers are those of the whole log."""
        return sum(int(beat.get("left", 0)) for beat in self.heartbeats.values())

    def is_turning(self) -> bool:
        """Whether windows do not follow the clock yet, where that takes long."""
        turning = not self._turned.is_set() or self._board.is_behind(self._clock())
        return turning and self._turn_seconds > _LONG_TURN_SECONDS

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

    async def catch_up(self, *, hours: bool = False) -> None:
        """Let the board have all that is in Redis now, for somebody who looks. hours: the running hour's cells too."""
        await self._turned.wait()
        if self.loaded and (self._is_old(hours=hours) or self._board.is_behind(self._clock())):
            try:
                async with asyncio.timeout(_CATCH_UP_SECONDS), self._lock:
                    await self._turn()
                    if self._is_old(hours=hours):
                        await self._read(None)
                        await self._work(hours=hours)
            except (RedisError, OSError, TimeoutError, ViewError) as error:
                log.warning("the last changes could not be fetched", error=str(error) or type(error).__name__)
            # Whoever waited in vain must not see windows half turned.
            await self._turned.wait()

    def _is_old(self, *, hours: bool) -> bool:
        """Whether what the board has is to be fetched again for who looks."""
        return self.connected and (hours or not self.pace.is_fresh(time.monotonic()))

    def _problem(self, line: str) -> None:
        if self.connected or line != self._last_problem:
            log.warning(line)
        self._last_problem = line
        self.connected = False

    async def _follow(self) -> None:
        checked = -_CHECK_SECONDS
        while True:
            if time.monotonic() - checked >= _CHECK_SECONDS:
                generation = await self._redis.get(self._keys.generation)
                if not self.loaded or generation != self._generation or await self._missed():
                    async with self._lock:
                        await self._load()
                self.connected = True
                self._heartbeats(await self._redis.hgetall(self._keys.partitions))
                checked = time.monotonic()
            if self._board.is_behind(self._clock()):
                async with self._lock:
                    await self._turn()
            if self._wanted:
                await asyncio.sleep(min(max(self.pace.due() - time.monotonic(), 0), _NAP_SECONDS))
                await self._read(None)
            else:
                await self._read(min(_BLOCK_SECONDS, 60.001 - self._clock() % 60))
            if self._wanted and time.monotonic() >= self.pace.due():
                began = time.monotonic()
                # Who looks meanwhile waits for this, and does not do it again.
                async with self._lock:
                    await self._work()
                    await self._turn()
                    await self._render()
                    self.pace.worked(began, time.monotonic())

    async def _read(self, block: float | None) -> None:
        """Take note of what changed since the last entry read; wait for some at most so many seconds."""
        milliseconds = None if block is None else int(block * 1000)
        self._note(await self._redis.xread({self._keys.changes: self._position}, count=_ENTRIES, block=milliseconds))

    def _note(self, entries: Any) -> None:
        for _, messages in entries or ():
            for identifier, fields in messages:
                # Who catches up reads beside the one who waits: what both have seen counts once.
                if _stamp(identifier) > _stamp(self._position):
                    self._position = identifier
                    self._entries += 1
                    for key, changed in view.decode_any(fields[b"b"]):
                        self._wanted.setdefault(key, set()).update(changed)

    async def _stream(self) -> tuple[bytes, int]:
        """Last entry of the stream of changes, and how many it ever had."""
        try:
            return _summary(await self._redis.xinfo_stream(self._keys.changes))
        except ResponseError:
            return _EMPTY  # no such stream yet

    async def _missed(self) -> bool:
        """Whether entries were trimmed before they were read: more were added than we have seen up to the last."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.xread({self._keys.changes: self._position}, count=_ENTRIES)
        pipe.xinfo_stream(self._keys.changes)
        entries, about = await pipe.execute(raise_on_error=False)
        if isinstance(entries, Exception):
            raise entries
        self._note(entries)
        last, added = _EMPTY if isinstance(about, ResponseError) else _summary(about)
        return _stamp(last) <= _stamp(self._position) and added != self._entries

    async def _load(self) -> None:
        """Read everything into a board aside, giving way often: a large view takes its time, and health is asked."""
        self.loaded = False
        generation = await self._redis.get(self._keys.generation)
        self._position, self._entries = await self._stream()
        self._wanted.clear()
        self._hours.clear()
        self.heartbeats.clear()
        self._board.clear()
        board, buckets = Board(self._board.settings), 0
        async for key in self._redis.scan_iter(match=_literal(self._keys.cells("", 0)[:-2]) + "*", count=_PAGE):
            bucket = self._keys.bucket(key.decode())
            if bucket is not None:
                _cells(board, bucket, await self._redis.hgetall(key))
                buckets += 1
        for raw, value in (await self._redis.hgetall(self._keys.waiting)).items():
            _waiting(board, raw, value)
        _reference(board, await self._redis.hgetall(self._keys.reference))
        now = self._clock()
        for _ in board.aggregates.moving(int(now)):
            await asyncio.sleep(0)
        while not board.refresh(now, most=_RENDER_AT_ONCE):  # noqa: ASYNC110 - gives way, waits for nothing
            await asyncio.sleep(0)
        self._board.take_over(board)
        self._heartbeats(await self._redis.hgetall(self._keys.partitions))
        self._generation, self.loaded = generation, True
        self.version += 1
        log.info("the view is loaded", buckets=buckets, parts=board.parts.count)

    async def _work(self, *, hours: bool = False) -> None:
        """Fetch what changed. The running hour's cells can wait: no window holds them before tomorrow."""
        wanted, self._wanted = self._wanted, {}
        running = int(self._clock()) - 2 * _HOUR
        for key in [key for key in wanted if _hour(self._keys, key) > running]:
            self._hours.setdefault(key, set()).update(wanted.pop(key))
        for key in [key for key in self._hours if hours or _hour(self._keys, key) <= running]:
            wanted.setdefault(key, set()).update(self._hours.pop(key))
        if not wanted:
            return
        try:
            for pages in _pages(wanted):
                pipe = self._redis.pipeline(transaction=False)
                for key, fields in pages:
                    pipe.hmget(key, fields)
                values = await pipe.execute()
                for (key, fields), found in zip(pages, values, strict=True):
                    self._changed(key, dict(zip(fields, found, strict=True)))
        except BaseException:
            for key, missed in wanted.items():
                self._wanted.setdefault(key, set()).update(missed)
            raise
        self.version += 1

    async def _render(self) -> None:
        """Render, and compress, ahead of whoever looks next, without keeping others waiting."""
        # By one moment: a minute that turns meanwhile has a turn of its own.
        now = self._clock()
        while not self._board.refresh(now, most=_RENDER_AT_ONCE):  # noqa: ASYNC110 - gives way, waits for nothing
            await asyncio.sleep(0)
        if self.packing:
            for _ in self._board.packing():
                await asyncio.sleep(0)

    async def _turn(self) -> None:
        """Let windows follow the clock, step by step; until they do, who looks waits, or takes what was rendered."""
        now, began = self._clock(), time.monotonic()
        if not self._board.is_behind(now):
            return
        self._turned.clear()
        self._board.hold()
        steps = self._board.aggregates.moving(int(now))
        try:
            for _ in steps:
                await asyncio.sleep(0)
            await self._render()
        finally:
            # Half a turn would be wrong for ever.
            for _ in steps:
                pass
            self._board.let_go()
            self._turned.set()
        self._turn_seconds = time.monotonic() - began

    def _changed(self, key: str, values: dict[bytes, bytes | None]) -> None:
        bucket = self._keys.bucket(key)
        if bucket is not None:
            _cells(self._board, bucket, values)
        elif key == self._keys.waiting:
            for raw, value in values.items():
                _waiting(self._board, raw, value)
        elif key == self._keys.reference:
            _reference(self._board, values)
        elif key == self._keys.partitions:
            self._heartbeats({raw: value for raw, value in values.items() if value is not None})

    def _heartbeats(self, values: dict[bytes, bytes]) -> None:
        for raw, value in values.items():
            self.heartbeats[int(raw)] = view.decode_any(view.split(value)[1])


def _cells(board: Board, bucket: Bucket, values: dict[bytes, bytes | None]) -> None:
    split, decode, parse = view.split, view.decode_part, view.parse_field
    board.put(bucket, {parse(raw): {} if value is None else decode(split(value)[1]) for raw, value in values.items()})


def _waiting(board: Board, raw: bytes, value: bytes | None) -> None:
    board.put_waiting(int(raw), [] if value is None else view.decode_waiting(view.split(value)[1]))


def _reference(board: Board, values: dict[bytes, bytes | None]) -> None:
    if values:
        board.put_reference(
            {
                raw.decode(): None if value is None else view.decode_any(view.split(value)[1]) or None
                for raw, value in values.items()
            }
        )


def _hour(keys: view.Keys, key: str) -> int:
    """Unix second at which an hour cell starts; 0 for any other key."""
    bucket = keys.bucket(key)
    return bucket[1] if bucket is not None and bucket[0] == "h" else 0


def _pages(wanted: dict[str, set[bytes]]) -> list[list[tuple[str, list[bytes]]]]:
    """Requests, so many fields at once that neither side stalls."""
    found: list[list[tuple[str, list[bytes]]]] = [[]]
    room = _FIELDS
    for key, fields in wanted.items():
        # Behind the partition, their second byte: so a credit's parts of several partitions come together.
        ordered = sorted(fields, key=lambda field: field[2:])
        while ordered:
            found[-1].append((key, ordered[:room]))
            ordered, room = ordered[room:], room - len(ordered[:room])
            if not room:
                found.append([])
                room = _FIELDS
    return [page for page in found if page]


def _summary(about: dict[str, Any]) -> tuple[bytes, int]:
    return about["last-generated-id"], int(about["entries-added"])


def _stamp(identifier: bytes) -> tuple[int, int]:
    first, _, second = identifier.partition(b"-")
    return int(first), int(second)


def _literal(text: str) -> str:
    """A Redis pattern that matches exactly this text."""
    return "".join(f"\\{c}" if c in "*?[]\\^" else c for c in text)
