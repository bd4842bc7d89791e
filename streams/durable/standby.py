"""Standby copies: what others own, kept on disk as their changelogs grow, so that taking it over reads little.

Whose copies a worker keeps is Faust's choice, which makes a standby the next owner where it can. A copy is the same
folder that an owner uses: taking over means to close it here and to restore from disk there.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from metrics.ending import end_tasks
from streams.durable.local_store import LocalStore
from streams.durable.restore import check_reached, reader
from streams.errors import StateError
from streams.settings import WorkerSettings

log = structlog.get_logger(__name__)

_FETCH_BYTES = 4 << 20
_FETCH_MS = 1000
_RECORDS = 2_000
"""Written to disk in one go, between which the owned partitions have their turn."""
_RETRY_SECONDS = 5.0
_CONFIRM_SECONDS = 600.0
"""A copy that nothing is written to is still known to be up to date: its age on disk must not say otherwise."""


class Standbys:
    """The copies that one worker keeps. `lags`: changelog records that each does not have yet, by partition."""

    def __init__(
        self,
        settings: WorkerSettings,
        stores: Callable[[int], LocalStore],
        set_aside: Callable[[int], None],
        lags: dict[int, int],
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._set_aside = set_aside
        self._lags = lags
        self._numbers: frozenset[int] = frozenset()
        self._following: asyncio.Task[None] | None = None

    async def follow(self, numbers: Collection[int]) -> None:
        """Keep copies of these partitions, and of no others."""
        wanted = frozenset(numbers)
        if wanted == self._numbers:
            return
        await self.close()
        self._numbers = wanted
        if wanted:
            log.info("standing by", partitions=sorted(wanted))
            self._following = asyncio.create_task(self._run(), name="standby")

    async def release(self, numbers: Collection[int]) -> None:
        """Let go of the folders of these partitions: they are about to be owned."""
        if self._numbers.intersection(numbers):
            await self.follow(self._numbers.difference(numbers))

    async def close(self) -> None:
        """Keep none."""
        following, self._following, self._numbers = self._following, None, frozenset()
        if following is not None:
            await end_tasks([following])
        self._lags.clear()

    async def _run(self) -> None:
        """Follow for ever: a copy is a convenience, its failures are no reason to stop owning."""
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError, StateError) as error:
                log.warning("standing by is interrupted", problem=str(error), again_in=_RETRY_SECONDS)
            except Exception:
                log.exception("standing by failed", again_in=_RETRY_SECONDS)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
        consumer = reader(
            self._settings,
            f"{self._settings.worker_id}-standby",
            auto_offset_reset="none",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=_FETCH_MS,
        )
        copies: dict[int, _Copy] = {}
        try:
            await consumer.start()
            await self._open(consumer, copies)
            while True:
                await self._step(consumer, copies)
        finally:
            for copy in copies.values():
                copy.store.close()
            await consumer.stop()

    async def _open(self, consumer: AIOKafkaConsumer, copies: dict[int, "_Copy"]) -> None:
        topics = self._settings.cells_topic, self._settings.clients_topic
        everything = [TopicPartition(topic, number) for number in self._numbers for topic in topics]
        begins, ends = await asyncio.gather(consumer.beginning_offsets(everything), consumer.end_offsets(everything))
        consumer.assign(everything)
        for number in sorted(self._numbers):
            limits = {topic: ends[TopicPartition(topic, number)] for topic in topics}
            copies[number] = copy = self._copy(number, limits)
            for topic in topics:
                tp = TopicPartition(topic, number)
                copy.positions[topic] = max(begins[tp], copy.positions.get(topic, 0))
                consumer.seek(tp, copy.positions[topic])
            self._lags[number] = copy.behind(limits)

    def _copy(self, number: int, limits: Mapping[str, int]) -> "_Copy":
        """What is on disk; nothing where that is too old, damaged or of other changelogs."""
        try:
            return _opened(self._stores(number), limits)
        except StateError as error:
            log.warning("the standby copy cannot be used; building it again", partition=number, problem=str(error))
            self._set_aside(number)
            return _Copy(self._stores(number))

    async def _step(self, consumer: AIOKafkaConsumer, copies: dict[int, "_Copy"]) -> None:
        fetched: dict[Any, list[Any]] = await consumer.getmany(timeout_ms=_FETCH_MS, max_records=_RECORDS)
        for number, copy in copies.items():
            # Of all: what ends a transaction moves a position and is no record.
            for topic in copy.positions:
                copy.positions[topic] = await consumer.position(TopicPartition(topic, number))
        for tp, records in fetched.items():
            store = copies[tp.partition].store
            put = store.put_cells if tp.topic == self._settings.cells_topic else store.put_many
            put([(record.key, record.value) for record in records])
        for number in {tp.partition for tp in fetched}:
            try:
                copies[number].commit()
            except StateError:
                copies.pop(number).store.close()
                self._set_aside(number)
                raise
        await self._look(consumer, copies)

    async def _look(self, consumer: AIOKafkaConsumer, copies: Mapping[int, "_Copy"]) -> None:
        """How far each copy is behind; one that has been up to date for long is written down as such."""
        for number, copy in copies.items():
            # Behind the last stable offset is a flush under way, or one that its dead owner left: nobody may read it.
            ends = {topic: consumer.last_stable_offset(TopicPartition(topic, number)) for topic in copy.positions}
            if None not in ends.values():
                self._lags[number] = copy.behind(ends)
            if time.monotonic() - copy.committed_at > _CONFIRM_SECONDS:
                tps = [TopicPartition(topic, number) for topic in copy.positions]
                if not copy.behind({tp.topic: end for tp, end in (await consumer.end_offsets(tps)).items()}):
                    copy.commit()


@dataclass(slots=True)
class _Copy:
    """One partition's copy. `positions`: offset after the last record that it has, by changelog topic."""

    store: LocalStore
    positions: dict[str, int] = field(default_factory=dict)
    committed_at: float = field(default_factory=time.monotonic)

    def commit(self) -> None:
        self.store.commit((), (), self.positions)
        self.committed_at = time.monotonic()

    def behind(self, ends: Mapping[str, int]) -> int:
        return sum(max(0, ends[topic] - position) for topic, position in self.positions.items())


def _opened(store: LocalStore, limits: Mapping[str, int]) -> _Copy:
    """The copy in a store. Raises StateError, and has closed the store then."""
    try:
        saved = store.saved()
        copy = _Copy(store, dict(saved.positions) if saved is not None else {})
        check_reached(copy.positions, limits)
    except StateError:
        store.close()
        raise
    return copy


__all__ = ["Standbys"]
