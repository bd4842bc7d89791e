"""Closing dead letters: sent again or dismissed, with the mark that says so in the same transaction.

Whoever opens a closer shuts out who did so before, and reads the marks only then: however often a replay is started,
interrupted or killed, and by however many people, each letter is sent once.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from time import time
from typing import Any, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from producers.letters import REPLAYED
from producers.settings import KafkaSettings
from producers.stopping import stop
from producers.transactions import SHUT_OUT, transaction
from streams.errors import ClosingError
from streams.letters.dead_letter import DeadLetter
from streams.letters.judging import LetterJudge, ReferenceVersions, Sendable
from streams.letters.letter import mark
from streams.plain.kafka import kafka_log

DISMISSED = "dismissed"
_BATCH = 200
"""Letters per transaction: who reads the topics waits for its end."""
_TRANSACTION_MS = 10_000
_BYTES = 2 << 20
_CLOSE_SECONDS = 5.0
T_ = TypeVar("T_")


async def judge(settings: KafkaSettings) -> LetterJudge:
    """Judge by what the topics are now. Raises KafkaError."""
    reference = ReferenceVersions()
    async with kafka_log(settings) as log:
        partitions = {topic: len(await log.ends(topic)) for topic in (settings.events_topic, settings.reference_topic)}
        for partition, end in (await log.ends(settings.reference_topic)).items():
            async for chunk in log.read(settings.reference_topic, partition, 0, end):
                for record in chunk:
                    reference.take(record)
    return LetterJudge(settings, partitions, round(time() * 1000), reference)


@asynccontextmanager
async def closer(settings: KafkaSettings) -> AsyncIterator["Closer"]:
    """Shut out everybody else who closes letters; read them after this. Raises KafkaError."""
    producer = AIOKafkaProducer(
        **settings.client_options(),
        transactional_id=f"{settings.dead_letters_topic}-closing",
        transaction_timeout_ms=_TRANSACTION_MS,
        max_request_size=_BYTES,
    )
    try:
        await producer.start()
        yield Closer(settings.dead_letters_topic, producer)
    finally:
        await stop(producer, _CLOSE_SECONDS)


class Closer:
    """Sends records and marks, some hundreds in a transaction."""

    def __init__(self, topic: str, producer: AIOKafkaProducer) -> None:
        self._topic = topic
        self._producer = producer

    async def replay(self, found: Iterable[tuple[DeadLetter, Sendable]]) -> int:
        """Send records in the order given, each with its mark; how many. Raises ClosingError."""
        sent = 0
        for batch in _batches(found):
            async with self._transaction() as sending:
                for one, record in batch:
                    sending.append(
                        await self._producer.send(
                            record.topic, record.value, record.key, partition=record.partition, headers=record.headers
                        )
                    )
                    sending.append(await self._mark(one, REPLAYED))
            sent += len(batch)
        return sent

    async def dismiss(self, found: Iterable[DeadLetter]) -> int:
        """Mark letters as closed; how many. Raises ClosingError."""
        closed = 0
        for batch in _batches(found):
            async with self._transaction() as sending:
                sending += [await self._mark(one, DISMISSED) for one in batch]
            closed += len(batch)
        return closed

    async def _mark(self, one: DeadLetter, what: str) -> Any:
        if one.place is None:
            raise ValueError(one)  # the index holds none of them
        closed = mark(one.place, what)
        # Behind its letter, so that whoever reads to the letter's end and beyond meets them in order.
        return await self._producer.send(
            self._topic, closed.value, closed.key, partition=one.partition, headers=list(closed.headers)
        )

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[list[Any]]:
        """A transaction that commits when all that was put into the list has arrived."""
        try:
            async with transaction(self._producer) as sending:
                yield sending
        except SHUT_OUT as error:
            raise ClosingError("somebody else replays or dismisses dead letters now; run it again later") from error
        except KafkaError as error:
            raise ClosingError(
                f"Kafka failed ({type(error).__name__} {error}); run it again: nothing is sent twice"
            ) from error


def _batches(found: Iterable[T_]) -> Iterator[Sequence[T_]]:
    rest = iter(found)
    while batch := list(islice(rest, _BATCH)):
        yield batch
