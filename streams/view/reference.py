"""Reference data: every worker keeps the winning record of each key in the view.

With each write a worker leaves a mark, and looks for the one of its last write at the same moment. When that is not
there, what it has written may not be there either: Redis was emptied, or went back to an older copy, where records are
as they were, and deleted ones still are. Then all is written again, and what is in the view and not in the topic goes.

Fences are offsets, and those of a topic that was deleted and recreated begin at 0 again. So topics are numbered in the
view in the order in which workers met them: whatever is of a later one outdoes what is of those before.
"""

import asyncio
import time
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from metrics.view import FENCE_DIGITS, Keys, encode_any, fenced, split
from producers.errors import Refused
from producers.events import intake
from producers.events.version import version
from streams.errors import SinkError
from streams.settings import WorkerSettings
from streams.state.records import AS_DECODED
from streams.view.sink import Sink

log = structlog.get_logger(__name__)

_RETRY_SECONDS = 2.0
_CHUNK = 500
_MARK, _COUNT = b"at", b"n"
_OFFSETS = 1 << 48
"""More than a topic has: the fences of the next topic begin here."""


_Value = tuple[int, bytes]
"""Offset and payload, b"" for none: the fence of what is written depends on the topic's number, too."""


class ReferenceView:
    """Follows the whole reference topic, the one with this id, without a group, and shows the winner of each key."""

    def __init__(self, settings: WorkerSettings, sink: Sink, topic: str) -> None:
        self._settings = settings
        self._sink = sink
        self._topic = topic
        self._number: int | None = None
        keys = Keys(settings.app_id)
        self._key, self._counted, self._marked = (
            keys.reference, keys.reference_count, keys.reference_of(settings.worker_id),
        )  # fmt: skip
        self._winners: dict[bytes, tuple[tuple[str, int, str], _Value]] = {}
        self._pending: dict[bytes, _Value] = {}
        self._read_to = -1
        self._mark = b""
        self._is_due = True
        self._is_outdone = False
        """Whether a greater number has been given to this topic, or to a later one, of which `compare` tells."""

    def __len__(self) -> int:
        """How many records the view must have now."""
        return len(self._winners) - len(self._pending.keys() & self._winners.keys())

    async def run(self) -> None:
        """Follow, for ever; Kafka's and Redis's troubles are waited out."""
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError) as error:
                log.warning("reference data cannot be read; trying again", problem=f"{type(error).__name__} {error}")
                await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            self._settings.reference_topic,
            **self._settings.client_options(),
            client_id=f"sales-pulse-{self._settings.worker_id}-reference",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            value_deserializer=AS_DECODED,
        )
        try:
            await consumer.start()
            # Not before all of it is read: a record that was deleted since would come back for a moment.
            is_read = False
            while True:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    for record in records:
                        self.take(record)
                is_read = is_read or await _is_at_end(consumer)
                if is_read:
                    await self.show()
        finally:
            await consumer.stop()

    def take(self, record: Any) -> None:
        """Let a record win, unless a later version is known; an unusable one is another's business."""
        key = record.key
        self._read_to = max(self._read_to, record.offset)
        if record.value is None:
            if key is not None and self._winners.pop(key, None) is not None:
                self._pending[key] = record.offset, b""
            return
        try:
            event = intake.check_reference(record)
        except Refused:
            return
        mine = version(event)
        held = self._winners.get(key)
        if held is not None and held[0] >= mine:
            return
        payload = {"type": event.type, "data": encode_data(event), "version": list(mine)}
        value = record.offset, encode_any(payload)
        self._winners[key] = mine, value
        self._pending[key] = value

    async def show(self) -> None:
        """Write what changed, or everything where the view is not the one that was written to."""
        try:
            # Fewer than there are: some were lost.
            self._is_due = self._is_due or await self._sink.size(self._key) < len(self)
            if self._number is None:
                self._number = await self._numbered()
            await self._write({})
            if self._is_outdone:
                # Workers that met an emptied view at one moment number a topic each by itself.
                self._number, before = await self._numbered(), self._number
                self._is_due = self._is_due or self._number != before
            while self._pending or self._is_due:
                if self._is_due:
                    self._is_due = False
                    await self._need_everything()
                chunk = dict(list(self._pending.items())[:_CHUNK])
                await self._write(chunk)
                for key, value in chunk.items():
                    if self._pending.get(key) == value:
                        del self._pending[key]
        except SinkError:
            # All of it again when the view is back; it may have lost some.
            self._is_due = True

    async def _numbered(self) -> int:
        """The number that the topic has in the view, or gets as the last one to have come."""
        names = [name.decode().partition(" ") for name in await self._sink.fields(self._counted)]
        numbers = sorted((int(number), topic) for number, _, topic in names if topic)
        mine = [number for number, topic in numbers if topic == self._topic]
        return max(mine) if mine else numbers[-1][0] + 1 if numbers and self._topic else 0

    def _fenced(self, value: _Value) -> bytes:
        offset, payload = value
        return fenced((self._number or 0) * _OFFSETS + offset, payload)

    async def _write(self, chunk: dict[bytes, _Value]) -> None:
        """Write some records with a mark; everything is due when the mark of the last write is not there."""
        held = split(self._mark)[0] if self._mark else 0
        mark = fenced(max(held + 1, time.time_ns() // 1_000_000), b"\1")
        missing = (self._pending.keys() & self._winners.keys()) - chunk.keys()
        counted = {_COUNT: self._fenced((self._read_to, encode_any(len(self._winners) - len(missing))))}
        if self._topic:
            counted[f"{self._number} {self._topic}".encode()] = fenced(0, b"\1")
        fields = {key: self._fenced(value) for key, value in chunk.items()}
        hashes = {self._key: fields, self._counted: counted, self._marked: {_MARK: mark}}
        quiet = (self._counted, self._marked)
        written = await self._sink.write({key: fields for key, fields in hashes.items() if fields}, quiet=quiet)
        self._is_outdone = written.get(self._counted, {}).get(_COUNT, b"")[:FENCE_DIGITS] >= self._fenced(
            (_OFFSETS, b"")
        )
        before = written.get(self._marked, {}).get(_MARK, b"")
        self._is_due |= before != self._mark
        # A greater one, by a clock that was ahead, stays: the next write goes on from it.
        self._mark = max(mark, before)

    async def _need_everything(self) -> None:
        there = await self._sink.fields(self._key)
        gone = self._read_to, b""
        self._pending |= {key: gone for key in there if key not in self._winners}
        self._pending |= {key: value for key, (_, value) in self._winners.items()}


async def _is_at_end(consumer: AIOKafkaConsumer) -> bool:
    """Whether all that the topic has is read."""
    partitions = list(consumer.assignment())
    ends = await consumer.end_offsets(partitions)
    positions = [await consumer.position(tp) >= ends[tp] for tp in partitions]
    return bool(positions) and all(positions)


def encode_data(event: Any) -> dict[str, Any]:
    """The event's `data` as plain JSON types, absent fields left out."""
    import msgspec  # noqa: PLC0415 - only here

    plain = msgspec.to_builtins(event.data)
    return {name: value for name, value in plain.items() if value is not None}
