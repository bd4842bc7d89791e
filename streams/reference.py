"""Reference data: every worker keeps the winning record of each key in the view."""

import asyncio
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from metrics.view import Keys, encode_any, fenced
from producers.errors import Refused
from producers.events import intake
from producers.events.units import us
from streams.errors import SinkError
from streams.records import as_decoded
from streams.settings import WorkerSettings
from streams.sink import Sink

log = structlog.get_logger(__name__)

_RETRY_SECONDS = 2.0
_CHUNK = 500


class ReferenceView:
    """Follows the whole reference topic without a group, and shows the winner of each key."""

    def __init__(self, settings: WorkerSettings, sink: Sink) -> None:
        self._settings = settings
        self._sink = sink
        self._key = Keys(settings.app_id).reference
        self._winners: dict[bytes, tuple[tuple[str, int, str], bytes]] = {}
        self._pending: dict[bytes, bytes] = {}
        self._generation = ""

    def __len__(self) -> int:
        """How many records the view must have."""
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
        )
        try:
            await consumer.start()
            as_decoded(consumer)
            while True:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    for record in records:
                        self.take(record)
                await self._show()
        finally:
            await consumer.stop()

    def take(self, record: Any) -> None:
        """Let a record win, unless a later version is known; an unusable one is another's business."""
        key = record.key
        if record.value is None:
            if key is not None and self._winners.pop(key, None) is not None:
                self._pending[key] = fenced(record.offset, b"")
            return
        try:
            event = intake.check_reference(record)
        except Refused:
            return
        version = (event.sequence or "", us(event.time), event.id)
        held = self._winners.get(key)
        if held is not None and held[0] >= version:
            return
        payload = {"type": event.type, "data": encode_data(event), "version": list(version)}
        value = fenced(record.offset, encode_any(payload))
        self._winners[key] = version, value
        self._pending[key] = value

    async def _show(self) -> None:
        try:
            generation = await self._sink.generation()
            # Fewer than there are: some were lost, or not written yet.
            if generation != self._generation or await self._sink.size(self._key) < len(self):
                self._generation = generation
                self._pending.update({key: value for key, (_, value) in self._winners.items()})
            while self._pending:
                chunk = dict(list(self._pending.items())[:_CHUNK])
                await self._sink.write({self._key: chunk})
                for key, value in chunk.items():
                    if self._pending.get(key) == value:
                        del self._pending[key]
        except SinkError:
            # All of it again when the view is back; it may have lost some.
            self._generation = ""


def encode_data(event: Any) -> dict[str, Any]:
    """The event's `data` as plain JSON types, absent fields left out."""
    import msgspec  # noqa: PLC0415 - only here

    plain = msgspec.to_builtins(event.data)
    return {name: value for name, value in plain.items() if value is not None}
