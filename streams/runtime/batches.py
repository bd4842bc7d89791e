"""Batches for Faust: what was fetched from one partition travels as one stream element, which is what makes it fast.

Faust handles a stream element in about 140 µs whatever it holds. A scheduler hands it what was fetched of one partition
as one element, and a schema passes that through. It is decoded where it is folded, some records at a time: of thousands
that are decoded ahead each is out of the processor's caches by then.

Only committed records are read. A log may end in offsets that no reader is given (aborted records, the markers that end
transactions), so how far reading has got goes with each batch, and by itself where nothing but those was read.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from faust import Schema
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from producers.kafka_fetched import UndecodedBatch
from streams.state.records import FoldRecord


class FetchRead(NamedTuple):
    """What was read of one partition at once: committed records, perhaps none, all of those before the offset `end`."""

    batches: Sequence[UndecodedBatch]
    end: int


class Fetch(NamedTuple):
    """The same as the agent gets it."""

    partition: int
    batches: Sequence[UndecodedBatch]
    end: int

    def parts(self, most: int) -> Iterator[Sequence[FoldRecord]]:
        """The records in order, at most so many at a time, decoded when they are asked for."""
        held: list[FoldRecord] = []
        for batch in self.batches:
            for part in batch.parts(most):
                if len(held) + len(part) > most:
                    yield held
                    held = part
                else:
                    held += part
        if held:
            yield held


class FetchedBatch:
    """A record as far as Faust is concerned, whose value is what was fetched from one partition."""

    __slots__ = ("offset", "partition", "topic", "value")

    headers: tuple[()] = ()
    key = None
    timestamp = None
    timestamp_type = None
    checksum = None
    serialized_key_size = 0
    serialized_value_size = 0

    def __init__(self, tp: TP, read: FetchRead) -> None:
        self.topic: str = tp.topic
        self.partition: int = tp.partition
        self.offset: int = read.end - 1
        self.value = Fetch(tp.partition, *read)


class BatchScheduler(DefaultSchedulingStrategy):
    """One element per partition and fetch, partitions in turn."""

    def iterate(self, records: Mapping[TP, Any]) -> Iterator[tuple[TP, Any]]:
        """Yield (partition, Batch) for each partition of which something was read (`FetchRead`)."""
        for tp, read in records.items():
            yield tp, FetchedBatch(tp, read)


class BatchSchema(Schema[Any, Any]):
    """Hands what was fetched through as the event's value; decoding is the fold's."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002 - Faust's signature
        """No key: a batch has many."""
        return None

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002 - Faust's signature
        """What was fetched."""
        return message.value
