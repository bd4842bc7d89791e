"""The code blocks of the recipes, as they stand there, with the addresses of the servers that tests have."""

import re
from pathlib import Path
from typing import NamedTuple

from producers.events.intake import check
from producers.partitioner import partition_for
from producers.settings import KafkaSettings
from streams.plain.kafka import kafka_log

RECIPES = Path(__file__).parents[3] / "deploy/docs/recipes"


class Servers(NamedTuple):
    """What stands in the recipes, and what tests have instead."""

    kafka: str
    topic: str
    gateway: int = 8080
    postgres: int = 5432

    def put(self, text: str) -> str:
        """A block with the addresses of these servers."""
        text = text.replace("127.0.0.1:9092", self.kafka).replace("sales.events", self.topic)
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{self.gateway}")
        return text.replace('"database.port": "5432"', f'"database.port": "{self.postgres}"')


def block(page: str, language: str, marker: str = "") -> str:
    """The one block of a page in a language that holds a marker."""
    text = (RECIPES / f"{page}.md").read_text()
    found = [each for each in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if marker in each]
    assert len(found) == 1, (page, language, marker, len(found))
    return found[0]


async def arrived(kafka: KafkaSettings) -> dict[str, tuple[str, bool]]:
    """Of each event in Kafka, by its meeting: the client, and whether it lies where that one belongs.

    Read as a worker reads it: what would be a dead letter raises Refused.
    """
    found = {}
    async with kafka_log(kafka) as log:
        ends = await log.ends(kafka.events_topic)
        for partition, end in ends.items():
            async for chunk in log.read(kafka.events_topic, partition, 0, end):
                for record in chunk:
                    event = check(record)
                    right = record.key == event.key.encode() and partition_for(record.key, len(ends)) == partition
                    found[event.data.meeting_id] = (event.key, right)
    return found
