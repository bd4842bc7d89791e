"""One partition that this worker owns: folding now, and flushing what was folded behind it, one cut at a time.

A flush takes a cut (a copy, without an await in between), writes it in one transaction, and only then lets go of it;
folding goes on meanwhile. So what a crash loses is folded again from the log, and fences drop what was counted.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from time import monotonic, perf_counter

import structlog

from metrics.ending import end_tasks
from producers.events.intake import record_size
from streams.durable.changelog import Changelog, Commit
from streams.durable.local_store import LocalStore
from streams.letters.letter import Letter, LetterRefusal, make
from streams.letters.recount import Recount
from streams.runtime.sensors import WorkerSensors
from streams.runtime.status import Status
from streams.state.counts import PartitionCounts
from streams.state.partition import COPIES_BYTES, Partition
from streams.state.records import FoldRecord

log = structlog.get_logger(__name__)

_ROOM = 4
"""Times `flush_records` that may be folded while a flush does not get through; then folding waits."""
_BACKLOG_INTERVALS = 5
"""Flush intervals between two flushes in a backlog: each writes every page that changed as a whole, and pages grow."""
_PATIENCE_SECONDS = 5.0
"""For the last flush: a partition that is taken away is waited for by the whole group."""
_TIMESTAMPS = 1_000
_LIVE = 100
"""Events that may wait where there is no backlog: those that came since the log's end was asked for."""


