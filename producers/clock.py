"""Repairs topics on which senders set the time of records: brokers shall, as the contract needs it.

What lies there already keeps its sender's time and is refused from now on. Events can be sent again from the dead
letters; reference data that nobody refused when it came is sent again here, as it is, so that it goes on to count.
"""

from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from producers.brokers import until
from producers.errors import Refused, TopicsError
from producers.events.intake import KafkaRecord, check_reference, decode_reference
from producers.events.version import version
from producers.events.wire import ReferenceEvent
from producers.reference.topic import reading
from producers.settings import KafkaSettings
from producers.topics import BY_SENDER, CLOCK, VISIBLE_SECONDS

_OF_THE_TOPIC = 1
"""Source of a setting that was set on the topic itself."""
_OF_THE_BROKER = 1
"""Type of a record's time: 0 is its sender's."""


async def mend(settings: KafkaSettings) -> tuple[str, ...]:
    """Let brokers set the clock of events and reference data; what was done, a line each. Raises TopicsError."""
    admin = AIOKafkaAdminClient(**settings.client_options())
    try:
        await admin.start()
        there = set(await admin.list_topics())
        topics = [topic for topic in (settings.events_topic, settings.reference_topic) if topic in there]
        changed = [topic for topic in topics if await _set(admin, topic)]
        await _taken_up(admin, changed)
        done = [f"{topic} has {CLOCK}=LogAppendTime now" for topic in changed]
        if settings.reference_topic in topics and (sent := await _send_again(settings)):
            done.append(f"{sent} records of {settings.reference_topic} were sent again")
    except (KafkaError, OSError) as error:
        raise TopicsError(f"Kafka at {settings.kafka_servers} refuses: {type(error).__name__} {error}") from error
    finally:
        await admin.close()
    return tuple(done)


async def _set(admin: AIOKafkaAdminClient, topic: str) -> bool:
    entries = await _entries(admin, topic)
    if not _by_sender(entries):
        return False
    # What is not named falls back to its default.
    own = {entry[0]: entry[1] for entry in entries if entry[3] == _OF_THE_TOPIC}
    (altered,) = await admin.alter_configs(
        [ConfigResource(ConfigResourceType.TOPIC, topic, {**own, CLOCK: "LogAppendTime"})]
    )
    for code, message, *_ in altered.resources:
        if code:
            raise TopicsError(f"{topic}: {message or for_code(code).__name__}")
    return True


async def _entries(admin: AIOKafkaAdminClient, topic: str) -> list[tuple[Any, ...]]:
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    ((code, message, _kind, _name, entries, *_),) = answer.resources
    if code:
        raise TopicsError(f"the settings of topic {topic} cannot be read: {message or for_code(code).__name__}")
    return list(entries)


def _by_sender(entries: list[tuple[Any, ...]]) -> bool:
    return {entry[0]: entry[1] for entry in entries}.get(CLOCK) == BY_SENDER


async def _taken_up(admin: AIOKafkaAdminClient, topics: list[str]) -> None:
    """Wait for the brokers: the controller answers first, they follow."""

    async def by_sender() -> list[str]:
        return [topic for topic in topics if _by_sender(await _entries(admin, topic))]

    if left := await until(by_sender, lambda topics: not topics, seconds=VISIBLE_SECONDS):
        raise TopicsError(f"{left[0]} keeps {CLOCK}={BY_SENDER} after {VISIBLE_SECONDS:.0f} s; look at the brokers")


async def _send_again(settings: KafkaSettings) -> int:
    """Send what would count but for its clock, once; how many records."""
    lost: dict[bytes | None, tuple[int, KafkaRecord, ReferenceEvent]] = {}
    held: dict[bytes | None, ReferenceEvent] = {}
    async with reading(settings) as records:
        async for partition, record in records:
            key = record.key
            if record.value is None:
                held.pop(key, None)
                lost.pop(key, None)
                continue
            try:
                event, is_lost = check_reference(record), False
            except Refused as refused:
                if refused.reason != "no_broker_time":
                    continue
                event, is_lost = decode_reference(record), True
            if all(version(event) > version(one) for one in (held.get(key), lost.get(key, (0, 0, None))[2]) if one):
                lost.pop(key, None)
                if is_lost:
                    lost[key] = partition, record, event
                else:
                    held[key] = event
            elif not is_lost and key in lost and version(event) == version(lost[key][2]):
                del lost[key]  # it was sent again before
    if not lost:
        return 0
    async with AIOKafkaProducer(**settings.client_options(), acks="all", enable_idempotence=True) as producer:
        for partition, record, _ in lost.values():
            await _with_its_time(producer, settings.reference_topic, partition, record)
    return len(lost)


async def _with_its_time(producer: AIOKafkaProducer, topic: str, partition: int, record: KafkaRecord) -> None:
    """Send until the record bears its broker's time: a leader may take the setting up after the broker asked above."""

    async def time_of_sent() -> int:
        sent = await producer.send_and_wait(
            topic, record.value, record.key, partition=partition, headers=list(record.headers)
        )
        return int(sent.timestamp_type)

    if await until(time_of_sent, lambda kind: kind == _OF_THE_BROKER, seconds=VISIBLE_SECONDS) != _OF_THE_BROKER:
        raise TopicsError(f"records of {topic} bear no broker's time yet; run it again in a minute")
