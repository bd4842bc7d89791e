"""The identities topic in Kafka: one partition, compacted; a record's key is the hash, its value the client."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from producers.errors import KafkaRejected, KafkaUnavailable
from producers.identities.claims import Claims
from producers.identities.resolver import Entry, Resolver
from producers.identities.settings import IdentitySettings
from producers.kafka_insides import client_of
from producers.kafka_requests import described
from producers.settings import KafkaSettings

log = structlog.get_logger(__name__)

CLAIMED = "claimed"
"""Header: when a claim was made (ms); the broker's time is that of a copy where it was written again."""
_TIMEOUT = 30.0
_CHUNK = 1000


class KafkaClaimsLog:
    """Reads and writes the topic. Made by `opened`."""

    def __init__(self, settings: KafkaSettings, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        self._where = f"Kafka at {settings.kafka_servers}"
        self._partition = TopicPartition(settings.identities_topic, 0)
        self._consumer = consumer
        self._producer = producer
        self._id = ""

    async def read(self, claims: Claims) -> None:
        """Bring all that is new up to the present end, or all of a recreated topic alone. Raises KafkaUnavailable."""
        try:
            async with asyncio.timeout(_TIMEOUT):
                await self._begin_again_if_recreated(claims)
                end = (await self._consumer.end_offsets([self._partition]))[self._partition]
                while await self._consumer.position(self._partition) < end:
                    for record in (await self._consumer.getmany(timeout_ms=200)).get(self._partition, ()):
                        _take(claims, record)
        except (KafkaError, OSError, TimeoutError) as error:
            raise KafkaUnavailable(f"{self._where} cannot be read: {type(error).__name__} {error}".strip()) from error

    async def _begin_again_if_recreated(self, claims: Claims) -> None:
        """Of a topic that is gone nobody else knows anything: who went on by it would know other clients than they."""
        _, found = await described(client_of(self._consumer), self._partition.topic)
        if self._id and found and found != self._id:
            log.warning("the identities topic was deleted and recreated; nothing of the one before counts")
            claims.clear()
            self._consumer.seek(self._partition, 0)
        self._id = found

    async def write(self, entries: Sequence[Entry]) -> None:
        """Append; when it returns, the brokers have them. Raises KafkaUnavailable."""
        try:
            async with asyncio.timeout(_TIMEOUT):
                for begin in range(0, len(entries), _CHUNK):
                    futures = [await self._send(*entry) for entry in entries[begin : begin + _CHUNK]]
                    await asyncio.gather(*futures)
        except (KafkaError, OSError, TimeoutError) as error:
            raise KafkaUnavailable(f"{self._where} takes no identities: {type(error).__name__} {error}") from error

    async def _send(self, hashed: str, client: str | None, at: int) -> "asyncio.Future[Any]":
        topic, partition = self._partition
        future: asyncio.Future[Any] = await self._producer.send(
            topic,
            None if client is None else client.encode(),
            key=hashed.encode(),
            partition=partition,
            headers=[(CLAIMED, str(at).encode())],
        )
        return future


def _take(claims: Claims, record: Any) -> None:
    """Take a record; what is none of ours is left alone."""
    said = dict(record.headers).get(CLAIMED, b"")
    at = int(said) if said.isdigit() else record.timestamp
    try:
        hashed, client = (record.key or b"").decode(), None if record.value is None else record.value.decode()
    except UnicodeDecodeError:
        return
    if hashed and client != "":
        claims.take(hashed, client, at)


@asynccontextmanager
async def opened(settings: KafkaSettings, identities: IdentitySettings | None = None) -> AsyncIterator[Resolver | None]:
    """A resolver that has read the topic; None where SALES_IDENTITY_KEY is not set.

    Raises WrongKey, KafkaUnavailable, KafkaRejected when the topic is missing.
    """
    identities = identities or IdentitySettings()
    if identities.key is None:
        yield None
        return
    options = settings.client_options()
    consumer = AIOKafkaConsumer(
        **options,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(**options, acks="all", enable_idempotence=True, linger_ms=2)
    try:
        try:
            async with asyncio.timeout(_TIMEOUT):
                await consumer.start()
                await producer.start()
                if settings.identities_topic not in await consumer.topics():
                    raise KafkaRejected(f"topic {settings.identities_topic} is missing; run sales-pulse topics create")
        except (KafkaError, OSError, TimeoutError) as error:
            raise KafkaUnavailable(f"Kafka at {settings.kafka_servers} cannot be reached: {error}") from error
        consumer.assign([TopicPartition(settings.identities_topic, 0)])
        resolver = Resolver(KafkaClaimsLog(settings, consumer, producer), identities.key, identities.identity_region)
        await resolver.start()
        yield resolver
    finally:
        await consumer.stop()
        await producer.stop()
