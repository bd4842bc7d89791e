"""All that we use of aiokafka's insides but for fetching (`producers/kafka_fetched.py`): what it has no public way for.

Its version is pinned for this. `tests/unit/test_kafka_insides.py` asks for each of these names by itself, so that an
upgrade fails where it has to be looked at. Hand-written requests are in `producers/kafka_requests.py`.
"""

import socket
import time
from asyncio import BaseTransport, Future
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any, ClassVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, conn
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import CorruptRecordException, KafkaTimeoutError

from producers.in_time import in_time
from producers.kafka_fetched import AsDecoded

# ruff: noqa: SLF001


_SILENT_SECONDS, _CONNECT_SECONDS, _LATE_SECONDS = 10, 4.0, 1.0
"""A broker whose machine says nothing for so long is away; without this a request waits for its own time-out."""


class _Watched(conn.AIOKafkaProtocol):  # type: ignore[misc]
    """A connection that the kernel ends when the other machine is gone without a word: switched off, or cut off."""

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        found = transport.get_extra_info("socket")
        if found is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_SECONDS * 1000)


class _Impatient(conn.AIOKafkaConnection):  # type: ignore[misc]
    """A connection that is made within seconds: a request's time-out, which aiokafka takes here too, is for answers.

    A broker that did not take one in time is not tried again for a moment by any client of this process: there are
    tens of them in a worker, and each would wait in turn.
    """

    _silent: ClassVar[dict[tuple[str, int], float]] = {}
    """Until when (`time.monotonic`)."""
    _request_timeout: float

    async def connect(self) -> Any:
        address = (self.host, self.port)
        self._patience = self._request_timeout
        began = time.monotonic()
        if began < self._silent.get(address, 0.0):
            raise TimeoutError(f"{self.host}:{self.port} did not answer a moment ago")
        self._request_timeout = min(self._patience, _CONNECT_SECONDS)
        try:
            return await super().connect()
        except TimeoutError:
            now = time.monotonic()
            # Who looks much too late may have missed the answer: a loop that was busy says nothing about a broker.
            if self._request_timeout < self._patience and now - began < _CONNECT_SECONDS + _LATE_SECONDS:
                self._silent[address] = now + _SILENT_SECONDS
            raise

    def __del__(self) -> None:
        """Close what nobody else can: the connection of a bootstrap that was cancelled, which no client has yet.

        Those that clients have are told how they end (`on_close`); one that was left open is still complained of.
        """
        if self._on_close_cb is None and not self._loop.is_closed():
            self.close()
        super().__del__()

    def _create_reader_task(self) -> Any:
        """Called once it is connected: requests take the time that they are given."""
        self._request_timeout = self._patience
        self._silent.pop((self.host, self.port), None)
        return super()._create_reader_task()


def watch_all() -> None:
    """Let all connections to Kafka of this process notice a machine that is silent, or has gone so, and no other."""
    conn.AIOKafkaProtocol = _Watched
    conn.AIOKafkaConnection = _Impatient
    conn.wait_for = in_time


def configure(consumer: AIOKafkaConsumer, *, fetch_max_wait_ms: int, value_deserializer: AsDecoded) -> None:
    """Settings of a consumer that somebody else makes and that was not started; it reads committed records only."""
    consumer._fetch_max_wait_ms = fetch_max_wait_ms
    consumer._isolation_level = "read_committed"
    consumer._value_deserializer = value_deserializer


def assignment(consumer: AIOKafkaConsumer) -> Any:
    """What a consumer reads now: another object after each change of the group, None in between."""
    subscription = consumer._subscription.subscription
    return None if subscription is None else subscription.assignment


async def learn_ends(consumer: AIOKafkaConsumer, assigned: Any, partitions: Iterable[Any]) -> None:
    """Ask where the log of those partitions of an `assignment` ends that were read past the end that came with it.

    A broker notes the end before it reads: what is appended in between comes along, and nothing about it is broken.
    """
    passed = {tp: state for tp, state in _placed(assigned, partitions) if _is_past(state)}
    if passed:
        for tp, end in (await consumer.end_offsets([*passed])).items():
            passed[tp].highwater = max(passed[tp].highwater, end)


def positions(assigned: Any, partitions: Iterable[Any]) -> Iterator[tuple[Any, int]]:
    """Of those partitions of an `assignment` that have one: the offset that is read next, without waiting.

    Raises aiokafka's KafkaError where it lies behind the end of the log: what was read came broken. After `learn_ends`.
    """
    for tp, state in _placed(assigned, partitions):
        if _is_past(state):
            told = f"{tp.topic}/{tp.partition} was read up to {state.position} and ends at {state.highwater}"
            raise CorruptRecordException(told)
        yield tp, state.position


def _placed(assigned: Any, partitions: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    for tp in partitions:
        state = assigned.state_value(tp)
        if state is not None and state.has_valid_position:
            yield tp, state


def _is_past(state: Any) -> bool:
    return state.highwater is not None and state.position > state.highwater


def member_id(consumer: AIOKafkaConsumer) -> str:
    """What the group knows a consumer by; "" before it has joined."""
    return str(consumer._coordinator.member_id)


def leave_when_stopped(consumer: AIOKafkaConsumer) -> None:
    """Have a consumer leave the group when it stops, as one without a static id does."""
    consumer._coordinator._group_instance_id = None


def client_of(client: AIOKafkaConsumer | AIOKafkaAdminClient) -> AIOKafkaClient:
    """The client below, for requests that the public calls do not make."""
    return client._client


async def partitions_of(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> dict[str, set[int]]:
    """The partitions of topics that need not be subscribed to, none of those that are not there."""
    cluster = await consumer._client.fetch_all_metadata()
    return {topic: set(cluster.partitions_for_topic(topic) or ()) for topic in topics}


def give_up(producer: AIOKafkaProducer) -> None:
    """Fail all that a producer has not sent, which it would try again for ever."""
    accumulator = producer._message_accumulator
    batches = [*accumulator._pending_batches, *chain(*accumulator._batches.values())]
    with suppress(KeyError):
        # A batch that is on its way just now is unknown to the accumulator, which then stops half-way.
        accumulator.fail_all(KafkaTimeoutError())
    for batch in batches:
        # Nobody waits for these any more: heard here, or asyncio complains of them later.
        if batch._drain_waiter.done():
            batch._drain_waiter.exception()


def transaction_end(producer: AIOKafkaProducer) -> Future[None]:
    """What a producer's transaction that was begun ends with: nothing, or the reason why it failed."""
    waiter: Future[None] = producer._txn_manager.wait_for_transaction_end()
    return waiter
