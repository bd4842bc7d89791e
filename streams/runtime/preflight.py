"""What must be true before a worker works: its folder is its own, Kafka answers, the topics are there and fit."""

import asyncio
import fcntl
from pathlib import Path
from typing import IO

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from producers.errors import TopicsError
from producers.kafka_insides import client_of
from producers.topics import ensure, specs
from streams.durable.topic_id import EventsTopic, other_count, topic_id
from streams.errors import WorkerError
from streams.settings import WorkerSettings

log = structlog.get_logger(__name__)

_RETRY_SECONDS = 1.0
_SAY_SECONDS = 5.0


def lock(folder: Path, worker_id: str) -> IO[str]:
    """Hold the data directory as long as the returned file is open. Raises WorkerError when another worker has it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        owner = file.read().strip() or "another worker"
        file.close()
        raise WorkerError(
            f"{folder} is in use by {owner}: give each worker its own SALES_DATA_DIR and SALES_WORKER_ID"
        ) from error
    file.truncate(0)
    file.write(worker_id)
    file.flush()
    return file


async def prepare_topics(settings: WorkerSettings) -> EventsTopic:
    """Create what is missing; what the events' topic is. Waits for Kafka, but not for ever."""
    loop = asyncio.get_running_loop()
    deadline, said = loop.time() + settings.start_timeout, 0.0
    while True:
        try:
            return await _prepare(settings)
        except (TopicsError, KafkaError, OSError) as error:
            now = loop.time()
            if now >= deadline:
                raise WorkerError(
                    f"cannot reach Kafka at {settings.kafka_servers}: is it running? Set SALES_KAFKA_SERVERS ({error})"
                ) from error
            if now - said >= _SAY_SECONDS:
                said = now
                log.warning("waiting for Kafka", servers=settings.kafka_servers, problem=str(error))
            await asyncio.sleep(_RETRY_SECONDS)


async def _prepare(settings: WorkerSettings) -> EventsTopic:
    # Who is who is the ways in's business: a worker needs no right to that topic.
    contract = [spec for spec in specs(settings) if spec.name != settings.identities_topic]
    topics = await ensure(settings, contract, lenient=True)
    if topics.clocks:
        raise WorkerError("; ".join(topics.clocks))
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        count = await _count(admin, settings.events_topic)
        client = client_of(admin)
        found = await topic_id(client, settings.events_topic)
        changelogs = settings.changelogs(count)
        extra = await ensure(settings, changelogs, lenient=True)
        for created in (*topics.created, *extra.created):
            log.info("topic created", topic=created)
        for difference in dict.fromkeys(topics.differences):
            log.warning("topic differs", difference=difference)
        for spec in changelogs:
            there = await _count(admin, spec.name)
            if not there:
                raise TopicsError(f"{spec.name} is being made by another worker")
            if there != count:
                raise other_count(f"{spec.name} has {there} partitions and {settings.events_topic} has {count}")
        return EventsTopic(
            count,
            found,
            {spec.name: await topic_id(client, spec.name) for spec in changelogs},
            await topic_id(client, settings.reference_topic),
        )
    finally:
        await admin.close()


async def _count(admin: AIOKafkaAdminClient, topic: str) -> int:
    (described,) = await admin.describe_topics([topic])
    return len(described["partitions"])
