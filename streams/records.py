"""Fetched records as aiokafka decodes them, without the copy of each into a dataclass of its own.

That copy costs about 1 µs of the 20 that the worker spends on an event. What is lost is what every record of a fetch
has in common: its topic and partition, which the fetch says once. A value that is too large for anything is cut here.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords

from streams.oversize import MOST, fitted


class Record(Protocol):
    """What is read of a fetched Kafka record. `timestamp`: ms, by the clock that `timestamp_type` names."""

    offset: int
    timestamp: int
    timestamp_type: int | None
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class _Records(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types for it
    """The records of one partition and fetch, as decoded."""

    def __iter__(self) -> Iterator[Any]:
        records: Iterator[Any] = self._records_iterator
        return records

    def _consumer_record(self, _tp: Any, record: Any) -> Any:
        value = record.value
        return record if value is None or len(value) <= MOST else fitted(record)


class _Fetched(OrderedDict[Any, Any]):
    """What is fetched and not yet taken, by partition."""

    def __setitem__(self, tp: Any, result: Any) -> None:
        if type(result) is FetchResult:
            result._partition_records.__class__ = _Records  # noqa: SLF001 - aiokafka has no way to choose it
        super().__setitem__(tp, result)


def as_decoded(consumer: AIOKafkaConsumer) -> None:
    """Let a consumer that was started give records as they are decoded: `Record`, and nothing else, is promised."""
    fetcher = consumer._fetcher  # noqa: SLF001 - see above
    fetcher._records = _Fetched(fetcher._records)  # noqa: SLF001
