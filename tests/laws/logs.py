"""Topics in memory, for whatever reads logs again and again."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from producers.partitioner import partition_for
from producers.settings import KafkaSettings
from tests.laws.mixtures import Json, encode, key_of
from tests.laws.replay import Rec
from tests.support.folding import at_once


class InMemoryLog:
    """Events of a mixture spread over partitions as Kafka would, in small chunks.

    later: how long (ms) after they happened events reach the broker, one after another, again and again.
    """

    def __init__(
        self, mixture: Sequence[Json], partitions: int, references: Sequence[Json] = (), later: Sequence[int] = (0,)
    ) -> None:
        self.topics: dict[str, dict[int, list[Any]]] = {
            "sales.events": {number: [] for number in range(partitions)},
            "sales.reference": {0: []},
        }
        self.held: set[int] = set()
        for n, one in enumerate(mixture):
            self.add(one, later[n % len(later)])
        held = self.topics["sales.reference"][0]
        held.extend(Rec(n, _reference_key(one), encode(one)) for n, one in enumerate(references))

    def add(self, one: Json, later: int = 0) -> None:
        """Append an event; it comes so long (ms) after it happened."""
        key = key_of(one).encode()
        events = self.topics["sales.events"]
        held = events[partition_for(key, len(events))]
        value = encode(one)
        held.append(Rec(len(held), key, value, at_once(value) + later))

    async def ends(self, topic: str) -> dict[int, int]:
        return {number: len(records) for number, records in self.topics.get(topic, {}).items()}

    async def committed(self, _group: str) -> dict[tuple[str, int], int]:
        return {(topic, number): len(held) for topic, all_ in self.topics.items() for number, held in all_.items()}

    async def held_back(self, _topic: str) -> set[int]:
        return self.held

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Any]]:
        for first in range(start, end, 7):
            yield self.topics[topic][partition][first : min(first + 7, end)]

    @asynccontextmanager
    async def opened(self, _settings: KafkaSettings) -> AsyncIterator["InMemoryLog"]:
        """As `kafka_log` opens the real one."""
        yield self


def _reference_key(one: Json) -> bytes:
    data = one["data"]
    match one["type"]:
        case "sales.manager.changed.v1":
            return f"manager:{data['manager_id']}".encode()
        case "sales.pipeline.changed.v1":
            return f"pipeline:{data['of']}:{data['pipeline']}".encode()
        case "sales.rate.set.v1":
            return f"rate:{data['currency']}:{data['date']}".encode()
        case _:
            return f"plan:{data['scope']}:{data['measure']}:{data['period']}".encode()
