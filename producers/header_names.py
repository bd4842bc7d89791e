"""Names of headers that are not UTF-8: whoever reads gets them with replacement characters, and the partition goes on.

Kafka takes any bytes as a name. aiokafka fails on such a record each time it is fetched, so that one of them would stop
its partition, and everybody who reads it, for good.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


class _Text(bytearray):
    """Bytes of which every part can be decoded."""

    def __getitem__(self, at: Any) -> Any:
        part = super().__getitem__(at)
        return _Text(part) if isinstance(at, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:  # noqa: ARG002 - aiokafka says "strict"
        return super().decode(encoding, "replace")


class _Batch:
    """A fetched batch, decoded by aiokafka's fast decoder as far as that gets, then by its plain one."""

    def __init__(self, raw: memoryview) -> None:
        self._raw = raw
        self._fast: Any = DefaultRecordBatch(raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)

    def __next__(self) -> Any:
        return next(self._fast)

    def __iter__(self) -> Iterator[Any]:
        done = -1
        try:
            for record in self._fast:
                done = record.offset
                yield record
        except UnicodeDecodeError:
            plain: Any = _DefaultRecordBatchPy(self._raw)
            iter(plain)  # decompresses
            plain._buffer = _Text(plain._buffer)  # noqa: SLF001 - aiokafka has no way to choose it
            yield from (record for record in plain if record.offset > done)


class _Records(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka's is final by name only
    """What was fetched of a partition, by batches."""

    def next_batch(self, *_: Any) -> Any:
        raw = self._next_slice
        batch = super().next_batch()
        return _Batch(raw) if raw is not None and isinstance(batch, DefaultRecordBatch) else batch


def accept_all() -> None:
    """Let all consumers of this process read such records."""
    fetcher.MemoryRecords = _Records
