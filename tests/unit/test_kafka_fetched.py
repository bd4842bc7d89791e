"""What we use of aiokafka's insides to fetch is there under its name, and what came broken is not used."""

import ast
import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import consumer, fetcher
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.legacy_records import LegacyRecordBatch
from aiokafka.record.memory_records import _MemoryRecordsPy

from producers import kafka_fetched
from producers.kafka_fetched import AsBatches, AsDecoded, PartitionRecords
from tests.support.insides import each, set_by
from tests.support.raw_batches import CODECS, batch, record

TOLD = ("base_offset", "compression_type", "first_timestamp", "max_timestamp", "timestamp_type")
"""What a batch says of all its records."""
SET = {
    AIOKafkaConsumer: ("_fetcher",),
    TopicPartitionState: ("highwater",),
    PartitionRecords: ("_records_iterator", "_tp", "_value_deserializer", "next_fetch_offset"),
    _MemoryRecordsPy: ("_next_slice", "_pos"),
    _DefaultRecordBatchPy: ("_buffer", "_pos"),
}
"""Class → attributes that its methods set."""
HAS = {
    Fetcher: ("_set_error", "_update_fetch_positions"),
    TopicPartitionState: ("awaiting_reset",),
    PartitionRecords: ("_consumer_record", "_unpack_records", "__iter__", "__next__"),
    _MemoryRecordsPy: ("next_batch", "has_next", "size_in_bytes", "MAGIC_OFFSET"),
    _DefaultRecordBatchPy: ("ATTRIBUTES_OFFSET", "HEADER_STRUCT"),
    LegacyRecordBatch: ("__iter__", "next_offset"),
    DefaultRecordBatch: ("CODEC_MASK", "__iter__", "__next__", "next_offset", "validate_crc", *TOLD),
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


@pytest.mark.parametrize("name", ["MemoryRecords", "PartitionRecords"])
def test_the_fetcher_makes_them_by_their_global_name(name: str) -> None:
    """So that another can be put in its place, for all consumers of the process."""
    names = {node.id for node in ast.walk(ast.parse(inspect.getsource(fetcher))) if isinstance(node, ast.Name)}
    assert name in names
    kafka_fetched.accept_all()
    assert inspect.getmodule(getattr(fetcher, name)) is kafka_fetched


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


def test_a_consumer_without_it_gives_whole_records() -> None:
    """Only who asks for records as decoded gets them, in one process."""
    found = kafka_fetched._Batches(b"")
    given = [("t", 0), found, [], 0, None]
    usual = kafka_fetched._partition_records(*given, None, False, 0)
    assert isinstance(usual, PartitionRecords)
    assert type(usual)._consumer_record is PartitionRecords._consumer_record
    decoded = kafka_fetched._partition_records(*given, AsDecoded(1, lambda record: record), False, 0)
    assert isinstance(decoded, PartitionRecords)
    assert type(decoded) is not type(usual)
    assert not found.is_whole
    batches = kafka_fetched._partition_records(*given, AsBatches(1, lambda record: record), 0, 0)
    assert type(batches) is not type(decoded)
    assert found.is_whole
    assert consumer.Fetcher is Fetcher


def undecoded(raw: bytes, first: int, how: AsBatches) -> kafka_fetched.UndecodedBatch:
    """A batch as a consumer gives it."""
    kafka_fetched.accept_all()
    found = kafka_fetched._Batches(raw)
    (one,) = kafka_fetched._partition_records(TopicPartition("t", 0), found, [], first, None, how, True, 1)
    assert isinstance(one, kafka_fetched.UndecodedBatch)
    return one


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_is_decoded_some_records_at_a_time(codec: int) -> None:
    """From the first that is wanted on; what is large is fitted, and nobody asks where nothing can be."""
    raw = batch(0, [record(n, None, b"x" * n or None) for n in range(8)], 7, codec)
    asked: list[int] = []

    def fit(one: Any) -> Any:
        asked.append(one.offset)
        return SimpleNamespace(offset=one.offset, value=b"cut")

    found = undecoded(raw, 3, AsBatches(5, fit)).parts(2)
    assert [(one.offset, one.value) for one in next(found)] == [(3, b"xxx")]
    assert asked == []  # no more is decoded than was asked for
    assert [(one.offset, one.value) for part in found for one in part] == [
        (4, b"xxxx"), (5, b"xxxxx"), (6, b"cut"), (7, b"cut"),
    ]  # fmt: skip
    assert [one.offset for part in undecoded(raw, 3, AsBatches(1 << 20, fit)).parts(9) for one in part] == [
        3,
        4,
        5,
        6,
        7,
    ]
    assert asked == [6, 7]


class Fetched:
    """Answers of a broker to one fetch after another: None for one that came broken."""

    place = TopicPartition("t-broken", 0)

    def __init__(self, *answers: bytes | None) -> None:
        self.answers, self.position = list(answers), 0

    def take(self) -> list[int]:
        """Offsets that come of the next."""
        raw = self.answers.pop(0)
        broken = bytearray(batch(self.position, [record(0, None, b"x")], 0))
        broken[-1] ^= 1
        found = kafka_fetched._Batches(raw or bytes(broken))
        records = kafka_fetched._partition_records(self.place, found, [], self.position, None, None, True, 1)
        try:
            return [one.offset for one in records]
        finally:
            self.position = records.next_fetch_offset


def test_what_comes_broken_for_good_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """It is fetched again some times, in vain; what came whole before it is given first, and the count is over then."""
    kafka_fetched.accept_all()
    good = batch(0, [record(0, None, b"x"), record(1, None, b"y")], 1)
    again = [None] * kafka_fetched._BROKEN_TRIES
    fetched = Fetched(*again, good, *again, None)
    assert [fetched.take() for _ in (*again, good, *again)] == [*([[]] * len(again)), [0, 1], *([[]] * len(again))]
    with pytest.raises(CorruptRecordException, match=r"t-broken/0 from offset 2 on came broken: .*CRC"):
        fetched.take()
    assert "t-broken/0 from offset 0 on came broken" in caplog.text
    kafka_fetched._Records._broken.clear()


@pytest.mark.parametrize("length", [-12, -1, 0, 5, 20, 40, 1 << 20])
def test_a_length_that_came_broken_is_noticed(length: int) -> None:
    """Whatever it says: too little for a batch, nothing, or more than came."""
    raw = bytearray(batch(0, [record(0, None, b"x" * 60)], 0))
    raw[8:12] = length.to_bytes(4, "big", signed=True)
    batches = kafka_fetched._Batches(bytes(raw))
    assert batches.has_next()
    with pytest.raises(CorruptRecordException):
        batches.next_batch()


def test_an_offset_that_came_broken_is_not_believed() -> None:
    """The checksum leaves it out: batches follow each other."""
    good = batch(8, [record(0, None, b"x")], 0)
    batches = kafka_fetched._Batches(good + batch(4, [record(0, None, b"y")], 0))
    assert batches.next_batch().base_offset == 8
    with pytest.raises(CorruptRecordException):
        batches.next_batch()
