"""Keeps an index up from Kafka: reads on where it stands, and builds it again where it cannot be gone on with."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Lock
from typing import NamedTuple, TypeVar

import msgspec
import structlog
from aiokafka.errors import KafkaError

from metrics.ending import end_tasks
from metrics.errors import AwayError
from producers.settings import KafkaSettings
from streams.ledger import changes
from streams.ledger.answers import Index
from streams.ledger.hold import NOTHING, Hold, Taken
from streams.ledger.keeper import Keeper, Parts
from streams.ledger.owned import LOST_WAL, IndexFile
from streams.ledger.progress import ReadingProgress, clock
from streams.ledger.reading import Ends, LogChanged, Reading
from streams.ledger.schema import REFERENCE_ID, LedgerError, connect, create, fingerprint, unusable
from streams.plain.rules import PlainRules

log = structlog.get_logger(__name__)
_Found = TypeVar("_Found")
UNREADABLE = (sqlite3.Error, msgspec.DecodeError)
"""What an index that is damaged raises when it is read."""
_PAUSE = 2.0
_BEAT = 1.0
"""Seconds after which it is asked again where the log ends."""
_ANSWERS = 1.0
"""Seconds within which Kafka answers, or is away."""
_LATELY = 10.0
"""Seconds within which all has to have been read for it to be kept up."""


class AsOf(NamedTuple):
    """All that was in the log at a moment (Unix seconds) is in an answer. note: why the moment is not now."""

    moment: float
    note: str = ""


class LedgerFollower:
    """One index and its one writer. Raises LedgerError when the file is not ours. is_copied: somebody copies it."""

    def __init__(
        self,
        kafka: KafkaSettings,
        rules: PlainRules,
        path: Path,
        *,
        is_copied: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._kafka = kafka
        self._rules = rules
        self._path = path
        self._is_copied = is_copied
        self._clock = clock
        self._owned = IndexFile(path, kafka.events_topic)
        self._database: sqlite3.Connection | None = None
        self._keeper: Keeper | None = None
        self._writing = Lock()
        self._round = asyncio.Condition()
        self._rounds = 0
        self._taken: dict[int, Taken] = {}
        self._reading: Reading | None = None
        self._damaged = ""
        self._is_second = False
        self.progress = ReadingProgress()
        self.index: Index | None = None
        self.problem = "the ledger has not reached Kafka yet"

    async def run(self) -> None:
        """Follow until cancelled. Kafka may come and go; meanwhile answers say as of when they are."""
        while True:
            try:
                await self._follow()
            except LedgerError:
                raise
            except LogChanged:
                log.warning("a topic has other partitions, or is another one; its index is looked at again")
                self._forget("the ledger looks at the log again")
            except KafkaError as error:
                log.warning("the log cannot be read now; answers are as of before, and say so", error=str(error))
            except sqlite3.OperationalError as error:
                self.problem = f"the index cannot be kept now: {error}"
                log.warning("the index cannot be written; it is tried again", error=str(error))
            except sqlite3.DatabaseError as error:
                self._damaged = f"it is damaged ({error})"
            except Exception as error:
                # SQLite does not see all damage of what it holds. A new one that fails as well is a fault of ours.
                if self._is_second:
                    raise
                log.exception("the index cannot be gone on with")
                self._is_second, self._damaged = True, f"it cannot be gone on with ({error!r})"
            await asyncio.to_thread(self._close)
            await asyncio.sleep(_PAUSE)

    def close(self) -> None:
        """Let go of the file, for the next one."""
        self._close()
        self._forget("the ledger is ending")
        self._owned.close()

    async def fresh(self, patience: float) -> AsOf:
        """Wait until all is in the index that is in the log now, for so many seconds. Raises AwayError.

        While Kafka is away nobody can add to the log either, by way of it: what was whole when it went is told so.
        """
        if self.index is None:
            raise AwayError(self.problem)
        asked, reading = self._clock(), self._reading
        try:
            ends = None if reading is None else await self._ends(reading, min(_ANSWERS, patience))
        except LogChanged:
            raise AwayError("the ledger looks at the log again") from None
        if reading is None or ends is None:
            return self._alone()
        try:
            async with asyncio.timeout(patience), self._round:
                await self._round.wait_for(lambda: self._reading is not reading or self.progress.left(ends) == 0)
        except TimeoutError:
            raise AwayError(self.progress.told(self._clock())) from None
        if self._reading is not reading:
            raise AwayError(self.problem)
        return AsOf(asked)

    @asynccontextmanager
    async def held(self, partitions: Collection[int], patience: float) -> AsyncIterator[Hold]:
        """Take nothing more of these partitions but what is asked of the hold, until it is let go. Raises AwayError."""
        reading = self._reading
        if reading is None:
            raise AwayError(self.problem)
        hold = Hold(self, reading, patience)
        try:
            reading.hold(dict.fromkeys(partitions, 0))
            rounds = self._rounds
            # What was fetched before is still being taken.
            await self.until(reading, lambda: self._rounds > rounds, patience)
            yield hold
        finally:
            reading.hold({})

    async def passed(self, fences: Mapping[int, int], patience: float) -> None:
        """Wait until all records up to these offsets are in the index. Raises AwayError."""
        reading = self._reading
        if reading is None:
            raise AwayError(self.problem)
        await self.until(reading, lambda: self.has(fences), patience)

    async def until(self, reading: Reading, holds: Callable[[], bool], patience: float) -> None:
        """Wait for what a round of reading brings. Raises AwayError."""
        try:
            async with asyncio.timeout(patience), self._round:
                await self._round.wait_for(lambda: self._reading is not reading or holds())
        except TimeoutError:
            raise AwayError(self.progress.told(self._clock())) from None
        if self._reading is not reading:
            raise AwayError(self.problem)

    def has(self, fences: Mapping[int, int]) -> bool:
        """Whether all records up to these offsets are in the index."""
        return all(self._taken.get(partition, NOTHING).next > fence for partition, fence in fences.items())

    def last(self, partition: int) -> int:
        """Offset of a partition's last record in the index."""
        return self._taken.get(partition, NOTHING).last

    def moments(self) -> Index:
        """The index as it is there. Raises AwayError."""
        if self.index is None:
            raise AwayError(self.problem)
        return self.index

    def partitions(self) -> Collection[int]:
        """Partitions of events of which the index has any record."""
        return [number for number, taken in self._taken.items() if taken.last >= 0]

    async def note(self, name: str, value: str) -> None:
        """Keep something beside the index, where there is one."""
        await asyncio.to_thread(self._note, name, value)

    def _note(self, name: str, value: str) -> None:
        with self._writing:
            if self._keeper is not None:
                self._keeper.note(name, value)

    async def writing(self, work: Callable[[sqlite3.Connection], _Found]) -> _Found:
        """Have something done to the index, between two batches of the log. Raises AwayError."""
        return await asyncio.to_thread(self._write, work)

    def _write(self, work: Callable[[sqlite3.Connection], _Found]) -> _Found:
        with self._writing:
            if self._database is None:
                raise AwayError(self.problem)
            return work(self._database)

    def _alone(self) -> AsOf:
        whole, left = self.progress.whole, self.progress.left()
        if whole is None or left != 0:
            known = "" if not left else f", and {left:,} records of it are still to be read"
            raise AwayError(f"Kafka does not answer the ledger{known}")
        return AsOf(whole, f"Kafka does not answer; this is as of {clock(whole)}")

    def unready(self) -> str:
        """Why nothing can be explained now; "" when it can."""
        if self.index is None:
            return self.problem
        whole = self.progress.whole
        if whole is not None and (self.progress.left() == 0 or self._clock() - whole < _LATELY):
            return ""
        return self.progress.told(self._clock())

    def broken(self, error: Exception) -> None:
        """An answer could not be read: where the file is damaged, it is built again."""
        if not isinstance(error, sqlite3.OperationalError | AwayError):
            self._damaged = f"it is damaged ({error})"

    async def _follow(self) -> None:
        reading = Reading(self._kafka)
        tasks: list[asyncio.Task[None]] = []
        try:
            await reading.consumer.start()
            while not await reading.find():
                self.problem = "there is no events topic yet; `sales-pulse topics create` makes it"
                await asyncio.sleep(_PAUSE)
            # Before the index is opened: one that has read further is of another log, or of one that was cut.
            ends = await reading.ends()
            keeper = await asyncio.to_thread(self._open, reading, ends)
            await reading.begin(keeper.next)
            # The one before goes on answering while Kafka is away; only another index replaces it.
            self.index = self.index or Index(self._path, self._rules, self._clock)
            self._reading, self._taken = reading, {}
            tasks = [beat := asyncio.create_task(self._beat(reading))]
            while not self._damaged and not beat.done() and not (lost := self._owned.lost()):
                await self._read(reading, keeper)
            # It asks for ever, so it has ended by an error only: that is raised here.
            if beat.done():
                beat.result()
            elif not self._damaged:
                self._lose(lost)
        finally:
            # First: whoever waits for a round wakes up, and sees that there will be none.
            self._reading = None
            async with self._round:
                self._round.notify_all()
            await end_tasks(tasks)
            await reading.stop()

    def _lose(self, lost: str) -> None:
        """The file is not the one any more that was opened: what has its name now is looked at."""
        log.warning("the index cannot be gone on with", why=lost)
        self._forget("the ledger is being opened again")
        self._damaged = lost if lost is LOST_WAL else ""

    async def _read(self, reading: Reading, keeper: Keeper) -> None:
        parts, positions = await reading.more()
        if parts:
            after = {(tp.topic, tp.partition): at for tp, at in positions.items()}
            await asyncio.to_thread(self._take, keeper, parts, after)
        of_events = [(tp.partition, at) for tp, at in positions.items() if tp.topic == self._kafka.events_topic]
        self._taken = {number: Taken(at, keeper.last(number)) for number, at in of_events}
        was_whole = self.progress.whole is not None
        self.progress.reached(positions, self._clock())
        if self.progress.whole is not None and not was_whole:
            self._is_second = False
            log.info("all of the log is read")
        async with self._round:
            self._rounds += 1
            self._round.notify_all()

    def _take(self, keeper: Keeper, parts: Parts, after: Mapping[tuple[str, int], int]) -> None:
        # Who is cancelled does not wait for its thread: what is closed must not be in use.
        with self._writing:
            keeper.take(parts, after)

    async def _beat(self, reading: Reading) -> None:
        """Ask over and over where the log ends, so that it is known how far behind we are, and as of when not."""
        while True:
            await self._ends(reading, _ANSWERS)
            await asyncio.sleep(_BEAT)

    async def _ends(self, reading: Reading, patience: float) -> Ends | None:
        """Where the log ends now; None when Kafka does not say. Raises LogChanged."""
        asked = self._clock()
        try:
            async with asyncio.timeout(patience):
                ends = await reading.ends()
        except LogChanged:
            raise
        except (TimeoutError, KafkaError):
            return None
        self.progress.end(ends, asked)
        return ends

    def _open(self, reading: Reading, ends: Ends) -> Keeper:
        """The index that is there, or a new one where there is none that can be gone on with. Raises LedgerError."""
        about = {"topic": self._kafka.events_topic, "topic id": reading.source.id, REFERENCE_ID: reading.reference}
        partitions = sum(tp.topic == self._kafka.events_topic for tp in reading.partitions)
        self._owned.check()
        why = self._damaged or self._owned.leftover()
        if self._path.exists() and not why:
            told = fingerprint(self._rules, partitions)
            why = unusable(self._path, told, about, look=self.index is None)
            if not why:
                keeper = self._keep(partitions)
                if all(keeper.next(tp.topic, tp.partition) <= end for tp, end in ends.items()):
                    keeper.note(REFERENCE_ID, reading.reference)
                    return keeper
                self._close()
                why = "the log ends before what was read of it"
        if why:
            self._forget("the ledger is being built again")
            log.warning("the index is built again", why=why, set_aside=str(self._owned.set_aside()))
        self._damaged = ""
        create(self._path, fingerprint(self._rules, partitions), about).close()
        return self._keep(partitions)

    def _keep(self, partitions: int) -> Keeper:
        self._database = connect(self._path)
        if not self._is_copied:
            changes.end(self._database)
        self._keeper = Keeper(self._database, self._rules, partitions, self._kafka.events_topic, clock=self._clock)
        self._owned.opened()
        return self._keeper

    def _forget(self, problem: str) -> None:
        """Answer nothing from what was there."""
        if self.index is not None:
            self.index.close()
        self.index, self.problem, self.progress = None, problem, ReadingProgress()

    def _close(self) -> None:
        if self._keeper is not None:
            self._keeper.leave()
        with self._writing:
            if self._database is not None:
                self._database.close()
            self._database = self._keeper = None
