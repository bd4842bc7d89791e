"""What Faust is handed: one element per partition and fetch."""

from types import SimpleNamespace

from faust.types import TP

from streams.runtime.batches import BatchScheduler, BatchSchema, Fetch, FetchRead


def record(offset):
    return SimpleNamespace(offset=offset, timestamp=offset * 10, timestamp_type=1)


def test_one_element_per_partition():
    """The element stands where reading stands and holds what was read, be it nothing that anybody is given."""
    fetched = {
        TP("t", 0): FetchRead([record(3), record(7)], 8),
        TP("t", 1): FetchRead([record(1)], 5),
        TP("t", 2): FetchRead((), 12),
    }
    found = list(BatchScheduler().iterate(fetched))
    assert [(tp.partition, batch.offset, len(batch.value.records)) for tp, batch in found] == [
        (0, 7, 2), (1, 4, 1), (2, 11, 0),
    ]  # fmt: skip
    assert [(batch.value.partition, batch.value.end) for _, batch in found] == [(0, 8), (1, 5), (2, 12)]
    assert [batch.timestamp for _, batch in found] == [70, 10, None]


def test_the_schema_hands_records_through():
    """What was fetched is the value, untouched."""
    fetch = Fetch(0, [record(1)], 2)
    message = SimpleNamespace(key=None, value=fetch)
    schema = BatchSchema(key_type=bytes, value_type=bytes)
    assert schema.loads_value(None, message) is fetch
    assert schema.loads_key(None, message) is None
