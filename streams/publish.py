"""Shows what was folded: collects what changed in all owned partitions and writes it to the view, behind the folding.

Nothing waits for the view. While it cannot be written, only "everything is needed" is remembered; when it is back,
or has lost what it held, everything is written again, some buckets per round, while folding goes on. What the view
holds and the state does not is emptied then.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from time import monotonic, time

import structlog

from metrics.view import VERSION, Keys, encode_any, encode_waiting, fenced
from streams.cells import DAYS_KEPT, HOURS_KEPT, MINUTES_KEPT
from streams.errors import SinkError
from streams.flush import Owned
from streams.fold.localtime import LocalTime
from streams.partition import ViewUpdate
from streams.sensors import WorkerSensors
from streams.sink import Held, Sink
from streams.topic_id import differ

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 1.0
_SHARE = 9.0
"""Times the cost of a round that passes until the next one: the view takes a tenth of the worker at most."""
_SLOWEST_SECONDS = 2.0
"""The pace at least, whatever a round costs."""
_BACKLOG_SECONDS = 5.0
"""The pace in a backlog, where nobody waits for a single event, and a part shown later is a part shown once."""
_BACKLOG = 20_000
"""Events that wait to be folded: at the most that a worker folds, 0.4 s of them."""
_CHUNK_PARTS = 2_000
_RETRY_SECONDS = 1.0
_REFRESH_SECONDS = 12 * 3600.0
_SECOND_US = 1_000_000
_EMPTY = b"\x80"
"""An empty part: it keeps its fence, so that a former owner cannot bring an old part back."""


class Publisher:
    """Writes the view of all owned partitions. One task; at most one write is under way."""

    def __init__(
        self,
        sink: Sink,
        keys: Keys,
        owned: Callable[[], Collection[Owned]],
        sensors: WorkerSensors,
        *,
        interval: float,
        worker_id: str,
        zone: str,
        local: LocalTime,
    ) -> None:
        self._sink = sink
        self._keys = keys
        self._owned = owned
        self._sensors = sensors
        self._interval = interval
        self._worker_id = worker_id
        self._zone = zone
        self._local = local
        self._rebuilds: dict[Owned, Iterator[ViewUpdate] | None] = {}
        self._leftover: dict[Owned, Held] = {}
        self._shown: dict[Owned, int] = {}
        self._generation = ""
        self._beaten_at = 0.0
        self._refreshed_at = monotonic()
        self._buckets: set[str] = set()

    async def run(self) -> None:
        """Show, for ever."""
        while True:
            began = monotonic()
            try:
                cost = await self.show()
            except SinkError as error:
                self._lost(error)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            wait = min(max(self._interval, _SHARE * cost), _SLOWEST_SECONDS) - (monotonic() - began)
            await asyncio.sleep(max(wait, 0.0))
            while self._is_behind() and monotonic() - began < _BACKLOG_SECONDS:  # noqa: ASYNC110 - nobody tells of lag
                await asyncio.sleep(self._interval)

    def _is_behind(self) -> bool:
        """Whether so many events wait that what is shown now is old already."""
        return not self._rebuilds and self._sensors.backlog() > _BACKLOG

    async def show(self) -> float:
        """One round. Returns the seconds that collecting took. Raises SinkError; then everything is needed again."""
        owned = [one for one in self._owned() if not one.closed]
        beat = monotonic() - self._beaten_at >= HEARTBEAT_SECONDS
        if beat:
            await self._check_generation()
        for gone in self._shown.keys() - set(owned):
            self._shown.pop(gone)
            self._rebuilds.pop(gone, None)
            self._leftover.pop(gone, None)
        owned = await self._prepare(owned)
        began = monotonic()
        hashes: dict[str, dict[bytes, bytes]] = {}
        timestamps: list[int] = []
        parts = 0
        for one in owned:
            changed = self._shown.get(one) != one.partition.fence or one in self._rebuilds
            if changed:
                timestamps += one.take_timestamps()
                parts += self._collect(one, hashes)
            if beat or changed:
                self._beat(one, hashes)
        cost = monotonic() - began
        if hashes:
            await self._sink.write(hashes, quiet=(self._keys.partitions,))
        if beat:
            self._beaten_at = began
            await self._refresh()
        self._sensors.shown(seconds=monotonic() - began, parts=parts, timestamps=timestamps)
        return cost

    async def _prepare(self, owned: list[Owned]) -> list[Owned]:
        """Ask what the view holds of partitions that are about to be written as a whole; those that are still owned."""
        if new := [one for one in owned if one not in self._shown]:
            logs = await self._sink.logs({one.partition.number for one in new})
            for one in new:
                self._shown[one] = -2
                self._rebuilds[one] = None
                # Offsets of a topic that was made anew begin at 0 again: what is shown of the one before would stay.
                one.is_rebuilt |= differ(logs.get(one.partition.number, ""), one.partition.log)
        for one in owned:
            if one.is_rebuilt:
                await self._sink.forget(one.partition.number)
                one.is_rebuilt = False
        if begun := [one for one in owned if one in self._rebuilds and self._rebuilds[one] is None]:
            held = await self._sink.held({one.partition.number for one in begun})
            self._leftover.update({one: held[one.partition.number] for one in begun})
        return [one for one in owned if not one.closed]

    def _collect(self, one: Owned, hashes: dict[str, dict[bytes, bytes]]) -> int:
        """Put what changed into `hashes`, and some of everything while it is needed; how many parts."""
        update = one.partition.view()
        self._shown[one] = update.fence
        parts = self._put(one, update, hashes)
        if one not in self._rebuilds:
            return parts
        rebuild = self._rebuilds[one]
        if rebuild is None:
            rebuild = self._rebuilds[one] = one.partition.everything()
        while parts < _CHUNK_PARTS:
            more = next(rebuild, None)
            if more is None:
                del self._rebuilds[one]
                parts += self._take_back(one, update, hashes)
                break
            # `view` above has just rolled everything up, so a bucket taken now is as of the same fence.
            parts += self._put(one, more._replace(fence=update.fence, time=update.time), hashes)
        return parts

    def _take_back(self, one: Owned, update: ViewUpdate, hashes: dict[str, dict[bytes, bytes]]) -> int:
        """Empty the parts that are in the view and in no state: emptied by a former owner, or while Redis was away."""
        leftover = self._leftover.pop(one, {})
        gone: dict[tuple[str, int], dict[bytes, bytes | None]] = {
            where: dict.fromkeys(fields) for where, fields in leftover.items()
        }
        return self._put(one, ViewUpdate(update.fence, update.time, gone, None), hashes)

    def _put(self, one: Owned, update: ViewUpdate, hashes: dict[str, dict[bytes, bytes]]) -> int:
        parts, fence = 0, fenced(update.fence, b"")
        leftover = self._leftover.get(one, {})
        for (kind, bucket), fields in update.cells.items():
            if not fields:
                continue  # a bucket whose parts have all been emptied: nothing to write or to name
            leftover.get((kind, bucket), set()).difference_update(fields)
            key = self._keys.cells(kind, bucket)
            gone = self._is_past(kind, bucket, update.time)
            if gone:
                self._buckets.discard(key)
            else:
                self._buckets.add(key)
            empty = b"" if gone else _EMPTY
            hashes.setdefault(key, {}).update(
                {field: fence + (empty if payload is None else payload) for field, payload in fields.items()}
            )
            parts += len(fields)
        if update.waiting is not None:
            number = str(one.partition.number).encode()
            hashes.setdefault(self._keys.waiting, {})[number] = fence + encode_waiting(update.waiting)
        return parts

    def _is_past(self, kind: str, bucket: int, time_us: int) -> bool:
        if kind == "m":
            return bucket * _SECOND_US + MINUTES_KEPT <= time_us
        if kind == "h":
            return bucket * _SECOND_US + HOURS_KEPT <= time_us
        return kind == "d" and bucket < self._local.day(time_us) - DAYS_KEPT

    def _beat(self, one: Owned, hashes: dict[str, dict[bytes, bytes]]) -> None:
        partition = one.partition
        state = {
            "at": int(time() * 1000),
            "contact": self._sensors.contact(partition.number),
            "time": partition.time,
            "count": partition.partitions,
            "worker": self._worker_id,
            "zone": self._zone,
            "version": VERSION,
            "whole": one not in self._rebuilds,
            "left": one.left_to_count(),
            "log": partition.log,
        }
        value = fenced(partition.fence, encode_any(state))
        hashes.setdefault(self._keys.partitions, {})[str(partition.number).encode()] = value

    async def _check_generation(self) -> None:
        generation = await self._sink.generation()
        if generation != self._generation:
            if self._generation:
                log.warning("the view lost what it held; writing it again")
            self._generation = generation
            self._need_everything()

    async def _refresh(self) -> None:
        if monotonic() - self._refreshed_at > _REFRESH_SECONDS:
            self._refreshed_at = monotonic()
            self._drop_past()
            await self._sink.refresh(sorted(self._buckets))

    def _drop_past(self) -> None:
        """Let hashes end whose buckets are past in every partition: at most emptied parts are left in them."""
        earliest = min((one.partition.time for one in self._owned()), default=0)
        for key in list(self._buckets):
            bucket = self._keys.bucket(key)
            if bucket is not None and self._is_past(*bucket, earliest):
                self._buckets.discard(key)

    def _need_everything(self) -> None:
        for one in self._owned():
            self._rebuilds[one] = None

    def _lost(self, error: SinkError) -> None:
        if self._sensors.failed_view_since is None:
            log.warning("the view cannot be written; folding goes on", error=str(error))
        self._sensors.view_failed()
        self._need_everything()
        self._beaten_at = 0.0
        for one in self._owned():
            # What changed since is in "everything"; taken here so that the list of it stays short.
            one.partition.view()
            one.take_timestamps()
