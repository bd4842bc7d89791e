"""Which partitions this worker owns: opened when Faust assigns them, closed and forgotten when it takes them away.

A partition that comes back is opened again: its changelog is shut to others first, then read, then the stream goes on
after the fence that was found. Nothing of the time before is used again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from time import monotonic

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from metrics.ending import end_tasks
from producers.log_ends import EndOffsets
from streams.durable.changelog import Changelog, Commit, Pair
from streams.durable.local_store import LocalStore
from streams.durable.position import position
from streams.durable.restore import Bounds, Restored, RestoreProgress, StateRestorer, check_reached
from streams.durable.rewriting import RewritingChangelog
from streams.durable.standby import Standbys
from streams.durable.topic_id import check_whole
from streams.errors import ChangelogError, RevokedError, StateError, WorkerError
from streams.fold.rules import Rules
from streams.letters.recount import Recount
from streams.runtime.owned import OwnedPartition
from streams.runtime.partition_state import PartitionState
from streams.runtime.sensors import WorkerSensors
from streams.runtime.status import Status
from streams.runtime.tables import Tables
from streams.settings import WorkerSettings
from streams.state.partition import Partition
from streams.state.records import FoldRecord

log = structlog.get_logger(__name__)


class Owner:
    """Opens, folds, flushes and closes partitions, `kept_in` changelogs of these ids. `on_failure` ends the process."""

    def __init__(
        self,
        settings: WorkerSettings,
        rules: Rules,
        sensors: WorkerSensors,
        *,
        status: Status,
        partitions: int,
        kept_in: tuple[str, str],
        changelogs: Callable[[int], RewritingChangelog],
        stores: Callable[[int], LocalStore],
        set_aside: Callable[[int], None],
        restorer: StateRestorer,
        standbys: Standbys,
        lettered: Callable[[int], Awaitable[Mapping[int, str]]],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.settings = settings
        self.sensors = sensors
        self.status = status
        self.tables: Tables | None = None
        """What is opened is held by these: those of the application, once it is built."""
        self.partitions = partitions
        self._kept_in = kept_in
        self.owned: dict[int, OwnedPartition] = {}
        self._rules = rules
        self._changelogs = changelogs
        self._stores = stores
        self._set_aside = set_aside
        self._restorer = restorer
        self._standbys = standbys
        self._lettered = lettered
        self._on_failure = on_failure
        self._opening: dict[int, asyncio.Task[int]] = {}

    @property
    def name(self) -> str:
        """Of the agent, in logs."""
        return "fold"

    @property
    def topic(self) -> str:
        """The topic that is read."""
        return self.settings.events_topic

    # -- assignment

    async def open(self, numbers: Collection[int]) -> dict[int, int]:
        """Restore partitions; returns the offset at which reading each goes on.

        Raises WorkerError, StateError, and RevokedError when they are closed meanwhile.
        """
        self.sensors.rebalanced()
        await self._standbys.release(numbers)
        for number in numbers:
            if number not in self._opening:
                self._opening[number] = asyncio.create_task(self._open(number), name=f"open-{number}")
        tasks = [self._opening[number] for number in numbers]
        if not tasks:
            return {}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            # `close` has cancelled one. `gather` would raise CancelledError, as if this very call were cancelled.
            is_revoked = any(task.done() and task.cancelled() for task in tasks)
            positions = [] if is_revoked else await asyncio.gather(*tasks)
        except BaseException:
            await self._cancel(numbers)
            raise
        if is_revoked:
            await self._cancel(numbers)
            raise RevokedError("partitions were taken away while they were restored")
        for number in numbers:
            self._opening.pop(number, None)
        return dict(zip(numbers, positions, strict=True))

    async def _cancel(self, numbers: Iterable[int]) -> None:
        await end_tasks([task for number in numbers if (task := self._opening.pop(number, None))])

    async def _open(self, number: int) -> int:
        began = monotonic()
        state = self.status.partitions[number] = PartitionState()
        changelog = self._changelogs(number)
        store: LocalStore | None = None
        try:
            partition, store, source, bounds = await self._opened(number, changelog, state)
            reads_on = position(self.settings.events_topic, partition, bounds)
            partition.log, partition.changelogs = bounds.log or partition.log, self._kept_in
            # Counting begins: until it has come so far, what is shown is of a part of the log, and is said to be.
            if partition.fence < 0:
                partition.until = bounds.end
            recount = await self._recount(partition)
        except BaseException:
            self._let_go(number)
            await changelog.close()
            if store is not None:
                store.close()
            raise
        seconds = monotonic() - began
        self.sensors.restored(source, seconds)
        self.sensors.restoring(state.restored)
        state.fence, state.time_us, state.cells, state.ready = partition.fence, partition.time, partition.cells, True
        state.stable = bounds.end
        owned = OwnedPartition(
            partition,
            changelog,
            store,
            self.sensors,
            self.status,
            topic=self.settings.events_topic,
            application=self.settings.app_id,
            interval=self.settings.flush_interval,
            records=self.settings.flush_records,
            on_failure=self._on_failure,
        )
        owned.is_rebuilt = source == "log"
        owned.recount = recount
        self.owned[number] = owned
        owned.start()
        log.info(
            "partition ready", partition=number, source=source, records=state.restored, seconds=round(seconds, 2),
            position=reads_on, lag=state.lag,
        )  # fmt: skip
        return reads_on

    async def _opened(
        self, number: int, changelog: RewritingChangelog, state: PartitionState
    ) -> tuple[Partition, LocalStore, str, Bounds]:
        """The changelog opened and the partition restored, however long Kafka is away."""

        def say(tried: RetryCallState) -> None:
            state.progressed_at = monotonic()  # it waits for Kafka: a restart would wait as well
            problem = tried.outcome.exception() if tried.outcome else None
            log.warning(
                "opening a partition again", partition=number, failed=tried.attempt_number, problem=str(problem)
            )

        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(ChangelogError), wait=changelog.wait, before_sleep=say, reraise=True
        ):
            with attempt:
                await (changelog.open() if attempt.retry_state.attempt_number == 1 else changelog.reopen())
                return await self._restore(number, changelog, state)
        raise AssertionError  # it tries until it is done

    async def _recount(self, partition: Partition) -> Recount | None:
        """What is known of letters while the log is counted from its start: it may not be the first time."""
        if partition.until - 1 <= partition.fence:
            return None
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(ChangelogError), wait=wait_random_exponential(0.5, 5), reraise=True
        ):
            with attempt:
                recount = Recount(self.topic, partition.number, await self._lettered(partition.number), partition.fence)
        return None if recount.is_over else recount

    async def stand_by(self, numbers: Collection[int]) -> None:
        """Keep copies of these partitions, which others own."""
        await self._standbys.follow(numbers)

    async def close(self, numbers: Iterable[int], *, flush: bool = True) -> None:
        """Stop folding, flush if still allowed, forget. Raises ChangelogError, OwnershipLost."""
        numbers = list(numbers)
        await self._cancel(numbers)
        closing = [owned for number in numbers if (owned := self.owned.pop(number, None))]
        for number in numbers:
            self._let_go(number)
        results = await asyncio.gather(*(one.close(flush=flush) for one in closing), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def close_all(self) -> None:
        """Let go of all."""
        await self.close(list(self.owned))

    # -- restoring

    async def _restore(
        self, number: int, changelog: Changelog, state: PartitionState
    ) -> tuple[Partition, LocalStore, str, Bounds]:
        # What is on disk, else what the changelog has, else the log from its start: each stands in for the one before
        # when that cannot be used.
        for attempt in ("disk", "changelog"):
            store: LocalStore | None = None
            try:
                store = self._stores(number)
                partition, source, restored = await self._read(number, store, state)
                changelog.known(restored.positions)
            except StateError as error:
                if store is not None:
                    store.close()
                self._set_aside(number)
                if attempt == "disk" and (store is None or store.is_persistent):
                    log.warning(
                        "local state cannot be used; reading the changelog", partition=number, problem=str(error)
                    )
                    continue
                bounds = await self._wipe(number, changelog, error)
                store = self._stores(number)
                return self._held(number, store), store, "log", bounds
            except BaseException:
                if store is not None:
                    store.close()
                raise
            return partition, store, source, restored.source
        raise AssertionError  # the second attempt returns or raises

    async def _read(self, number: int, store: LocalStore, state: PartitionState) -> tuple[Partition, str, Restored]:
        tables, partition = self._tables(), self._held(number, store)
        cells, clients = tables.cells.shares[number], tables.clients.shares[number]
        starts: dict[str, int] = {}
        if (saved := store.saved()) is not None:
            clients.restore(saved.clients(), stored=True)
            cells.restore(saved.cells(), stored=True)
            starts = dict(saved.positions)
        topics = {self.settings.cells_topic: cells.restore, self.settings.clients_topic: clients.restore}
        progress = RestoreProgress(number)
        watching = asyncio.create_task(_watch(progress, state))
        try:
            restored = await self._restorer.restore(number, starts, topics, progress)
        finally:
            watching.cancel()
            state.restored, state.restore_total = progress.read, progress.total
        check_reached(starts, restored.positions)
        partition.check_restored()
        check_whole(partition.changelogs, self._kept_in)
        source = "disk" if saved is not None else "changelog" if progress.read else "nothing"
        return partition, source, restored

    def _tables(self) -> Tables:
        if self.tables is None:
            raise WorkerError("there are no tables to hold state: the application has to be built first")
        return self.tables

    def _held(self, number: int, store: LocalStore) -> Partition:
        """A partition without state, held by the tables."""
        partition = Partition(number, self.partitions, self._rules, store)
        self._tables().hold(partition, store)
        return partition

    def _let_go(self, number: int) -> None:
        self.status.partitions.pop(number, None)
        if self.tables is not None:
            self.tables.let_go(number)

    async def _wipe(self, number: int, changelog: Changelog, error: StateError) -> Bounds:
        """Empty the changelog of a partition whose state cannot be used, so that its log is folded again."""
        log.warning(
            "the stored state cannot be used; folding the log again from its start",
            partition=number,
            problem=str(error),
        )
        held: dict[str, set[bytes]] = {self.settings.cells_topic: set(), self.settings.clients_topic: set()}

        def note(keys: set[bytes]) -> Callable[[Iterable[Pair]], None]:
            def take(pairs: Iterable[Pair]) -> None:
                for key, value in pairs:
                    (keys.discard if value is None else keys.add)(key)

            return take

        # Key by key: Kafka deletes nothing of a compacted topic otherwise, and what is left would be restored later.
        restored = await self._restorer.restore(
            number, {}, {topic: note(keys) for topic, keys in held.items()}, RestoreProgress(number)
        )
        changelog.known(restored.positions)
        cells, clients = ([(key, None) for key in keys] for keys in held.values())
        await changelog.write(Commit(restored.source.begin, cells, clients))
        return restored.source

    # -- the stream

    async def fold(self, number: int, parts: Iterable[Sequence[FoldRecord]], end: int = 0) -> None:
        """Fold what was read of one partition before the offset `end`; dropped when it is not ours (any more).

        parts: some records each, none empty; decoded when they are asked for.
        """
        owned = self.owned.get(number)
        if owned is None:
            return
        left, is_over = iter(parts), False
        while not is_over:
            await owned.room()
            if owned.closed:
                return
            is_over = owned.fold_some(left, self.settings.batch_records)
            if not is_over:
                await asyncio.sleep(0)  # a fetch may hold tens of thousands of events, and others have to run meanwhile
        owned.fold((), end)
        owned.state.folded(owned.partition.fence)

    def lags(self, ends: Mapping[int, EndOffsets]) -> None:
        """Take note of where the log ends now, by partition, and so that Kafka has answered."""
        for number, end in ends.items():
            if (state := self.status.partitions.get(number)) is None:
                continue
            state.answered(end)
            owned = self.owned.get(number)
            if owned is not None and not state.lag and not owned.is_dirty:
                state.idle()


async def _watch(progress: RestoreProgress, state: PartitionState) -> None:
    """Show how far restoring is."""
    seen = -1
    while True:
        state.restored, state.restore_total = progress.read, progress.total
        if progress.read != seen:
            seen, state.progressed_at = progress.read, monotonic()
        await asyncio.sleep(0.2)
