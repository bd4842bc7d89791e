"""Keeps an index up from Kafka: reads on where it stands, and builds it again where it cannot be gone on with."""

import asyncio
import fcntl
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from producers.settings import KafkaSettings
from streams.ledger.answers import Index
from streams.ledger.keeper import Keeper
from streams.ledger.schema import LedgerError, connect, create, fingerprint, set_aside, unusable
from streams.plain.rules import Rules
from streams.topic_id import topic_id

log = structlog.get_logger(__name__)
_RECORDS = 10_000
"""Taken in one transaction at most: they and what they touch are what the process holds in memory."""
_FETCH_BYTES = 1 << 20
_IDLE_MS = 50
_PAUSE = 2.0
_BEHIND = 50_000
"""Records that it may be behind and still answer: more, and it is being built."""


class Follower:
    """One index and its one writer."""

    def __init__(
        self, kafka: KafkaSettings, rules: Rules, path: Path, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._kafka = kafka
        self._rules = rules
        self._path = path
        self._clock = clock
        self._lock = _locked(path)
        self._database: sqlite3.Connection | None = None
        self._round = asyncio.Condition()
        self._read_at = 0.0
        self._damaged = ""
        self._is_second = False
        self.index: Index | None = None
        self.problem = "the ledger has not reached Kafka yet"
        self.behind: int | None = None

    async def run(self) -> None:
        """Follow until cancelled. Kafka may come and go; meanwhile answers are those of before."""
        if self._path.exists():
            await asyncio.to_thread(self._answer_alone)
        while True:
            try:
                await self._follow()
            except KafkaError as error:
                log.warning("Kafka does not answer; what was read before is what is explained", error=str(error))
            except sqlite3.OperationalError as error:
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
        if self.index is not None:
            self.index.close()
        self._lock.close()

    async def fresh(self, patience: float) -> None:
        """Wait until all has been read that was there when this was called, or for so many seconds."""
        asked = time.monotonic()
        if self._database is None:
            return
        try:
            async with asyncio.timeout(patience), self._round:
                await self._round.wait_for(lambda: self._read_at >= asked)
        except TimeoutError:
            pass

    def unready(self) -> str:
        """Why nothing can be explained now; "" when it can."""
        if self.index is None:
            return self.problem
        if self.behind is not None and self.behind > _BEHIND:
            return f"the ledger is being built: {self.behind:,} records are still to be read"
        return ""

    def broken(self, error: Exception) -> None:
        """An answer could not be read: where the file is damaged, it is built again."""
        if not isinstance(error, sqlite3.OperationalError):
            self._damaged = f"it is damaged ({error})"

    def _answer_alone(self) -> None:
        """Answer from what is there before Kafka is reached, if it is an index at all."""
        try:
            database = connect(self._path, read_only=True)
            try:
                database.execute("SELECT count(*) FROM partition").fetchone()
            finally:
                database.close()
        except sqlite3.Error:
            return
        self.index = Index(self._path, self._rules, self._clock)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._kafka.client_options(),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_bytes=8 * _FETCH_BYTES,
        )
        try:
            await consumer.start()
            found = await self._partitions(consumer)
            events = [tp for tp in found if tp.topic == self._kafka.events_topic]
            about = {"topic": self._kafka.events_topic}
            about["topic id"] = await topic_id(consumer._client, self._kafka.events_topic)  # noqa: SLF001 - as the worker
            consumer.assign(found)
            ends = await consumer.end_offsets(found)
            keeper = await asyncio.to_thread(self._open, len(events), about, ends)
            first = await consumer.beginning_offsets(found)
            for tp in found:
                consumer.seek(tp, max(first[tp], keeper.next(tp.topic, tp.partition)))
            self.behind = sum(max(0, ends[tp] - keeper.next(tp.topic, tp.partition)) for tp in found)
            self.index = self.index or Index(self._path, self._rules, self._clock)
            while not self._damaged:
                await self._read(consumer, keeper, found)
        finally:
            await consumer.stop()

    async def _partitions(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        """All of both topics, once they are there."""
        while True:
            cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - a consumer knows its own topics only
            topics = (self._kafka.events_topic, self._kafka.reference_topic)
            found = [TopicPartition(t, n) for t in topics for n in sorted(cluster.partitions_for_topic(t) or ())]
            if {tp.topic for tp in found} == set(topics):
                return found
            self.problem = "there is no events topic yet; `sales-pulse topics create` makes it"
            await asyncio.sleep(_PAUSE)

    def _open(self, partitions: int, about: Mapping[str, str], ends: Mapping[TopicPartition, int]) -> Keeper:
        told = fingerprint(self._rules, partitions)
        if self._path.exists() and (why := self._damaged or unusable(self._path, told, about)):
            self._renew(why)
        self._damaged = ""
        is_new = not self._path.exists()
        keeper = self._keep(create(self._path, told, about) if is_new else connect(self._path), partitions)
        if any(keeper.next(tp.topic, tp.partition) > end for tp, end in ends.items()):
            self._close()
            self._renew("the log ends before what was read of it")
            keeper = self._keep(create(self._path, told, about), partitions)
        return keeper

    def _keep(self, database: sqlite3.Connection, partitions: int) -> Keeper:
        self._database = database
        return Keeper(database, self._rules, partitions, self._kafka.events_topic, clock=self._clock)

    def _renew(self, why: str) -> None:
        if self.index is not None:
            self.index.close()
        self.index, self.problem = None, "the ledger is being built again"
        aside = set_aside(self._path)
        log.warning("the index cannot be gone on with and is built again", why=why, set_aside=str(aside))

    async def _read(self, consumer: AIOKafkaConsumer, keeper: Keeper, found: list[TopicPartition]) -> None:
        began = time.monotonic()
        fetched: dict[Any, list[Any]] = await consumer.getmany(timeout_ms=_IDLE_MS, max_records=_RECORDS)
        if fetched:
            parts = {(tp.topic, tp.partition): records for tp, records in fetched.items()}
            after = {(tp.topic, tp.partition): await consumer.position(tp) for tp in fetched}
            await asyncio.to_thread(keeper.take, parts, after)
        behind = 0
        for tp in found:
            stable = consumer.last_stable_offset(tp)
            behind += max(0, (stable or 0) - await consumer.position(tp))
        if self.behind and not behind:
            log.info("all of the log is read")
        self.behind = behind
        if not behind or not fetched:
            async with self._round:
                self._read_at = began
                self._round.notify_all()

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = None


def _locked(path: Path) -> Any:
    """The file's lock, held as long as the process lives. Raises LedgerError when another one has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = path.with_name(f"{path.name}.lock").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise LedgerError(f"another ledger keeps {path}; set SALES_LEDGER_URL to a file of its own") from error
    return held
