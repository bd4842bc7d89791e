"""Reading changelogs back in batches: hundreds of thousands of records a second instead of Faust's few thousand.

The end is asked for after the former owner was shut out, so nothing can follow it. Progress goes by positions, since
transaction markers and compacted records take up offsets that no record has.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from producers.kafka_insides import client_of
from streams.durable.changelog import Pair, explained
from streams.durable.topic_id import check_changelogs, topic_id
from streams.errors import ChangelogError, StateError
from streams.settings import WorkerSettings
from streams.state.records import AS_DECODED

log = structlog.get_logger(__name__)

_FETCH_BYTES = 8 << 20
_RECORDS = 10_000
_PROGRESS_SECONDS = 5.0
_IDLE_SECONDS = 120.0

Apply = Callable[[Iterable[Pair]], None]
"""Takes over changelog records, in order."""


@dataclass(slots=True)
class RestoreProgress:
    """How far restoring one partition is: `read` records of about `total` offsets."""

    partition: int
    read: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a partition of the source topic holds: offsets of its first record and after its last one.

    `log`: id of the topic that holds it, "" where brokers are too old to have ids.
    """

    begin: int
    end: int
    log: str


@dataclass(frozen=True, slots=True)
class Restored:
    """`source`: what the log holds; `positions`: offset after the last record read, by changelog topic."""

    source: Bounds
    positions: Mapping[str, int] = field(default_factory=dict)


def reader(settings: WorkerSettings, name: str, **options: Any) -> AIOKafkaConsumer:
    """A consumer of changelogs, not started: without a group, of what is committed. options: more of aiokafka's."""
    return AIOKafkaConsumer(
        **settings.client_options(),
        client_id=f"sales-pulse-{name}",
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        value_deserializer=AS_DECODED,
        **options,
    )


def check_reached(positions: Mapping[str, int], ends: Mapping[str, int]) -> None:
    """That changelogs reach what is on disk, both by topic. Raises StateError: they are not those it came from."""
    for topic, position in positions.items():
        if position > ends[topic]:
            raise StateError(f"{topic} ends at {ends[topic]}, before what is on disk ({position})")


class StateRestorer(Protocol):
    """Reads the changelogs of one partition to their end."""

    async def restore(
        self, partition: int, starts: Mapping[str, int], apply: Mapping[str, Apply], progress: RestoreProgress
    ) -> Restored:
        """Hand every record from `starts` (topic → offset) on to `apply` (topic → function)."""


class KafkaRestorer:
    """Reads committed records without a group, of changelogs that have these ids (by name) or are not among them."""

    def __init__(self, settings: WorkerSettings, changelogs: Mapping[str, str]) -> None:
        self._settings = settings
        self._changelogs = changelogs

    async def restore(
        self, partition: int, starts: Mapping[str, int], apply: Mapping[str, Apply], progress: RestoreProgress
    ) -> Restored:
        """Hand every committed record on, a fetch at a time. Raises ChangelogError, WorkerError."""
        consumer = reader(
            self._settings,
            f"restore-{partition}",
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        try:
            await consumer.start()
            return await self._read(consumer, partition, starts, apply, progress)
        except KafkaError as error:
            raise explained(error, f"partition {partition} could not be restored") from error
        finally:
            await consumer.stop()

    async def _read(
        self,
        consumer: AIOKafkaConsumer,
        partition: int,
        starts: Mapping[str, int],
        apply: Mapping[str, Apply],
        progress: RestoreProgress,
    ) -> Restored:
        source = TopicPartition(self._settings.events_topic, partition)
        changelogs = [TopicPartition(topic, partition) for topic in apply]
        everything = [source, *changelogs]
        consumer.assign(changelogs)
        # Of the source as well: whether its log still reaches down to the fence is judged of the same moment.
        begins, ends = await asyncio.gather(consumer.beginning_offsets(everything), consumer.end_offsets(everything))
        # Asked after the ends: a topic that was deleted and recreated in between has another id by now.
        client = client_of(consumer)
        log_id = await topic_id(client, source.topic)
        ids = {tp.topic: await topic_id(client, tp.topic) for tp in changelogs}
        check_changelogs({name: self._changelogs.get(name, "") for name in ids}, ids)
        missing = set()
        for tp in changelogs:
            start = max(starts.get(tp.topic, 0), begins[tp])
            consumer.seek(tp, start)
            progress.total += max(0, ends[tp] - start)
            if start < ends[tp]:
                missing.add(tp)
        await self._drain(consumer, missing, ends, apply, progress)
        # The ends, not the last records: markers may lie between, and what comes after is another owner's.
        return Restored(Bounds(begins[source], ends[source], log_id), {tp.topic: ends[tp] for tp in changelogs})

    async def _drain(
        self,
        consumer: AIOKafkaConsumer,
        missing: set[TopicPartition],
        ends: Mapping[TopicPartition, int],
        apply: Mapping[str, Apply],
        progress: RestoreProgress,
    ) -> None:
        """Hand on what comes until all of these are read to their ends. Raises ChangelogError when nothing comes."""
        loop = asyncio.get_running_loop()
        said = heard = loop.time()
        while missing:
            fetched: dict[Any, list[Any]] = await consumer.getmany(*missing, timeout_ms=1000, max_records=_RECORDS)
            for tp, records in fetched.items():
                apply[tp.topic]([(record.key, record.value) for record in records])
                progress.read += len(records)
                heard = loop.time()
            for tp in list(missing):
                if await consumer.position(tp) >= ends[tp]:
                    missing.discard(tp)
            now = loop.time()
            if now - heard > _IDLE_SECONDS:
                raise ChangelogError(
                    f"partition {progress.partition} could not be restored: Kafka sends nothing for "
                    f"{_IDLE_SECONDS:.0f} s"
                )
            if now - said > _PROGRESS_SECONDS:
                said = now
                log.info("restoring", partition=progress.partition, read=progress.read, of=progress.total)
            # `getmany` does not give way while records are at hand, and health and other partitions are of this loop.
            await asyncio.sleep(0)
