"""Keeps the board in step with Redis: loads the view, follows what changes, starts over when Redis lost it.

A board that was loaded while Redis lacked something is not whole (`lacking`), and neither is one that could not fetch
a change. It is loaded again once Redis has everything; workers see by themselves what it lost, and are asked besides.
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

import redis.asyncio as redis
import structlog
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from metrics import view
from metrics.errors import ViewError
from metrics.exporter.board import Board
from metrics.exporter.feed.pace import Pace
from metrics.exporter.feed.reading import hour_of, pages, put_hashes, put_list, put_reference, put_some, stamp, summary
from metrics.exporter.feed.reported import Reported
from metrics.exporter.feed.whole import Holes, Manifests, heartbeats, rewound
from metrics.redis_client import Memory, read_memory

log = structlog.get_logger(__name__)
_BLOCK_SECONDS, _NAP_SECONDS = 1.0, 0.25
_ENTRIES = 1000
_RETRY_SECONDS, _CATCH_UP_SECONDS, _CHECK_SECONDS = 0.5, 2.0, 1.0
_HOLES_SECONDS = 5.0
"""Between two looks whether Redis has everything, while the board does."""
_ASK_SECONDS = 3.0
"""Workers have seen by then what Redis lost; whoever has not is asked."""
_ASK_AGAIN_SECONDS = 60.0
_MEMORY_SECONDS = 60.0
_HOUR = 3600
_EMPTY = (b"0-0", 0)
_RENDER_AT_ONCE = 50
_LONG_TURN_SECONDS = 0.1


class ViewFollower(Reported):
    """One connection that follows the view for ever. `version` grows whenever the board moved."""

    def __init__(
        self, board: Board, client: "redis.Redis", app_id: str, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(clock)
        self._board = board
        # redis-py types answers as text or bytes; ours are bytes (decode_responses is off).
        self._redis: Any = client
        self._keys = view.Keys(app_id)
        self._generation: bytes | None = None
        self._position, self._entries = _EMPTY
        self._wanted: dict[str, set[bytes]] = {}
        self._hours: dict[str, set[bytes]] = {}
        self._lock = asyncio.Lock()
        self._turned = asyncio.Event()
        self._turned.set()
        self._turn_seconds, self._last_problem = 0.0, ""
        self.pace = Pace()
        self.packing = False
        """Whether to compress ahead of whoever looks next."""
        self._manifests = Manifests(client, self._keys)
        self._looked = self._asked = self._lacked = self._measured = -_ASK_AGAIN_SECONDS
        self.memory = Memory("", 0)
        """What Redis does when its memory is full."""
        self.holes = Holes(0, "")
        """What Redis lacked when it was last looked at."""
        self.lacking = ""
        """What the board lacks; "" when it is whole."""
        self.loaded = self.loading = self.connected = False
        self.version = 0

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
            except Exception as error:  # noqa: BLE001 - what cannot be read must not end the only one who reads it
                self._problem(f"the view cannot be followed ({type(error).__name__}: {error}); loading it again")
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

    async def settle(self) -> dict[int, int] | None:
        """Catch up until the board, hours included, is as of one record of each partition; say which.

        None when workers kept writing meanwhile. Whoever does not give way after it sees the board so.
        """
        for _ in range(20):
            await self._turned.wait()
            try:
                async with asyncio.timeout(_CATCH_UP_SECONDS), self._lock:
                    await self._turn()
                    beats = await self._redis.hgetall(self._keys.partitions)
                    missed, read = await self._missed(), await self._read(None)
                    await self._work(hours=True)
                    whole = self.loaded and not missed and read < _ENTRIES
                    if whole and (found := self._board.settled(beats)) is not None:
                        return found
            except (RedisError, OSError, TimeoutError, ViewError) as error:
                log.warning("the last changes could not be fetched", error=str(error) or type(error).__name__)
            await asyncio.sleep(_RETRY_SECONDS / 10)
        return None

    def _is_old(self, *, hours: bool) -> bool:
        """Whether what the board has is to be fetched again for who looks."""
        return self.connected and (hours or not self.pace.is_fresh(time.monotonic()))

    def _problem(self, line: str) -> None:
        if self.connected or line != self._last_problem:
            log.warning(line)
        self._last_problem, self.connected, self.loading = line, False, False

    async def _follow(self) -> None:
        checked = -_CHECK_SECONDS
        while True:
            if time.monotonic() - checked >= _CHECK_SECONDS:
                # Redis lost what it held, or all of it is asked for; or entries were cut off before they were read.
                current = await self._redis.get(self._keys.generation)
                beats = await self._redis.hgetall(self._keys.partitions)
                if self.begins_again(beats) or not self.loaded or current != self._generation or await self._missed():
                    async with self._lock:
                        await self._load()
                    beats = await self._redis.hgetall(self._keys.partitions)  # that took its time
                self.connected = True
                self.heartbeats |= heartbeats(beats)
                await self._see_holes()
                checked = time.monotonic()
            if self._board.is_behind(self._clock()):
                async with self._lock:
                    await self._turn()
            if self._wanted:
                await asyncio.sleep(min(max(self.pace.due() - time.monotonic(), 0), _NAP_SECONDS))
                await self._read(None)
            else:
                # Not beyond the turn of the minute, when windows move without any change.
                await self._read(min(_BLOCK_SECONDS, 60.001 - self._clock() % 60))
            if self._wanted and time.monotonic() >= self.pace.due():
                began = time.monotonic()
                # Who looks meanwhile waits for this, and does not do it again.
                async with self._lock:
                    await self._work()
                    await self._turn()
                    await self._render()
                    self.pace.worked(began, time.monotonic())

    async def _read(self, block: float | None) -> int:
        """Take note of entries since the last one read, and say how many; wait for some at most so many seconds."""
        milliseconds = None if block is None else int(block * 1000)
        entries = await self._redis.xread({self._keys.changes: self._position}, count=_ENTRIES, block=milliseconds)
        self._note(entries)
        return sum(len(messages) for _, messages in entries or ())

    def _note(self, entries: Any) -> None:
        for _, messages in entries or ():
            for identifier, fields in messages:
                # Who catches up reads beside the one who waits: what both have seen counts once.
                if stamp(identifier) > stamp(self._position):
                    self._position = identifier
                    self._entries += 1
                    for key, changed in view.decode_any(fields[b"b"]):
                        self._wanted.setdefault(key, set()).update(changed)

    async def _stream(self) -> tuple[bytes, int]:
        """Last entry of the stream of changes, and how many it ever had."""
        try:
            return summary(await self._redis.xinfo_stream(self._keys.changes))
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
        last, added = _EMPTY if isinstance(about, ResponseError) else summary(about)
        return stamp(last) <= stamp(self._position) and added != self._entries

    async def _see_holes(self) -> None:
        """Look whether Redis has everything; load again what was loaded without, as soon as it has."""
        now = time.monotonic()
        if now - self._measured >= _MEMORY_SECONDS:
            self._measured = now
            await self._measure()
        self._lack(self.unread())
        if not self.lacking and now - self._looked < _HOLES_SECONDS:
            return
        self._looked, self.holes = now, await self._manifests.holes(self.heartbeats.keys())
        if self.lacking and not self.holes.hashes:
            async with self._lock:
                await self._load()
        elif self.lacking and now - self._lacked >= _ASK_SECONDS and now - self._asked >= _ASK_AGAIN_SECONDS:
            self._asked = now
            log.warning("asking workers to write the view again", missing=self.holes.what)
            await self._redis.set(self._keys.asked, uuid.uuid4().hex)

    async def _measure(self) -> None:
        try:
            before, self.memory = self.memory, read_memory(await self._redis.info("memory"))
        except NoPermissionError:
            log.warning("Redis does not say whether it evicts: give the exporter's user +info")
        else:
            if self.memory != before and self.memory.problem:
                log.warning(self.memory.problem)

    def _lack(self, what: str) -> None:
        if what and not self.lacking:
            self._lacked = time.monotonic()
            log.warning("the view in Redis is not whole; numbers are withheld until it is", missing=what)
        self.lacking = what or self.lacking

    async def _load(self) -> None:
        """Read everything into a board aside, giving way often: a large view takes its time, and health is asked."""
        self.loaded, self.loading = False, True
        # Before anything is read: what changes meanwhile is named behind this position, and is read again.
        generation = await self._redis.get(self._keys.generation)
        self._position, self._entries = await self._stream()
        self._wanted.clear()
        self._hours.clear()
        # Nothing is shown until it is loaded; kept so long, the old board would take as much memory again.
        self._board.clear()
        board = self._board.empty()
        beats, sizes, holes = await self._manifests.read()
        broken = await put_hashes(self._redis, self._keys, self._manifests, board, sizes)
        for key in (self._keys.waiting, self._keys.unanswered):
            put_list(board, self._keys, key, await self._redis.hgetall(key))
        put_reference(board, await self._redis.hgetall(self._keys.reference))
        now = self._clock()
        for _ in board.moving(now):
            await asyncio.sleep(0)
        while not board.refresh(now, most=_RENDER_AT_ONCE):  # noqa: ASYNC110 - gives way, waits for nothing
            await asyncio.sleep(0)
        # It is compressed whoever looks: as text it would be a third of all that is held.
        for _ in board.packing():
            await asyncio.sleep(0)
        board.rest(at_once=True)
        # Looked at again: what Redis lost while it was read is not in the board.
        self.holes = await self._manifests.holes(beats.keys())
        self._board.take_over(board)
        self.heartbeats, self.read_as = beats, rewound(beats)
        self._generation, self.loaded, self.loading = generation, True, False
        self.version += 1
        if missing := holes.what or (f"{broken} hashes of cells" if broken else self.holes.what):
            self._lack(missing)
        else:
            self.lacking = ""
        log.info("the view is loaded", hashes=len(sizes), parts=self._board.size, missing=missing or None)

    async def _work(self, *, hours: bool = False) -> None:
        """Fetch what changed. The running hour's cells can wait: no window holds them before tomorrow."""
        wanted, self._wanted = self._wanted, {}
        running = int(self._clock()) - 2 * _HOUR
        for key in [key for key in wanted if hour_of(self._keys, key) > running]:
            self._hours.setdefault(key, set()).update(wanted.pop(key))
        for key in [key for key in self._hours if hours or hour_of(self._keys, key) <= running]:
            wanted.setdefault(key, set()).update(self._hours.pop(key))
        if not wanted:
            return
        try:
            for page in pages(wanted):
                pipe = self._redis.pipeline(transaction=False)
                for key, fields in page:
                    pipe.hmget(key, fields)
                values = await pipe.execute()
                is_lost = False
                if any(None in found for found in values):
                    # What is not there has been taken away, or lost: only what is read at one moment tells.
                    self.holes, values = await self._manifests.beside(page, self.heartbeats.keys())
                    self._lack(self.holes.what)
                    is_lost = bool(self.holes.hashes)
                for (key, fields), found in zip(page, values, strict=True):
                    pairs = zip(fields, found, strict=True)
                    await self._changed(key, {name: one for name, one in pairs if one is not None or not is_lost})
            # Whoever announces says at the same moment whether it was written beside what is older.
            self.heartbeats |= heartbeats(await self._redis.hgetall(self._keys.partitions))
            self._lack(self.unread())
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
        steps = self._board.moving(now)
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
        self._board.rest()
        self._turn_seconds = time.monotonic() - began

    async def _changed(self, key: str, values: dict[bytes, bytes | None]) -> None:
        bucket = self._keys.bucket(key)
        if bucket is not None:
            await put_some(self._board, bucket, values)
        elif key in (self._keys.waiting, self._keys.unanswered):
            put_list(self._board, self._keys, key, values)
        elif key == self._keys.reference:
            put_reference(self._board, values)
        elif key == self._keys.partitions:
            self.heartbeats |= heartbeats({raw: value for raw, value in values.items() if value is not None})
