"""One lane per partition: records gather in a batch while the batch before is on its way, in order.

aiokafka's own `send` makes a future per record; whole batches are many times cheaper, and a single `publish`
gains too when many run at once. A budget of bytes over all lanes keeps memory bounded.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

# What Kafka and aiokafka keep per record besides key and value.
RECORD_OVERHEAD = 128
Headers = Sequence[tuple[str, bytes | None]]
Raw = tuple[bytes, bytes]
"""Key and value of a record."""


def size_of(records: Sequence[Raw]) -> int:
    """The bytes of the budget that records take."""
    return sum([len(key) + len(value) for key, value in records]) + RECORD_OVERHEAD * len(records)


class Sender(Protocol):
    """What a lane needs of aiokafka's producer."""

    def create_batch(self) -> Any:
        """A new, empty batch builder."""

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        """Queue a closed batch; the future resolves once brokers have it."""


class Budget:
    """Bytes that may be on their way at once; who asks for more waits in turn."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def try_take(self, size: int) -> bool:
        """Take at once if nobody waits and it fits; one that never fits is let through alone."""
        if self._waiting or (self.used and self.used + size > self.limit):
            return False
        self.used += size
        return True

    async def take(self, size: int) -> None:
        """Take when there is room."""
        if self.try_take(size):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)
            else:
                # Another who gave up at the same moment may have swept it out already.
                with suppress(ValueError):
                    self._waiting.remove((size, turn))
                self._admit()
            raise

    def give(self, size: int) -> None:
        """Give back, and let the next ones in."""
        self.used -= size
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            size, turn = self._waiting[0]
            if self.used and self.used + size > self.limit:
                return
            self._waiting.popleft()
            if not turn.done():
                self.used += size
                turn.set_result(None)


class LaneBatch:
    """Records of one partition that travel together; `done` gives the first one's offset, or the error."""

    __slots__ = ("builder", "done", "partition", "records", "size")

    def __init__(self, builder: Any, partition: int) -> None:
        self.builder = builder
        self.partition = partition
        self.records = 0
        self.size = 0
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def count(self, records: Sequence[Raw]) -> None:
        """Take note of records that were added."""
        self.records += len(records)
        self.size += size_of(records)

    def settle(self, outcome: "asyncio.Future[Any]") -> None:
        """Take over what became of the batch at the broker."""
        # Heard also when it comes too late, or asyncio complains that nobody did.
        error = None if outcome.cancelled() else outcome.exception()
        if self.done.done():
            return
        if outcome.cancelled():
            self.fail(ConnectionError("the publisher was stopped before the batch arrived"))
        elif error is not None:
            self.fail(error)
        else:
            metadata = outcome.result()
            self.done.set_result(-1 if metadata is None else metadata.offset)

    def fail(self, error: BaseException) -> None:
        """Say that it did not arrive; whoever waits hears it, nobody else need."""
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()


class Lane:
    """The way to one partition. `append` is quick and keeps order; a task of its own sends."""

    def __init__(
        self, sender: Sender, topic: str, partition: int, budget: Budget, *, linger: float, timeout: float
    ) -> None:
        self._sender = sender
        self._topic = topic
        self._partition = partition
        self._budget = budget
        self._linger = linger
        self._timeout = timeout
        self._batches: deque[LaneBatch] = deque()
        self._task: asyncio.Task[None] | None = None
        self.outstanding: set[LaneBatch] = set()

    def append(
        self, key: bytes, value: bytes | None, timestamp_ms: int, headers: Headers, size: int
    ) -> tuple[LaneBatch, int]:
        """Add a record, whose `size` was taken from the budget; return its batch and its place in it."""
        batch = self._batches[-1] if self._batches else self._open()
        if batch.builder.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
            batch = self._open()
            batch.builder.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
        place = batch.records
        batch.records += 1
        batch.size += size
        self._wake()
        return batch, place

    def extend(self, records: Sequence[Raw], timestamp_ms: int, headers: Headers) -> list[LaneBatch]:
        """Add many records, whose sizes were taken from the budget; return the batches that they are in.

        One by one, most of what a record costs is the way to its batch.
        """
        batch = self._batches[-1] if self._batches else self._open()
        found: list[LaneBatch] = []
        append, begin = batch.builder.append, 0
        for index, (key, value) in enumerate(records):
            if append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
                if index > begin:
                    batch.count(records[begin:index])
                    found.append(batch)
                batch, begin = self._open(), index
                append = batch.builder.append
                append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
        batch.count(records[begin:])
        self._wake()
        return [*found, batch]

    def _wake(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._send())

    def _open(self) -> LaneBatch:
        batch = LaneBatch(self._sender.create_batch(), self._partition)
        self._batches.append(batch)
        self.outstanding.add(batch)
        # aiokafka retries idempotent batches for ever; who waits for one needs an end.
        timer = asyncio.get_running_loop().call_later(self._timeout, self._expire, batch)
        batch.done.add_done_callback(self._release(batch, timer))
        return batch

    def _expire(self, batch: LaneBatch) -> None:
        if batch in self._batches:
            self._batches.remove(batch)
        batch.fail(TimeoutError(f"no acknowledgement within {self._timeout:g} s"))

    def _release(self, batch: LaneBatch, timer: asyncio.TimerHandle) -> Callable[["asyncio.Future[int]"], None]:
        def release(_: "asyncio.Future[int]") -> None:
            timer.cancel()
            self.outstanding.discard(batch)
            self._budget.give(batch.size)

        return release

    async def _send(self) -> None:
        try:
            while self._batches:
                # Others behind it: it is full, and nothing more can come to it.
                if len(self._batches) == 1:
                    await asyncio.sleep(self._linger)
                if not self._batches:
                    break
                batch = self._batches.popleft()
                batch.builder.close()
                # Queued one after the other, so in order; that the broker has it is not waited for here.
                try:
                    outcome = await self._sender.send_batch(batch.builder, self._topic, partition=self._partition)
                except Exception as error:  # noqa: BLE001 - whatever went wrong belongs to those who wait
                    batch.fail(error)
                except asyncio.CancelledError:
                    batch.fail(ConnectionError("the publisher was stopped before the batch left"))
                    raise
                else:
                    outcome.add_done_callback(batch.settle)
        finally:
            self._task = None
            for batch in self._batches:
                batch.fail(ConnectionError("the publisher was stopped before the batch left"))
            self._batches.clear()

    def stop(self) -> None:
        """Send nothing more."""
        if self._task is not None:
            self._task.cancel()
