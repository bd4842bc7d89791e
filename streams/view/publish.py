"""Shows what was folded: collects what changed in all owned partitions and writes it to the view, behind the folding.

Nothing waits for the view. While it cannot be written, only "everything is needed" is remembered; when it is back,
or has lost what it held, everything is written again, some buckets per round, while folding goes on. What the view
holds and the state does not is emptied then. Of what Redis evicts, only the buckets concerned are written again.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from time import monotonic, time

import structlog

from metrics.redis_client import Memory
from metrics.view import FENCE_DIGITS, Keys, fenced
from streams.errors import SinkError
from streams.fold.localtime import LocalTime
from streams.runtime.owned import OwnedPartition
from streams.runtime.sensors import WorkerSensors
from streams.runtime.status import Status
from streams.state.cells import Where
from streams.state.news import ViewUpdate
from streams.view import pace
from streams.view.sink import Beats, Before, Sink
from streams.view.writing import Round, Writing, is_past

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 1.0
_CHUNK_PARTS, _BACKLOG_CHUNK_PARTS = 2_000, 20_000
"""Of all that is written again, in a round, of one partition; in a backlog rounds are seldom."""
_PAUSE_SECONDS = 0.01
"""Of collecting, in which folding stands still, after which others have their turn before the next partition."""
_RETRY_SECONDS = 1.0
_REFRESH_SECONDS = 12 * 3600.0
_CHECK_SECONDS = 3.0
"""Between two looks whether all that was written is still there."""
_MEMORY_SECONDS = 60.0
_EMPTY = b"\x80"
"""An empty part: it keeps its fence, so that a former owner cannot bring an old part back."""


class ViewPublisher:
    """Writes the view of all owned partitions. One task; at most one write is under way."""

    def __init__(
        self,
        sink: Sink,
        keys: Keys,
        owned: Callable[[], Collection[OwnedPartition]],
        sensors: WorkerSensors,
        status: Status,
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
        self._status = status
        self._interval = interval
        self._worker_id = worker_id
        self._zone = zone
        self._local = local
        self._writing: dict[OwnedPartition, Writing] = {}
        self._generation = ""
        self._beaten_at = self._told_at = 0.0
        self._checked_at = self._refreshed_at = monotonic()
        self._looked_at = -_MEMORY_SECONDS
        self._memory = Memory("", 0)

    async def run(self) -> None:
        """Show, for ever."""
        while True:
            began = monotonic()
            try:
                cost = await self.show()
                wait = pace.after(cost, self._interval) - (monotonic() - began)
                await asyncio.sleep(max(wait, 0.0))
                while self._is_behind() and monotonic() - began < pace.in_backlog(self._writing):
                    await asyncio.sleep(self._interval)
                    await self._beat_again()
            except SinkError as error:
                self._lost(error)
                await asyncio.sleep(_RETRY_SECONDS)

    def _is_behind(self) -> bool:
        """Whether so many events wait that what is shown now is old already, and all owned partitions are in view."""
        is_begun = all((writing := self._writing.get(one)) and not writing.is_due for one in self._owned())
        return is_begun and self._status.backlog() > pace.BACKLOG

    async def show(self) -> float:
        """One round. Returns the seconds that collecting took. Raises SinkError; then everything is needed again."""
        owned = [one for one in self._owned() if not one.closed]
        for gone in self._writing.keys() - set(owned):
            del self._writing[gone]
        for one in owned:
            self._writing.setdefault(one, Writing())
        beat = monotonic() - self._beaten_at >= HEARTBEAT_SECONDS
        if beat:
            await self._look()
        owned = await self._prepare(owned)
        last = {one: self._writing[one].beat for one in owned}
        began = monotonic()
        found = await self._gather(owned, beat=beat)
        if found.hashes:
            # Heartbeats are not announced, and are given back as they were: only the owner writes them, so another one
            # than its last says that this is not the Redis it wrote to (a failover, an old dump).
            quiet = (self._keys.partitions,)
            try:
                before = await self._sink.write(found.hashes, quiet=quiet, whole=found.whole, gone=found.gone)
            except SinkError:
                # Nobody knows whether it was done: the view of before this write is no older server's.
                for one, known in last.items():
                    self._writing[one].beat = known
                raise
            self._compare(last, self._beats_of(before))
        if beat:
            self._beaten_at = self._told_at = began
            await self._refresh()
        self._status.view_written()
        self._sensors.shown(seconds=monotonic() - began, parts=found.parts, timestamps=found.timestamps)
        return found.cost

    async def _gather(self, owned: list[OwnedPartition], *, beat: bool) -> Round:
        """What is to be written; of one partition all of it is of one moment: parts, fence and heartbeat."""
        found = Round()
        for one in owned:
            if one.closed:
                continue  # taken away while others had their turn
            writing, began = self._writing[one], monotonic()
            # Every record moves the fence, so what stands still has nothing new.
            changed = writing.fence != one.partition.fence or not writing.is_whole
            if changed:
                found.timestamps += one.take_timestamps()
                found.parts += self._collect(one, writing, found)
            if beat or changed:
                self._beat(one, writing, found.hashes)
            # Of our own time only: waiting for Redis costs folding nothing, and must not slow the pace down.
            took = monotonic() - began
            found.cost += took
            if took > _PAUSE_SECONDS:
                await asyncio.sleep(0)
        return found

    async def _prepare(self, owned: list[OwnedPartition]) -> list[OwnedPartition]:
        """Ask what the view holds of partitions that are about to be written as a whole; those that can be written."""
        # Before the write: what is written into a view of before makes a mixture of it, and has to say so.
        beats = await self._sink.beats([one.partition.number for one in owned]) if owned else {}
        self._compare({one: self._writing[one].beat for one in owned}, beats)
        begun = {one.partition.number: one for one in owned if self._writing[one].is_due}
        waiting = [one for number, one in begun.items() if not self._writing[one].begins(one, beats.get(number))]
        owned = [one for one in owned if one not in waiting]
        for one in owned:
            if one.is_rebuilt:
                await self._sink.forget(one.partition.number)
                one.is_rebuilt = False
            elif self._writing[one].is_due and self._writing[one].is_lost:
                await self._sink.uncount(one.partition.number)
        begun = {number: one for number, one in begun.items() if one in owned}
        held = await self._sink.held(begun) if begun else {}
        for number, one in begun.items():
            self._writing[one].leftover, self._writing[one].there = held[number], set(held[number])
        return [one for one in owned if not one.closed]

    def _collect(self, one: OwnedPartition, writing: Writing, found: Round) -> int:
        """Put what changed into a round, and some of everything while it is needed; how many parts."""
        # Always taken, also while everything is written again: what changes meanwhile comes this way alone.
        update = one.partition.view()
        writing.fence = update.fence
        if writing.is_due:
            writing.is_due, writing.is_lost = False, False
            # What has changed as a whole since the state was taken over is in the update.
            writing.pending = set(one.partition.buckets()) - set(update.whole)
            writing.rebuild = one.partition.everything(writing.pending.copy())
        parts = self._put(one, writing, update, found)
        writing.drop_past(update, one.partition.buckets, self._local)
        self._drop(one, writing, found)
        # Whatever changed: else those who always have news would never be whole.
        most = parts + (_BACKLOG_CHUNK_PARTS if self._status.backlog() > pace.BACKLOG else _CHUNK_PARTS)
        while writing.rebuild is not None and parts < most:
            more = next(writing.rebuild, None)
            if more is None:
                writing.rebuild, writing.pending, writing.is_healing = None, set(), False
                parts += self._take_back(one, writing, update, found)
                break
            # `view` above has just rolled everything up, so a bucket taken now is as of the same fence.
            more = more._replace(fence=update.fence, time=update.time, kept=update.kept)
            parts += self._put(one, writing, more, found)
        return parts

    def _take_back(self, one: OwnedPartition, writing: Writing, update: ViewUpdate, found: Round) -> int:
        """Empty the parts that are in the view and in no state: emptied by a former owner, or while Redis was away."""
        leftover, writing.leftover = writing.leftover, {}
        gone: dict[Where, dict[bytes, bytes | None]] = {
            where: dict.fromkeys(fields) for where, fields in leftover.items()
        }
        whole = gone.keys() - set(one.partition.buckets())
        return self._put(one, writing, update._replace(cells=gone, waiting=None, whole=whole, unanswered=None), found)

    def _drop(self, one: OwnedPartition, writing: Writing, found: Round) -> None:
        for where in writing.drop:
            key = self._keys.cells(*where, one.partition.number)
            found.hashes[key] = {}
            found.gone.add(key)
        writing.there -= writing.drop
        writing.drop = set()

    def _put(self, one: OwnedPartition, writing: Writing, update: ViewUpdate, found: Round) -> int:
        parts, fence, number, hashes = 0, fenced(update.fence, b""), one.partition.number, found.hashes
        for where, fields in update.cells.items():
            writing.pending.discard(where)
            if not fields:  # a bucket whose parts have all been emptied: nothing to write or to name
                if where in writing.there and is_past(*where, update, self._local):
                    writing.drop.add(where)
                continue
            # What the state still knows needs no taking back (`_take_back`), whether it has a value or was emptied.
            writing.leftover.get(where, set()).difference_update(fields)
            key = self._keys.cells(*where, number)
            if gone := is_past(*where, update, self._local):
                writing.there.discard(where)
                found.gone.add(key)
            else:
                writing.there.add(where)
                if where in update.whole:
                    found.whole.add(key)
            empty = b"" if gone else _EMPTY
            hashes.setdefault(key, {}).update(
                {name: fence + (empty if payload is None else payload) for name, payload in fields.items()}
            )
            parts += len(fields)
        for key, listed in writing.lists(update, self._keys):
            hashes.setdefault(key, {})[str(number).encode()] = fence + listed
        return parts

    def _beat(self, one: OwnedPartition, writing: Writing, hashes: dict[str, dict[bytes, bytes]]) -> None:
        number = one.partition.number
        contact = self._status.contact(number)
        beat = writing.beat_of(one.partition, self._worker_id, self._zone, contact, one.left_to_count())
        hashes.setdefault(self._keys.partitions, {})[str(number).encode()] = beat

    async def _beat_again(self) -> None:
        """Between two rounds: that the owner is there, and when Kafka answered, as of what the last round showed."""
        if monotonic() - self._told_at < HEARTBEAT_SECONDS:
            return
        self._told_at, beats = monotonic(), {}
        last = {one: writing.beat for one, writing in self._writing.items() if writing.beat and not one.closed}
        for one in last:
            number = one.partition.number
            beats[str(number).encode()] = self._writing[one].beat_again(self._status.contact(number))
        if beats:
            before = await self._sink.write({self._keys.partitions: beats}, quiet=(self._keys.partitions,))
            self._compare(last, self._beats_of(before))

    def _beats_of(self, before: Before) -> Beats:
        return {int(number): beat for number, beat in before.get(self._keys.partitions, {}).items()}

    async def _look(self) -> None:
        """See whether the view still has what was written."""
        generation = await self._sink.generation()
        if generation != self._generation:
            if self._generation:
                log.warning("the view lost what it held, or is asked for; writing it again")
            self._need_everything(lost=bool(self._generation))
            self._generation = generation
        if monotonic() - self._checked_at >= _CHECK_SECONDS:
            await self._check()
            self._checked_at = monotonic()
        if monotonic() - self._looked_at >= _MEMORY_SECONDS:
            self._looked_at = monotonic()
            await self._look_at_memory()

    def _compare(self, last: Mapping[OwnedPartition, bytes], there: Beats) -> None:
        """See whether the view had our last heartbeat: else another server took over, or began from an old dump."""
        for one, beat in last.items():
            found = there.get(one.partition.number, beat)
            if found < beat[:FENCE_DIGITS]:
                self._lost_some(one, "its last writes")
                self._writing[one].rewound, self._writing[one].beat = int(time() * 1000), found

    async def _check(self) -> None:
        """Compare what is there with what was written; what was lost is written again."""
        for one, writing in list(self._writing.items()):
            if not writing.is_whole:
                continue
            found = await self._sink.check(number := one.partition.number)
            if one.closed or self._writing.get(one) is not writing:
                continue
            if found.hashes != len(writing.there):
                self._lost_some(one, f"{len(writing.there)} hashes are there, {found.hashes} are counted")
            elif found.broken or writing.lost_lists(found.lists):
                self._sensors.view_lost(len(found.broken) or 1)
                log.warning("the view lost parts; writing them again", partition=number, hashes=len(found.broken))
                lost, held = set(found.broken), set(one.partition.buckets())
                writing.rebuild, writing.pending = one.partition.everything(lost & held), lost & held
                writing.drop = lost - held
            elif writing.outdone(found.lists, one.partition.fence):
                writing.rebuild = one.partition.everything(())

    def _lost_some(self, one: OwnedPartition, what: str) -> None:
        self._sensors.view_lost(1)
        log.warning("the view lost what it held; writing it again", partition=one.partition.number, problem=what)
        writing = self._writing[one]
        writing.is_due, writing.is_lost, writing.is_healing, writing.rebuild = True, True, True, None

    async def _refresh(self) -> None:
        if monotonic() - self._refreshed_at > _REFRESH_SECONDS:
            self._refreshed_at = monotonic()
            writings = [(one.partition.number, writing.there) for one, writing in self._writing.items()]
            cells = [self._keys.cells(*where, number) for number, there in writings for where in there]
            manifests = [self._keys.manifest(number) for number, _ in writings]
            await self._sink.refresh(
                [*sorted(cells), *manifests, self._keys.reference, self._keys.waiting, self._keys.unanswered]
            )

    async def _look_at_memory(self) -> None:
        memory = await self._sink.memory()
        if memory != self._memory:
            self._memory = memory
            self._sensors.memory(memory)
            if memory.problem:
                log.warning(memory.problem)

    def _need_everything(self, *, lost: bool = False) -> None:
        for one in self._owned():
            writing = self._writing.setdefault(one, Writing())
            writing.is_due, writing.rebuild = True, None
            writing.is_lost |= lost
            writing.is_healing |= lost

    def _lost(self, error: SinkError) -> None:
        if self._status.view_failed():
            log.warning("the view cannot be written; folding goes on", error=str(error))
        self._sensors.view_failed()
        self._need_everything()
        self._beaten_at = 0.0
        for one in self._owned():
            # What changed since is in "everything"; taken here so that the list of it stays short.
            one.partition.view()
            one.take_timestamps()
