"""The log as the ledger reads it: both topics from any offsets, where they end, and whether it is still the same."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from producers.kafka_insides import client_of, partitions_of
from producers.settings import KafkaSettings
from streams.durable.topic_id import EventsTopic, differ, source, topic_id
from streams.ledger.keeper import Parts

log = structlog.get_logger(__name__)
_RECORDS = 10_000
"""Taken in one transaction at most: they and what they touch are what the process holds in memory."""
_FETCH_BYTES = 1 << 20
_IDLE_MS = 50

Ends = Mapping[TopicPartition, int]


class LogChanged(KafkaError):  # type: ignore[misc]  # noqa: N818 - aiokafka has no types here; says what happened
    """The events' topic has other partitions than it had, or one of the two is another topic of that name."""


class Reading:
    """Both topics, read committed. Raises KafkaError."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self.consumer = AIOKafkaConsumer(
            **kafka.client_options(),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            # Where what is to be read next is gone, nothing is skipped in silence: see `begin`.
            auto_offset_reset="none",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_bytes=8 * _FETCH_BYTES,
        )
        self.partitions: list[TopicPartition] = []
        self.source = EventsTopic(0)
        self.reference = ""
        self._positions: dict[TopicPartition, int] = {}
        self._limits: dict[TopicPartition, int] = {}

    async def find(self) -> bool:
        """Find all partitions of both topics; says whether they are there."""
        topics = (self._kafka.events_topic, self._kafka.reference_topic)
        numbers = await partitions_of(self.consumer, topics)
        found = [TopicPartition(topic, number) for topic in topics for number in sorted(numbers[topic])]
        if not all(numbers.values()):
            return False
        self.source = await source(client_of(self.consumer), self._kafka.events_topic)
        self.reference = await topic_id(client_of(self.consumer), self._kafka.reference_topic)
        self.partitions = found
        self.consumer.assign(found)
        return True

    async def begin(self, next_of: Callable[[str, int], int]) -> None:
        """Read on from there; what Kafka has deleted before it was read is said, and cannot be made up for."""
        first = await self.consumer.beginning_offsets(self.partitions)
        for tp in self.partitions:
            at = next_of(tp.topic, tp.partition)
            if 0 < at < first[tp]:
                log.warning(
                    "records were deleted from the log before they were read; what they added is missing",
                    topic=tp.topic, partition=tp.partition, records=first[tp] - at,
                )  # fmt: skip
            self._positions[tp] = max(first[tp], at)
            self.consumer.seek(tp, self._positions[tp])

    async def ends(self) -> dict[TopicPartition, int]:
        """Where all that is committed ends now. Raises LogChanged, KafkaError."""
        now = await source(client_of(self.consumer), self._kafka.events_topic)
        if now.partitions != self.source.partitions or differ(self.source.id, now.id):
            raise LogChanged(self._kafka.events_topic)
        if differ(self.reference, await topic_id(client_of(self.consumer), self._kafka.reference_topic)):
            raise LogChanged(self._kafka.reference_topic)
        ends: dict[TopicPartition, int] = await self.consumer.end_offsets(self.partitions)
        if len(ends) < len(self.partitions):
            raise KafkaError("Kafka does not say where all partitions end")
        return ends

    async def more(self) -> tuple[Parts, dict[TopicPartition, int]]:
        """The next records, and the positions after them."""
        fetched: dict[Any, list[Any]] = await self.consumer.getmany(timeout_ms=_IDLE_MS, max_records=_RECORDS)
        positions = {tp: await self.consumer.position(tp) for tp in self.partitions}
        for tp, limit in self._limits.items():
            self._cut(tp, max(limit, self._positions[tp]), fetched, positions)
        self._positions = positions
        return {(tp.topic, tp.partition): records for tp, records in fetched.items()}, positions

    def hold(self, limits: Mapping[int, int]) -> None:
        """Read these partitions of events up to their limits (offsets), and others as before; none: all are read on."""
        now = {tp: limits[tp.partition] for tp in self.partitions if self._is_held(tp, limits)}
        self.consumer.resume(*self._limits)
        self._limits = now

    def _is_held(self, tp: TopicPartition, limits: Mapping[int, int]) -> bool:
        return tp.topic == self._kafka.events_topic and tp.partition in limits

    def _cut(
        self, tp: TopicPartition, stop: int, fetched: dict[Any, list[Any]], positions: dict[TopicPartition, int]
    ) -> None:
        """Leave what lies at `stop` or behind it for later."""
        if positions[tp] < stop:
            return
        if positions[tp] > stop:
            fetched[tp] = [record for record in fetched.get(tp, ()) if record.offset < stop]
            self.consumer.seek(tp, stop)
            positions[tp] = stop
        self.consumer.pause(tp)

    async def stop(self) -> None:
        """Let go of Kafka."""
        await self.consumer.stop()
