"""A load of transactions of other producers: committed, aborted, open for long, and left open by one that died."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from itertools import count, cycle
from typing import Any

from aiokafka import AIOKafkaProducer
from typing_extensions import override

from producers.settings import KafkaSettings
from tests.faults.load import Load
from tests.faults.mixture import Record

EACH = 20
"""Records of a transaction, spread over all partitions."""
OPEN_SECONDS, LEFT_SECONDS = 3.0, 5.0
"""A long one stays open so long; brokers abort one that is left open after as long, and what they take to see it."""
FATES = ("commit", "abort", "commit late", "abort late", "commit", "leave")


class Transactions(Load):
    """Sends transactions until `stop`. committed, aborted: records of each kind, whose manager says which they are.

    is_open: set while a long transaction has records in the log and is not decided.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        super().__init__(kafka, iter(()), 0)
        self.name = "transactions"
        self.committed = 0
        self.aborted: set[bytes] = set()
        self.left = 0
        self.is_open = threading.Event()

    @override
    async def _send(self) -> None:
        numbers = count()
        async with self._producer("tx") as producer:
            for fate in cycle(FATES):
                if self._stopping.is_set():
                    break
                await self._transact(producer, fate, list(_records(fate, numbers)))
        if self.left:
            # Whoever takes over the name of a producer that died ends what it left open.
            async with self._producer("tx-left"):
                pass

    def _producer(self, name: str) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._kafka.kafka_servers,
            transactional_id=f"{self._kafka.topic_prefix}-{name}",
            transaction_timeout_ms=int(LEFT_SECONDS * 1000),
        )

    async def _transact(self, producer: AIOKafkaProducer, fate: str, records: list[Record]) -> None:
        values = {value for _, value in records}
        if fate == "leave":
            self.aborted |= values
            self.left += 1
            async with self._producer("tx-left") as dying:
                await self._append(dying, records)
            return
        await self._append(producer, records)
        if fate.endswith("late"):
            self.is_open.set()
            await asyncio.sleep(OPEN_SECONDS)
            self.is_open.clear()
        if fate.startswith("commit"):
            await producer.commit_transaction()
            self.committed += len(records)
            self.sent += len(records)
            self.values |= values
        else:
            await producer.abort_transaction()
            self.aborted |= values

    async def _append(self, producer: AIOKafkaProducer, records: list[Record]) -> None:
        await producer.begin_transaction()
        sent: list[Any] = [
            await producer.send(self._kafka.events_topic, key=key, value=value) for key, value in records
        ]
        for one in sent:
            await one


def _records(fate: str, numbers: Iterator[int]) -> Iterator[Record]:
    manager = "tx-committed" if fate.startswith("commit") else "tx-aborted"
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for _ in range(EACH):
        client = f"tx-{next(numbers)}"
        event = {
            "specversion": "1.0", "id": client, "source": "test://tx", "type": "sales.meeting.held.v1", "time": now,
            "data": {"meeting_id": client, "client_id": client, "manager_id": manager},
        }  # fmt: skip
        yield client.encode(), json.dumps(event).encode()
