"""Dead letters seen again: read the topic to its end, and send records once more after what was wrong is put right."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from producers.partitioner import partition_for
from producers.settings import KafkaSettings

_OURS = ("reason", "detail", "source_topic", "source_partition", "source_offset")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused record: as it came, and the headers that say why and from where. `offset` is its own."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def _header(self, name: str) -> str:
        return next((value.decode(errors="replace") for key, value in reversed(self.headers) if key == name), "")

    @property
    def reason(self) -> str:
        """One of the contract's reasons."""
        return self._header("reason")

    @property
    def detail(self) -> str:
        """One line for the person who has to put it right."""
        return self._header("detail")

    @property
    def source_topic(self) -> str:
        """The topic on which it was."""
        return self._header("source_topic")

    @property
    def source(self) -> str:
        """Where it was: topic/partition/offset."""
        return "/".join(self._header(name) for name in ("source_topic", "source_partition", "source_offset"))

    def as_json(self) -> dict[str, Any]:
        """For machines and for `--json`; key and value as text, with what is no UTF-8 escaped."""
        return {
            "offset": f"{self.partition}/{self.offset}",
            "time": datetime.fromtimestamp(self.timestamp / 1000, UTC).isoformat(timespec="milliseconds"),
            "reason": self.reason,
            "detail": self.detail,
            "source": self.source,
            "key": _text(self.key),
            "value": _text(self.value),
        }


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode(errors="backslashreplace")


async def read(settings: KafkaSettings, reasons: frozenset[str] = frozenset()) -> AsyncIterator[DeadLetter]:
    """Every dead letter there is now, of some `reasons` or all; partition by partition. Raises KafkaError."""
    consumer = AIOKafkaConsumer(
        settings.dead_letters_topic,
        **settings.client_options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        await consumer.start()
        for tp in sorted(consumer.assignment()):
            async for letter in _read(consumer, tp):
                if not reasons or letter.reason in reasons:
                    yield letter
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, tp: TopicPartition) -> AsyncIterator[DeadLetter]:
    end = (await consumer.end_offsets([tp]))[tp]
    while await consumer.position(tp) < end:
        for record in (await consumer.getmany(tp, timeout_ms=1000)).get(tp, []):
            yield DeadLetter(tp.partition, record.offset, record.timestamp, record.key, record.value, record.headers)


@asynccontextmanager
async def replayer(settings: KafkaSettings) -> AsyncIterator["Replayer"]:
    """Open what sends dead letters again. Raises KafkaError."""
    producer = AIOKafkaProducer(**settings.client_options(), enable_idempotence=True, max_request_size=2 << 20)
    await producer.start()
    try:
        yield Replayer(settings, producer)
    finally:
        await producer.stop()


class Replayer:
    """Sends records to the topic they came from, on the partition that their key belongs to."""

    def __init__(self, settings: KafkaSettings, producer: AIOKafkaProducer) -> None:
        self._settings = settings
        self._producer = producer

    async def replay(self, letter: DeadLetter) -> str:
        """Send one again; returns topic/partition. An event that was counted already is recognised by its id."""
        topic = letter.source_topic or self._settings.events_topic
        count = len(await self._producer.partitions_for(topic))
        partition = partition_for(letter.key, count) if letter.key is not None else 0
        headers = [(name, value) for name, value in letter.headers if name not in _OURS]
        await self._producer.send_and_wait(
            topic, key=letter.key, value=letter.value, partition=partition, headers=headers
        )
        return f"{topic}/{partition}"
