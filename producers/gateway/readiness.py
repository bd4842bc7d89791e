"""Whether Kafka takes events now: asked all the time, so that readiness goes and comes back without any request.

An unready gateway gets no requests, so none can tell that Kafka is back; an idle one would not know that it is gone.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, Protocol

from aiokafka.errors import KafkaError

from producers.log_ends import SILENT_SECONDS

_ASK_SECONDS = 1.0
_DOUBT_SECONDS = 3.0
"""So long after Kafka refused events a gateway is not ready, whatever else Kafka answers."""


class Kafka(Protocol):
    """What is asked; `producers.log_ends.LogEnds` for real."""

    async def partitions(self) -> set[int]:
        """The partitions of the topic. Raises KafkaError, OSError, TimeoutError."""

    async def ask(self, partitions: Iterable[int]) -> Mapping[int, Any]:
        """Something for each partition whose leader answers in time. Raises the same."""

    async def brokers(self) -> Mapping[int, bool]:
        """Each broker → whether it answers in time. Raises the same."""


class Readiness:
    """`run` asks for ever; `problem` says what is wrong. Who sends events tells what became of them."""

    def __init__(self, kafka: Kafka | None, topic: str, clock: Callable[[], float] = monotonic) -> None:
        self._kafka = kafka
        self._topic = topic
        self._clock = clock
        self._answered: dict[int, float] = {}
        self._heard: dict[int, float] = {}
        self._known_at = clock()
        self._refused_at = -_DOUBT_SECONDS
        self._refusal = ""

    async def run(self) -> None:
        """Ask every second, for ever."""
        while True:
            began = self._clock()
            await self.ask()
            await asyncio.sleep(max(0.0, began + _ASK_SECONDS - self._clock()))

    async def ask(self) -> None:
        """Ask each leader once."""
        if self._kafka is None:
            return
        with suppress(KafkaError, OSError, TimeoutError):
            if numbers := await self._kafka.partitions():
                began = self._clock()
                self._known_at = began
                self._answered = {number: self._answered.get(number, began) for number in numbers}
                ends, brokers = await asyncio.gather(self._kafka.ask(numbers), self._kafka.brokers())
                now = self._clock()
                self._answered |= dict.fromkeys(ends, now)
                self._heard = {one: now if there else self._heard.get(one, began) for one, there in brokers.items()}

    def taken(self) -> None:
        """Kafka took events."""
        self._refusal = ""

    def refused(self, why: str) -> None:
        """Kafka did not take events, and a broker may answer all the same."""
        self._refusal, self._refused_at = why, self._clock()

    @property
    def problem(self) -> str:
        """Why events cannot be taken now; "" when they can."""
        now = self._clock()
        if self._refusal and now - self._refused_at < _DOUBT_SECONDS:
            return self._refusal
        if self._kafka is None:
            return ""
        if not self._answered:
            silence = now - self._known_at
            return f"Kafka tells of no topic {self._topic} for {silence:.0f} s" if silence > SILENT_SECONDS else ""
        silent = {number: now - at for number, at in self._answered.items() if now - at > SILENT_SECONDS}
        if not silent:
            return self._lonely(now)
        where = "Kafka" if len(silent) == len(self._answered) else f"the leader of partitions {sorted(silent)}"
        return f"{where} has not answered for {max(silent.values()):.0f} s"

    def _lonely(self, now: float) -> str:
        """What is wrong although each leader answers: one that is cut off from the others knows nothing of it.

        It goes on telling where its log ends, and acknowledges nothing.
        """
        gone = sorted(one for one, at in self._heard.items() if now - at > SILENT_SECONDS)
        if 2 * len(gone) < len(self._heard) or not gone:
            return ""
        silence = now - max(self._heard[one] for one in gone)
        return f"{len(gone)} of {len(self._heard)} brokers {gone} have not answered for {silence:.0f} s"
