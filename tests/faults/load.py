"""A steady load from a thread of its own, which goes on whatever breaks and remembers what brokers acknowledged."""

import asyncio
import threading
import time
from collections.abc import Iterator
from itertools import islice

from producers.errors import PublisherError
from producers.publisher import SalesPublisher
from producers.settings import KafkaSettings
from tests.faults.mixture import Record

_TICK = 0.1
_TIMEOUT = 8.0
"""Seconds after which a batch is sent again: it may then lie in the log twice, which must not matter."""


class Load(threading.Thread):
    """Sends `rate` records a second until `stop`. After an outage it sends what it is behind as fast as it can."""

    def __init__(self, kafka: KafkaSettings, records: Iterator[Record], rate: int) -> None:
        super().__init__(name="load", daemon=True)
        self._kafka = kafka
        self._records = records
        self._rate = rate
        self._stopping = threading.Event()
        self.sent = 0
        self.again = 0
        self.values: set[bytes] = set()
        self.failure: BaseException | None = None
        self._chunk: list[Record] = []
        self._due = 0.0

    @property
    def is_on(self) -> bool:
        """Whether it sends, or tries to."""
        return self.is_alive() and not self._stopping.is_set()

    def stop(self, patience: float = 60.0) -> None:
        """Send no more; wait until what was begun is acknowledged (s)."""
        self._stopping.set()
        self.join(patience)
        assert not self.is_alive(), "the load could not send its last records"
        if self.failure is not None:
            raise self.failure

    def run(self) -> None:
        """Send, in the thread."""
        try:
            asyncio.run(self._send())
        except BaseException as error:  # noqa: BLE001 - told to the test in `stop`
            self.failure = error

    async def _send(self) -> None:
        self._due = time.monotonic()
        while not self._stopping.is_set() or self._chunk:
            try:
                async with SalesPublisher(self._kafka, timeout_seconds=_TIMEOUT) as publisher:
                    await self._steadily(publisher)
            except (PublisherError, KeyError):
                # aiokafka's producer knows a failed batch no more when it is closed: a KeyError.
                await asyncio.sleep(0.5)  # neither connecting nor closing works while brokers are away

    async def _steadily(self, publisher: SalesPublisher) -> None:
        while not self._stopping.is_set() or self._chunk:
            if not self._chunk:
                self._chunk = list(islice(self._records, max(1, int(self._rate * _TICK))))
            try:
                await publisher.publish_many_raw(self._chunk)
            except PublisherError:
                self.again += len(self._chunk)
                raise
            self.sent += len(self._chunk)
            self.values.update(value for _, value in self._chunk)
            self._chunk = []
            self._due += _TICK
            await asyncio.sleep(max(0.0, self._due - time.monotonic()))
