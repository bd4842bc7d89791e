"""A load whose records lie on any partition, under keys of any spelling, as clients of other languages put them."""

import asyncio
import json
import time
from itertools import islice
from zlib import crc32

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from typing_extensions import override

from tests.faults.load import _TICK, Load
from tests.faults.mixture import Record

SENDERS = 4
"""The right partition; another partitioner; quoted keys; no keys."""


def placed(record: Record, number: int, partitions: int) -> tuple[bytes | None, int | None]:
    """Key and partition that its client's sender gives a record; None: as Kafka's default partitioner says."""
    key = record[0]
    match crc32(key) % SENDERS:
        case 0:
            return key, None
        case 1:
            return key, crc32(key) % partitions
        case 2:
            quoted = json.dumps(key.decode(errors="replace")).encode()
            return quoted, crc32(quoted) % partitions
        case _:
            return None, number % partitions


class MisplacedLoad(Load):
    """Sends single records by aiokafka's own producer; what is not acknowledged is sent again."""

    @override
    async def _send(self) -> None:
        self._due = time.monotonic()
        options = {"bootstrap_servers": self._kafka.kafka_servers, "enable_idempotence": True}
        async with AIOKafkaProducer(**options) as producer:
            while not self._stopping.is_set() or self._chunk:
                if not self._chunk:
                    self._chunk = list(islice(self._records, max(1, int(self._rate * _TICK))))
                try:
                    await self._place(producer)
                except KafkaError:
                    self.again += len(self._chunk)
                    continue
                self.sent += len(self._chunk)
                self.values.update(value for _, value in self._chunk)
                self._chunk = []
                self._due += _TICK
                await asyncio.sleep(max(0.0, self._due - time.monotonic()))

    async def _place(self, producer: AIOKafkaProducer) -> None:
        sent = []
        for number, record in enumerate(self._chunk, self.sent):
            key, partition = placed(record, number, self._kafka.partitions)
            sent.append(await producer.send(self._kafka.events_topic, record[1], key, partition))
        for one in sent:
            await one
