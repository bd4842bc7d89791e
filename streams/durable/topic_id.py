"""The id of a topic, which tells a topic from one that was recreated by the same name: its offsets begin at 0 again."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from aiokafka.client import AIOKafkaClient

from producers.kafka_requests import described
from streams.errors import WorkerError


class EventsTopic(NamedTuple):
    """The events' topic as it is now. Ids are "" when brokers are too old (before 2.8) to have them.

    `changelogs`: name → id of the topics that its state is kept in.
    """

    partitions: int
    id: str = ""
    changelogs: Mapping[str, str] = MappingProxyType({})


async def topic_id(client: AIOKafkaClient, topic: str) -> str:
    """The id of a topic. Raises KafkaError."""
    return (await source(client, topic)).id


async def source(client: AIOKafkaClient, topic: str) -> EventsTopic:
    """Partitions and id of a topic as it is now; no partitions where brokers are too old to say the id."""
    return EventsTopic(*await described(client, topic))


def differ(before: str, now: str) -> bool:
    """Whether two ids, each perhaps unknown, are of two topics."""
    return bool(before and now) and before != now


def recreated(topic: str, how: str) -> WorkerError:
    """What to say when a topic is not the one whose events were folded. `how`: by what it is known."""
    return WorkerError(
        f"{topic} was deleted and recreated ({how}): its offsets began at 0 again, so what was counted cannot be "
        "continued; choose a new SALES_APP_ID so that everything is counted again"
    )


def other_id(before: str, now: str) -> str:
    """How a recreated topic is recognized while its offsets would fit."""
    return f"its id was {before} and is {now}"
