"""The changelog of one partition: what a flush writes for good, in one transaction with the source offset.

The transactional id is application and partition, so whoever opens the changelog shuts its former owner out at
the broker: that one's next commit is refused, and nothing of it is ever seen by a reader of committed records.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaError,
    KafkaTimeoutError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from producers.stopping import stop
from streams.errors import ChangelogError, Fenced, WorkerError
from streams.letters.letter import Letter
from streams.settings import WorkerSettings
from streams.state.forwarding import Copy

log = structlog.get_logger(__name__)

BATCH_BYTES = 900_000
"""Of a producer batch before compression; below the topic's max.message.bytes."""
TRANSACTION_SECONDS, LONGEST_TRANSACTION_SECONDS = 10.0, 300.0
"""After which brokers abort a transaction. Readers of committed records wait for one that a dead worker left open."""
_REQUEST_SECONDS = 20
_CLOSE_SECONDS = 1.0
_PASSING = (
    InvalidProducerIdMapping, InvalidTxnState, KafkaTimeoutError, OutOfOrderSequenceNumber, ProducerClosed,
)  # fmt: skip
"""Not retriable by the producer that met them, but gone with it."""

Pair = tuple[bytes, bytes | None]
"""Key and value of a changelog record; no value takes the key away."""


@dataclass(frozen=True, slots=True)
class Commit:
    """All that one flush writes. `offset`: where reading the source goes on after it."""

    offset: int
    cells: Sequence[Pair] = ()
    clients: Sequence[Pair] = ()
    letters: Sequence[Letter] = ()
    copies: Sequence[Copy] = ()
    """Of records for other partitions of the source, in the order of this one."""


def explained(error: KafkaError, what: str) -> WorkerError:
    """`what` could not be done: a ChangelogError where that may pass by itself, as when brokers restart."""
    # What ends aiokafka's sender comes as a bare KafkaError, a broken connection too.
    is_passing = error.retriable or isinstance(error, _PASSING) or type(error) is KafkaError
    return (ChangelogError if is_passing else WorkerError)(f"{what}: {type(error).__name__} {error}")


class Changelog(Protocol):
    """What a partition's owner needs; the real one is Kafka, tests have one in memory."""

    async def open(self) -> None:
        """Shut the former owner out. From here on nobody else can write."""

    async def write(self, commit: Commit) -> Mapping[str, int]:
        """Write everything or nothing; returns when it is durable: offset after the last record, by changelog topic.

        After an error only `close` is allowed. Raises ChangelogError (Fenced among them), WorkerError.
        """

    def known(self, positions: Mapping[str, int]) -> None:
        """Say how far the owner has read, by changelog topic: what is committed behind it is not known to it."""

    async def close(self) -> None:
        """Let go; an open transaction is left for the next owner to abort."""


