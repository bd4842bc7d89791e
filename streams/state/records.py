"""Fetched records as aiokafka decodes them, without the copy of each into a dataclass of its own.

That copy costs about 1 µs of the 17 that the worker spends on an event. What is lost is what every record of a fetch
has in common: its topic and partition, which the fetch says once. A value that is too large for anything is cut here.
"""

from collections.abc import Sequence
from typing import Protocol

from producers.kafka_fetched import AsBatches, AsDecoded
from streams.state.oversize import MOST, fitted


class FoldRecord(Protocol):
    """What is read of a fetched Kafka record. `timestamp`: ms, by the clock that `timestamp_type` names."""

    offset: int
    timestamp: int
    timestamp_type: int | None
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


AS_DECODED = AsDecoded(MOST, fitted)
"""As `value_deserializer` of a consumer: it gives records as decoded. `FoldRecord` is promised, and no more."""
AS_BATCHES = AsBatches(MOST, fitted)
"""The same, but it gives the batches that they lie in, of which nothing is decoded yet."""
