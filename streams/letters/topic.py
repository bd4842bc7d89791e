"""The topic of dead letters, read into an index."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from producers.settings import KafkaSettings
from streams.letters.index import LetterIndex
from streams.plain.kafka import kafka_log


@asynccontextmanager
async def everything(settings: KafkaSettings) -> AsyncIterator[LetterIndex]:
    """All dead letters that there are now, with what became of them. Raises KafkaError."""
    index = LetterIndex()
    try:
        async with kafka_log(settings) as log:
            topic = settings.dead_letters_topic
            for partition, end in (await log.ends(topic)).items():
                async for chunk in log.read(topic, partition, 0, end):
                    index.take(partition, chunk, chunk[-1].offset + 1)
        yield index
    finally:
        index.close()
