"""The id of a topic, which tells a topic from one that was recreated by the same name: its offsets begin at 0 again."""

from asyncio import gather
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from aiokafka.client import AIOKafkaClient

from producers.kafka_requests import described
from producers.settings import KafkaSettings
from streams.errors import StateError, WorkerError


class EventsTopic(NamedTuple):
    """The events' topic as it is now. Ids are "" when brokers are too old (before 2.8) to have them.

    `changelogs`: name → id of the topics that its state is kept in. `reference`: id of the reference topic.
    """

    partitions: int
    id: str = ""
    changelogs: Mapping[str, str] = MappingProxyType({})
    reference: str = ""

    @property
    def read(self) -> tuple[str, str]:
        """The ids of the topics that the group shares out."""
        return self.id, self.reference


async def topic_id(client: AIOKafkaClient, topic: str) -> str:
    """The id of a topic. Raises KafkaError."""
    return (await source(client, topic)).id


async def source(client: AIOKafkaClient, topic: str) -> EventsTopic:
    """Partitions and id of a topic as it is now; no partitions where brokers are too old to say the id."""
    return EventsTopic(*await described(client, topic))


def differ(before: str, now: str) -> bool:
    """Whether two ids, each perhaps unknown, are of two topics."""
    return bool(before and now) and before != now


async def compare(client: AIOKafkaClient, settings: KafkaSettings, before: EventsTopic) -> None:
    """See that the events' topic, its changelogs and reference data are those of before.

    Raises WorkerError, KafkaError.
    """
    topic, reference = settings.events_topic, settings.reference_topic
    # All at once: of brokers that take a quarter of a second to answer one after another would not be known in time.
    now, *others, found = await gather(*(source(client, name) for name in (topic, *before.changelogs, reference)))
    if differ(before.id, now.id):
        raise recreated(topic, other_id(before.id, now.id))
    if now.partitions and now.partitions != before.partitions:
        raise other_count(f"{topic} had {before.partitions} partitions and has {now.partitions}")
    check_changelogs(before.changelogs, {name: one.id for name, one in zip(before.changelogs, others, strict=True)})
    if differ(before.reference, found.id):
        raise WorkerError(
            f"{reference} was deleted and recreated ({other_id(before.reference, found.id)}) while the worker ran: "
            "what it shows is of the one before, so it ends, and shows what the new one holds at the next start"
        )


def check_changelogs(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """That changelogs, name → id, are those that this worker began with. Raises WorkerError."""
    for name, known in before.items():
        if differ(known, found := now.get(name, "")):
            raise WorkerError(
                f"{name} was deleted and recreated ({other_id(known, found)}) while the worker ran: not all of the "
                "state is in there, so it ends, and counts the log again from its start at the next one"
            )


def check_whole(before: Iterable[str], now: Iterable[str]) -> None:
    """That changelogs, by their ids, are those that all of the state was written to. Raises StateError.

    What a worker wrote to those that took their place is a part of it, which nothing else in there tells.
    """
    if any(map(differ, before, now)):
        raise StateError("a part of the state was in other changelogs, which are gone")


def other_count(how: str) -> WorkerError:
    """What to say when clients' events lie on other partitions than they did."""
    return WorkerError(f"{how}: the count was changed; choose a new SALES_APP_ID so that everything is counted again")


def recreated(topic: str, how: str) -> WorkerError:
    """What to say when a topic is not the one whose events were folded. `how`: by what it is known."""
    return WorkerError(
        f"{topic} was deleted and recreated ({how}): its offsets began at 0 again, so what was counted cannot be "
        "continued; choose a new SALES_APP_ID so that everything is counted again"
    )


def other_id(before: str, now: str) -> str:
    """How a recreated topic is recognized while its offsets would fit."""
    return f"its id was {before} and is {now}"