class OwnedPartition:
    """Folds and flushes one partition. Made after the former owner was shut out and the state restored."""

    def __init__(
        self,
        partition: Partition,
        changelog: Changelog,
        store: LocalStore,
        sensors: WorkerSensors,
        status: Status,
        *,
        topic: str,
        application: str,
        interval: float,
        records: int,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.partition = partition
        self._timestamps: list[int] = []
        self._changelog = changelog
        self._store = store
        self._sensors = sensors
        self._status = status
        self.state = status.partitions[partition.number]
        self._topic = topic
        self._application = application
        self._interval = interval
        self._records = records
        self._on_failure = on_failure
        self._letters: list[Letter] = []
        self._letters_bytes = 0
        self._unflushed = 0
        self._changed = asyncio.Event()
        self._due = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._lock = asyncio.Lock()
        self._flushing: asyncio.Task[None] | None = None
        self.patience = _PATIENCE_SECONDS
        self.closed = False
        self.is_rebuilt = False
        self.recount: Recount | None = None
        """While records come again that were refused before, and have their letters."""

    def start(self) -> None:
        """Begin to flush in the background."""
        self._flushing = asyncio.create_task(self._run(), name=f"flush-{self.partition.number}")

    async def room(self) -> None:
        """Wait while too much is folded and not durable."""
        if not self._room.is_set():
            await self._room.wait()

    def fold_some(self, parts: Iterator[Sequence[FoldRecord]], most: int) -> bool:
        """Fold parts until there are `most` records of them, or too much is not durable; says whether these were all.

        They are counted together.
        """
        began, count, at, partition, is_over = perf_counter(), 0, 0, self.partition, True
        for records in parts:
            self.fold(records)
            count += len(records)
            at = records[-1].timestamp
            if count >= most or self._held_bytes >= _ROOM * COPIES_BYTES:
                is_over = False
                break
        counts, partition.counts = partition.counts, PartitionCounts()
        self.state.folded(partition.fence)
        if count:
            self._sensors.folded(counts, records=count, seconds=perf_counter() - began, at=at / 1000)
        return is_over

    def fold(self, records: Sequence[FoldRecord], end: int = 0) -> None:
        """Fold what was read before the offset `end`. Records at or below the fence are skipped."""
        wanted = records if self.recount is None else self.recount.less_closed(records)
        refused: Sequence[LetterRefusal] = self.partition.fold(wanted)
        self.partition.pass_over(end)
        if not records:
            return  # nothing to make durable: whoever reads from an older fence passes over the same
        if self.recount is not None:
            refused, marks = self.recount.new(records, refused)
            self._take_letters(marks)
            if self.recount.is_over:
                self.recount = None
        if refused:
            self._take_letters(make(one, self._topic, self.partition.number, self._application) for one in refused)
            self._sensors.lettered(refused)
        if len(self._timestamps) < _TIMESTAMPS:
            self._timestamps.append(records[0].timestamp)
        self._unflushed += len(records)
        self._changed.set()
        held = self._held_bytes
        if self._unflushed >= self._records or held >= COPIES_BYTES:
            self._due.set()
            if self._unflushed >= _ROOM * self._records or held >= _ROOM * COPIES_BYTES:
                self._room.clear()

    @property
    def _held_bytes(self) -> int:
        """Of copies and letters that are not durable."""
        return self.partition.copies_bytes + self._letters_bytes

    def _take_letters(self, letters: Iterable[Letter]) -> None:
        """Hold letters until they are durable, as whole as their records were: a thousand may be a gigabyte."""
        for letter in letters:
            self._letters.append(letter)
            self._letters_bytes += record_size(letter.key, letter.value, letter.headers)

    def take_timestamps(self) -> list[int]:
        """Timestamps (ms) of the batches folded since the last call: of the first record of each."""
        timestamps, self._timestamps = self._timestamps, []
        return timestamps

    def left_to_count(self) -> int:
        """Offsets that the log had when counting began and that are not passed; above 0 the numbers are not whole."""
        return max(0, self.partition.until - 1 - self.partition.fence)

    @property
    def is_dirty(self) -> bool:
        """Whether something folded is not durable yet."""
        return self._unflushed > 0

    async def flush(self, *, always: bool = False) -> None:
        """Make everything folded so far durable.

        `always`: commit even if nothing was, which tells whether the partition is still ours.
        Raises ChangelogError, OwnershipLost.
        """
        async with self._lock:
            self._changed.clear()
            self._due.clear()
            if not self._unflushed and not always:
                return
            # No await up to the cut: letters, cut and fence are of one moment. From then on folding has room again, and
            # goes on while Kafka writes.
            began = monotonic()
            self._unflushed = 0
            self._room.set()
            letters, self._letters, self._letters_bytes = self._letters, [], 0
            cut = self.partition.cut()
            cut_seconds = monotonic() - began
            positions = await self._changelog.write(Commit(cut.fence + 1, cut.cells, cut.clients, letters, cut.copies))
            # Of clients only the partition's own record, which is last: `cut` has put their pages into the store.
            self._store.commit(cut.cells, cut.clients[-1:], positions)
            self.state.flushed(cut.time, self.partition.cells)
            self._sensors.flushed(
                seconds=monotonic() - began, cut_seconds=cut_seconds, written=len(cut.cells) + len(cut.clients)
            )

    async def _run(self) -> None:
        try:
            while True:
                await self._changed.wait()
                await self._wait_until_due()
                await self.flush()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, the process must not go on
            self._on_failure(error)

    async def _wait_until_due(self) -> None:
        if await self._is_due_within(self._interval):
            return
        # Its end is flushed at once: whoever waits for a backlog waits for that.
        for _ in range(10 * (_BACKLOG_INTERVALS - 1)):
            is_over = self._status.backlog() <= _LIVE
            if is_over or self.partition.is_full or await self._is_due_within(self._interval / 10):
                return

    async def _is_due_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._due.wait()
        return self._due.is_set()

    async def close(self, *, flush: bool) -> None:
        """Stop folding for good; flush what is left if that is still allowed and gets through."""
        self.closed = True
        self._room.set()
        try:
            async with asyncio.timeout(self.patience):
                # A transaction under way is let through: cancelled in the middle it would have to be written again.
                async with self._lock:
                    await self._end()
                if flush:
                    await self.flush(always=self.partition.fence >= 0)
        except TimeoutError:
            log.warning(
                "what could not be made durable in time is folded again by the next owner",
                partition=self.partition.number,
            )
        finally:
            await self._end()
            await self._changelog.close()
            self._store.close()

    async def _end(self) -> None:
        if self._flushing is not None:
            await end_tasks([self._flushing])
