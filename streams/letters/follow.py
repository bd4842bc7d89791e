"""How many dead letters are open, by reason and source: every worker follows their topic, for the alert to go by.

What is read stays in a file beside the local state, so each letter is read once in the life of a data directory.
Every worker counts all of them, not its own: the alert asks for the greatest, and a rebalance changes nothing.
"""

import asyncio
import sqlite3
from time import monotonic

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from producers.kafka_insides import client_of
from streams.durable.topic_id import differ, topic_id
from streams.letters.index import Filter, LetterIndex
from streams.runtime.sensors import WorkerSensors
from streams.settings import WorkerSettings

log = structlog.get_logger(__name__)

_RETRY_SECONDS = 2.0
_FILE = "dead-letters-{}.sqlite"
_LOOK_SECONDS, _ID_SECONDS = 60.0, 5.0
"""Between two looks for letters that somebody has deleted, and whether the topic is still the same."""
_CHUNK, _PAUSE_SECONDS = 1_000, 0.1
"""Records between two pauses, in which events are folded: a backlog of letters is in no hurry."""


class OpenLetters:
    """Follows the dead letters, and tells the sensors how many are open."""

    def __init__(self, settings: WorkerSettings, sensors: WorkerSensors) -> None:
        self._settings = settings
        self._sensors = sensors
        self._topic = settings.dead_letters_topic

    async def run(self) -> None:
        """Follow, for ever; Kafka's troubles are waited out."""
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError) as error:
                log.warning("dead letters cannot be read; trying again", problem=f"{type(error).__name__} {error}")
            except sqlite3.Error as error:
                log.warning("the index of dead letters cannot be used; reading them again", problem=str(error))
                self._remove()
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            self._topic,
            **self._settings.client_options(),
            client_id=f"sales-pulse-{self._settings.worker_id}-letters",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        index: LetterIndex | None = None
        try:
            await consumer.start()
            topic = await topic_id(client_of(consumer), self._topic)
            index = await self._opened(consumer, topic)
            await self._read(consumer, index, topic)
            log.warning("the topic of dead letters was deleted and recreated; reading it from its start")
        finally:
            await consumer.stop()
            if index is not None:
                index.close()

    async def _opened(self, consumer: AIOKafkaConsumer, topic: str) -> LetterIndex:
        """The index of the topic with this id; nothing counts of one that was recreated by the same name."""
        name = _FILE.format(topic)
        self._remove(keep=name)
        index = LetterIndex(self._settings.data_dir / name, bodies=False)
        known = index.positions()
        for tp in consumer.assignment():
            if tp.partition in known:
                consumer.seek(tp, known[tp.partition])
        return index

    async def _read(self, consumer: AIOKafkaConsumer, index: LetterIndex, topic: str) -> None:
        """Read on as long as the topic has this id."""
        ends = await consumer.end_offsets(list(consumer.assignment()))
        looked, asked = -_LOOK_SECONDS, monotonic()
        while True:
            if monotonic() - asked >= _ID_SECONDS:
                asked = monotonic()
                if differ(topic, await topic_id(client_of(consumer), self._topic)):
                    return
            is_due = monotonic() - looked >= _LOOK_SECONDS
            if is_due:
                looked = monotonic()
                await self._forget(consumer, index)
            fetched = await consumer.getmany(timeout_ms=1000, max_records=_CHUNK)
            for tp, records in fetched.items():
                await asyncio.to_thread(index.take, tp.partition, records, records[-1].offset + 1)
            for tp, end in list(ends.items()):
                if await consumer.position(tp) >= end:
                    del ends[tp]
            # Until all that was there at the start is read, what is closed may look open.
            if not ends and (fetched or is_due or self._sensors.open_letters.counts is None):
                self._sensors.open_letters.counts = await asyncio.to_thread(index.counts, Filter())
            if fetched:
                await asyncio.sleep(_PAUSE_SECONDS)

    @staticmethod
    async def _forget(consumer: AIOKafkaConsumer, index: LetterIndex) -> None:
        for tp, begin in (await consumer.beginning_offsets(list(consumer.assignment()))).items():
            await asyncio.to_thread(index.forget, tp.partition, begin)

    def _remove(self, *, keep: str = "") -> None:
        for file in self._settings.data_dir.glob(_FILE.format("*") + "*"):
            if not file.name.startswith(keep or "\0"):
                file.unlink(missing_ok=True)
