"""What Faust is handed: one element per partition and fetch, and what is folded of it at a time."""

from types import SimpleNamespace

from faust.types import TP

from streams.runtime.batches import BatchScheduler, BatchSchema, Fetch, FetchRead


class Batch:
    """A batch of records by offset, which notes when one is decoded."""

    def __init__(self, decoded, *offsets):
        self.decoded, self.offsets = decoded, offsets

    def parts(self, most):
        for start in range(0, len(self.offsets), most):
            part = [SimpleNamespace(offset=offset) for offset in self.offsets[start : start + most]]
            self.decoded += [record.offset for record in part]
            yield part


def test_one_element_per_partition():
    """The element stands where reading stands and holds what was read, be it nothing that anybody is given."""
    fetched = {
        TP("t", 0): FetchRead([Batch([], 3, 7)], 8),
        TP("t", 1): FetchRead([Batch([], 1)], 5),
        TP("t", 2): FetchRead((), 12),
    }
    found = list(BatchScheduler().iterate(fetched))
    assert [(tp.partition, batch.offset, len(batch.value.batches)) for tp, batch in found] == [
        (0, 7, 1), (1, 4, 1), (2, 11, 0),
    ]  # fmt: skip
    assert [(batch.value.partition, batch.value.end) for _, batch in found] == [(0, 8), (1, 5), (2, 12)]


def test_small_batches_are_put_together_and_large_ones_parted():
    """In order, none larger than was asked for, and decoded when they are asked for."""
    decoded, parts = [], []
    fetch = Fetch(0, [Batch(decoded, 1), Batch(decoded, 2, 3), Batch(decoded), Batch(decoded, *range(4, 12))], 15)
    for records in fetch.parts(3):
        parts.append([record.offset for record in records])
        assert len(decoded) <= records[-1].offset + 3  # what comes after the next part is not decoded yet
    assert parts == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11]]
    assert list(Fetch(0, (), 12).parts(3)) == []


def test_the_schema_hands_fetches_through():
    """What was fetched is the value, untouched."""
    fetch = Fetch(0, [Batch([], 1)], 2)
    message = SimpleNamespace(key=None, value=fetch)
    schema = BatchSchema(key_type=bytes, value_type=bytes)
    assert schema.loads_value(None, message) is fetch
    assert schema.loads_key(None, message) is None
