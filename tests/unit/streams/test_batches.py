"""What Faust is handed: one element per partition and fetch."""

from types import SimpleNamespace

from faust.types import TP

from streams.batches import BatchScheduler, BatchSchema


def record(partition, offset):
    return SimpleNamespace(topic="t", partition=partition, offset=offset, timestamp=offset * 10, timestamp_type=1)


def test_one_element_per_partition():
    """The element stands where its last record stands, and holds them all; an empty fetch gives nothing."""
    fetched = {TP("t", 0): [record(0, 3), record(0, 7)], TP("t", 1): [record(1, 1)], TP("t", 2): []}
    found = list(BatchScheduler().iterate(fetched))
    assert [(tp.partition, batch.offset, len(batch.value)) for tp, batch in found] == [(0, 7, 2), (1, 1, 1)]
    assert found[0][1].timestamp == 70


def test_the_schema_hands_records_through():
    """The list is the value, untouched."""
    records = [record(0, 1)]
    message = SimpleNamespace(key=None, value=records)
    schema = BatchSchema(key_type=bytes, value_type=bytes)
    assert schema.loads_value(None, message) is records
    assert schema.loads_key(None, message) is None
