"""Reading topics from their start to a fixed end, without a consumer group: for audit and explain."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaConnectionError, KafkaError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from producers.events import intake
from producers.log_ends import LogEnds
from producers.settings import KafkaSettings

_FETCH_BYTES = 4 << 20
_RECORDS = 5_000
_COORDINATOR_SECONDS = 30


class PositionedRecord(intake.KafkaRecord, Protocol):
    """A record of the contract, and where in its partition it lies."""

    @property
    def offset(self) -> int: ...  # noqa: D102 - named by Kafka


class Log(Protocol):
    """Topics that can be read again and again."""

    async def ends(self, topic: str) -> dict[int, int]:
        """Partition → offset after the last record. Empty when there is no such topic."""
        ...

    async def committed(self, group: str) -> dict[tuple[str, int], int]:
        """Topic and partition → the offset at which a consumer group goes on reading."""
        ...

    async def held_back(self, topic: str) -> set[int]:
        """Partitions in which an open transaction hides what lies behind it."""
        ...

    def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Sequence[PositionedRecord]]:
        """Chunks of the records with start ≤ offset < end that the partition still has, in order."""
        ...


class KafkaLog:
    """The real topics. Made for the loop in which it was opened."""

    def __init__(self, settings: KafkaSettings, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> None:
        self._settings = settings
        self._consumer = consumer
        self._admin = admin

    async def ends(self, topic: str) -> dict[int, int]:
        """Partition → offset after the last record. Empty when there is no such topic."""
        (described,) = await self._admin.describe_topics([topic])
        found = [TopicPartition(topic, partition["partition"]) for partition in described["partitions"]]
        if not found:
            return {}
        self._consumer.assign(found)
        ends = await self._consumer.end_offsets(found)
        return {tp.partition: end for tp, end in sorted(ends.items())}

    # A Kafka that no group has read from makes its topic of groups when it is first asked for one.
    @retry(
        retry=retry_if_exception_type(GroupCoordinatorNotAvailableError),
        wait=wait_fixed(0.5),
        stop=stop_after_delay(_COORDINATOR_SECONDS),
        reraise=True,
    )
    async def committed(self, group: str) -> dict[tuple[str, int], int]:
        """Topic and partition → the offset at which a consumer group goes on reading."""
        offsets = await self._admin.list_consumer_group_offsets(group)
        return {(tp.topic, tp.partition): at.offset for tp, at in offsets.items()}

    async def held_back(self, topic: str) -> set[int]:
        """Partitions in which an open transaction hides what lies behind it."""
        asking = LogEnds(self._settings, topic, "sales-pulse-audit")
        try:
            ends = await asking.ask(await asking.partitions())
        except OSError as error:
            raise KafkaConnectionError(f"Kafka does not say in time where {topic} ends") from error
        finally:
            await asking.close()
        return {number for number, end in ends.items() if end.stable < end.high}

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Sequence[PositionedRecord]]:
        """Chunks of the records with start ≤ offset < end that the partition still has, in order.

        Raises KafkaError where it ends before.
        """
        tp = TopicPartition(topic, partition)
        self._consumer.assign([tp])
        first = (await self._consumer.beginning_offsets([tp]))[tp]
        self._consumer.seek(tp, max(start, first))
        while await self._consumer.position(tp) < end:
            chunk: list[Any] = (await self._consumer.getmany(tp, timeout_ms=1000, max_records=_RECORDS)).get(tp, [])
            if chunk and chunk[-1].offset >= end:
                chunk = [record for record in chunk if record.offset < end]
            if chunk:
                yield chunk
            else:
                await self._check_end(tp, end)

    async def _check_end(self, tp: TopicPartition, end: int) -> None:
        """That what is waited for can come. Raises KafkaError."""
        if (now := (await self._consumer.end_offsets([tp]))[tp]) < end:
            raise KafkaError(
                f"{tp.topic} partition {tp.partition} ends at {now} and had records up to {end}: it lost the end of "
                "its log, or is another topic of that name"
            )


@asynccontextmanager
async def kafka_log(settings: KafkaSettings) -> AsyncIterator[KafkaLog]:
    """Open the topics of a cluster. Raises aiokafka's KafkaError when it cannot be reached."""
    options = settings.client_options()
    consumer = AIOKafkaConsumer(
        **options,
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    admin = AIOKafkaAdminClient(**options)
    try:
        await consumer.start()
        await admin.start()
        yield KafkaLog(settings, consumer, admin)
    finally:
        await asyncio.gather(consumer.stop(), admin.close(), return_exceptions=True)
