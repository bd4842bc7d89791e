"""What Faust is handed: one element per partition and fetch."""

from types import SimpleNamespace

from faust.types import TP

from streams.batches import BatchScheduler, BatchSchema, Fetch


def record(offset):
    return SimpleNamespace(offset=offset, timestamp=offset * 10, timestamp_type=1)


def test_one_element_per_partition():
    """The element stands where its last record stands, and holds them all; an empty fetch gives nothing."""
    fetched = {TP("t", 0): [record(3), record(7)], TP("t", 1): [record(1)], TP("t", 2): []}
    found = list(BatchScheduler().iterate(fetched))
    assert [(tp.partition, batch.offset, len(batch.value.records)) for tp, batch in found] == [(0, 7, 2), (1, 1, 1)]
    assert [batch.value.partition for _, batch in found] == [0, 1]
    assert found[0][1].timestamp == 70


def test_the_schema_hands_records_through():
    """What was fetched is the value, untouched."""
    fetch = Fetch(0, [record(1)])
    message = SimpleNamespace(key=None, value=fetch)
    schema = BatchSchema(key_type=bytes, value_type=bytes)
    assert schema.loads_value(None, message) is fetch
    assert schema.loads_key(None, message) is None