class KafkaChangelog:
    """The changelog topics of one partition of one source topic, through a transactional producer."""

    def __init__(
        self,
        settings: WorkerSettings,
        topic: str,
        partition: int,
        name: str = "",
        *,
        transaction_seconds: float = TRANSACTION_SECONDS,
    ) -> None:
        self._settings = settings
        self._transaction_seconds = transaction_seconds
        self._source = TopicPartition(topic, partition)
        self._id = f"{settings.app_id}-{name}{partition}"
        self._letters_partitions = 1
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        """Start the producer: the broker aborts what a former owner left open, and refuses it from now on.

        Raises ChangelogError, WorkerError.
        """
        producer = AIOKafkaProducer(
            **self._settings.client_options(),
            client_id=f"sales-pulse-{self._id}",
            transactional_id=self._id,
            transaction_timeout_ms=int(self._transaction_seconds * 1000),
            request_timeout_ms=_REQUEST_SECONDS * 1000,
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * BATCH_BYTES,
            compression_type="snappy",
        )
        try:
            await producer.start()
            for topic in (self._settings.cells_topic, self._settings.clients_topic):
                await producer.partitions_for(topic)
            await producer.partitions_for(self._source.topic)
            self._letters_partitions = len(await producer.partitions_for(self._settings.dead_letters_topic))
        except BaseException as error:
            await stop(producer, _CLOSE_SECONDS)
            if isinstance(error, KafkaError):
                raise explained(
                    error, f"the changelog of partition {self._source.partition} could not be opened"
                ) from error
            raise
        self._producer = producer

    async def write(self, commit: Commit) -> Mapping[str, int]:
        """One transaction: both changelogs, the dead letters, copies for other partitions, and the source offset."""
        producer = self._producer
        if producer is None:
            raise ChangelogError(f"the changelog of partition {self._source.partition} is not open")
        partition, settings = self._source.partition, self._settings
        try:
            await producer.begin_transaction()
            cells, clients, *_ = await _all(
                _send(producer, settings.cells_topic, partition, _pack(producer, commit.cells)),
                _send(producer, settings.clients_topic, partition, _pack(producer, commit.clients)),
                _send(
                    producer,
                    settings.dead_letters_topic,
                    partition % self._letters_partitions,
                    _pack_records(producer, commit.letters),
                ),
                *(
                    _send(producer, self._source.topic, target, _pack_records(producer, copies))
                    for target, copies in _by_partition(commit.copies).items()
                ),
            )
            # Not beside them: while the broker adds the group to the transaction it has batches of it sent again.
            await producer.send_offsets_to_transaction({self._source: commit.offset}, settings.app_id)
            await producer.commit_transaction()
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise Fenced(partition, self._transaction_seconds) from error
        except KafkaError as error:
            raise explained(error, f"the changelog of partition {partition} could not be written") from error
        return {
            topic: after
            for topic, after in ((settings.cells_topic, cells), (settings.clients_topic, clients))
            if after is not None
        }

    def known(self, positions: Mapping[str, int]) -> None:
        """Nothing: it writes once, and a failure is its caller's."""

    async def close(self) -> None:
        """Close the connections, without waiting long for what is still unsent."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop(producer, _CLOSE_SECONDS)


async def _all(*work: Coroutine[Any, Any, int | None]) -> list[int | None]:
    """Wait for all; when one fails, the others end as well."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        raise


async def _send(producer: AIOKafkaProducer, topic: str, partition: int, batches: Iterable[BatchBuilder]) -> int | None:
    """Send batches and wait until the broker has them all; the offset after the last one, None without any."""
    sent, count = [], 0
    for batch in batches:
        count = batch.record_count()
        while True:
            try:
                sent.append(await producer.send_batch(batch, topic, partition=partition))
                break
            except KafkaTimeoutError:
                # The one before is still under way: brokers restart, or too few replicas are there. It is retried.
                log.warning("waiting for Kafka", topic=topic, partition=partition)
    # aiokafka would commit a transaction whose batches failed: only their own futures tell.
    done = await asyncio.gather(*sent)
    return done[-1].offset + count if done else None


def _pack(producer: AIOKafkaProducer, pairs: Sequence[Pair]) -> Iterable[BatchBuilder]:
    """Whole producer batches of changelog records."""
    if not pairs:
        return
    batch = producer.create_batch()
    append = batch.append
    for key, value in pairs:
        if append(key=key, value=value, timestamp=None) is None:
            batch.close()
            yield batch
            batch = producer.create_batch()
            append = batch.append
            append(key=key, value=value, timestamp=None)
    batch.close()
    yield batch


def _by_partition(copies: Iterable[Copy]) -> dict[int, list[Copy]]:
    """Copies by the partition that they are for, in order."""
    found: dict[int, list[Copy]] = {}
    for copy in copies:
        found.setdefault(copy.partition, []).append(copy)
    return found


def _pack_records(producer: AIOKafkaProducer, records: Sequence[Letter | Copy]) -> Iterable[BatchBuilder]:
    """Whole producer batches of records with headers; one that fills a batch by itself has it for itself."""
    batch = None
    for record in records:
        for _ in range(2):
            batch = batch or producer.create_batch()
            written = batch.append(key=record.key, value=record.value, timestamp=None, headers=list(record.headers))
            if written is not None:
                break
            batch.close()
            yield batch
            batch = None
    if batch is not None:
        batch.close()
        yield batch
