"""What Kafka says of a topic now: where each partition ends, and that it still answers, asked by a client of its own.

Consumers and producers do not know: their requests wait long for an answer, and are tried again in silence. Here each
partition's leader is asked by itself, once, with a short time-out.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code

from producers.in_time import in_time
from producers.kafka_requests import ends, ping
from producers.settings import KafkaSettings

SILENT_SECONDS = 7.0
"""Kafka is asked every second or two: when it has not answered for so long, nothing can be told of the log."""
_ANSWER_SECONDS, _REQUEST_SECONDS = 2.0, 1.5
"""For an answer, and for one request of it: a connection on which that takes longer is renewed."""
_ANEW_SECONDS = 10.0
"""Without any answer; then the brokers that are known may all be gone, and those of the settings are asked."""


class EndOffsets(NamedTuple):
    """Offsets after the last record of a partition: that readers of committed records may see, and of all.

    They differ while a transaction is open: nothing behind its first record may be read.
    """

    stable: int
    high: int


class LogEnds:
    """Asks Kafka. `answered_at`: when (`monotonic`) a broker last answered anything."""

    def __init__(self, settings: KafkaSettings, topic: str, client_id: str) -> None:
        self._settings = settings
        self._topic = topic
        self._client_id = client_id
        self._client: AIOKafkaClient | None = None
        self.answered_at = monotonic()

    async def ask(self, partitions: Iterable[int]) -> Mapping[int, EndOffsets]:
        """The ends of those partitions whose leader answers in time. Raises KafkaError, OSError, TimeoutError."""
        client = await self.client()
        leaders: dict[int, list[int]] = defaultdict(list)
        for number in partitions:
            leader = client.cluster.leader_for_partition(TopicPartition(self._topic, number))
            leaders[-1 if leader is None else leader].append(number)
        if leaders.pop(-1, None):
            client.force_metadata_update()
        found = await asyncio.gather(
            *(
                in_time(self._of_leader(client, leader, numbers), _ANSWER_SECONDS)
                for leader, numbers in leaders.items()
            ),
            return_exceptions=True,
        )
        known: dict[int, EndOffsets] = {}
        for answer in found:
            if isinstance(answer, dict):
                known |= answer
            elif not isinstance(answer, KafkaError | OSError | TimeoutError):
                raise answer
        return known

    async def partitions(self) -> set[int]:
        """The numbers of the topic's partitions, none while there is no such topic. Raises as `ask`."""
        client = await self.client()
        found: set[int] | None = client.cluster.partitions_for_topic(self._topic)
        if not found:
            client.force_metadata_update()
        return set(found or ())

    async def brokers(self) -> Mapping[int, bool]:
        """Each broker that the last one asked knows of → whether it answers in time. Raises as `ask`."""
        client = await self.client()
        nodes = [broker.nodeId for broker in client.cluster.brokers()]
        return dict(zip(nodes, await asyncio.gather(*(self._is_there(client, node) for node in nodes)), strict=True))

    async def _is_there(self, client: AIOKafkaClient, node: int) -> bool:
        with suppress(KafkaError, OSError, TimeoutError):
            await in_time(ping(client, node), _ANSWER_SECONDS)
            return True
        return False

    async def _of_leader(self, client: AIOKafkaClient, leader: int, numbers: list[int]) -> dict[int, EndOffsets]:
        # In this order: what is stable never exceeds the high watermark that is read after it.
        stable = await self._offsets(client, leader, numbers, is_committed=True)
        high = await self._offsets(client, leader, numbers, is_committed=False)
        return {number: EndOffsets(stable[number], high[number]) for number in stable.keys() & high.keys()}

    async def _offsets(
        self, client: AIOKafkaClient, leader: int, numbers: list[int], *, is_committed: bool
    ) -> dict[int, int]:
        answers = await ends(client, leader, self._topic, numbers, is_committed=is_committed)
        self.answered_at = monotonic()
        offsets: dict[int, int] = {}
        for number, code, offset in answers:
            if code:
                error: type[KafkaError] = for_code(code)
                if error.invalid_metadata:
                    client.force_metadata_update()
            else:
                offsets[number] = offset
        return offsets

    async def client(self) -> AIOKafkaClient:
        """The client, for other questions. Raises KafkaError, OSError, TimeoutError."""
        if monotonic() - self.answered_at > _ANEW_SECONDS:
            await self.close()
        if self._client is None:
            client: Any = AIOKafkaClient(
                **self._settings.client_options(),
                client_id=self._client_id,
                request_timeout_ms=int(_REQUEST_SECONDS * 1000),
            )
            try:
                await in_time(self._connect(client), _ANSWER_SECONDS)
            except BaseException:
                await client.close()
                raise
            self._client = client
        return self._client

    async def _connect(self, client: AIOKafkaClient) -> None:
        await client.bootstrap()
        await client.set_topics([self._topic])

    async def close(self) -> None:
        """Let go of the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
