"""The state machine over one partition's log: records in, changed cells and clients out. No clock, no I/O.

    partition = Partition(number, partitions, rules, store)
    partition.restore_clients(pairs); partition.restore_cells(pairs)    # from changelog or disk, before any fold
    partition.check_restored()
    refused = partition.fold(records)                                   # in log order; never raises on input
    update = partition.view()                                           # what changed, for Redis; as often as wanted
    cut = partition.cut()                                               # what changed, for the changelogs

The cells, the clients, the partition's own record and the copies of one cut must be stored together or not at all: one
fence for all of them decides which records are skipped after a restart.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

import msgspec

from producers.errors import Refused
from producers.events import intake, wire
from producers.events.rules import AHEAD_MS, LOG_APPEND_TIME, MAX_BYTES
from producers.events.units import us
from producers.partitioner import partition_for
from streams.errors import StateError
from streams.fold.context import Context
from streams.fold.handlers import HANDLERS, keep, tidy
from streams.fold.page import Page
from streams.fold.rules import Rules
from streams.fold.state import DUPLICATE, FOLDED
from streams.fold.touches import RECALLED
from streams.state import forwarding
from streams.state.cells import DAYS_KEPT, Cells, Where
from streams.state.clients import CLIENTS, COSTS, HOT_PAGES, Clients, ClientStore, InMemoryClientStore, hot_bytes
from streams.state.counts import PartitionCounts
from streams.state.keeping import Keeping, Kept
from streams.state.lists import Lists
from streams.state.news import Cut, RefusedRecord, ViewUpdate
from streams.state.own import KEY, VERSION, Own, read_own, write_own
from streams.state.records import FoldRecord
from streams.state.sweep import Sweep

PARTITION_KEY: Final = KEY

AT_ONCE: Final = 60_000_000
"""An event is live when it reaches the broker within so much time (us) after it happened."""
COPIES_BYTES: Final = 8 << 20
"""Of records that wait to be forwarded, beyond which a flush is due."""

_NEAR: Final = MAX_BYTES // 2
"""Bytes of key and value beyond which a record is measured to the byte."""
_AHEAD: Final = AHEAD_MS * 1000
_PLAIN: Final = [("content-type", b"application/cloudevents+json")]
"""Headers of a structured record that is no copy, as most senders set them; what has others is looked at closely."""


class Partition:
    """One partition's clients and cells, a function of its log alone. `log`: that log's id, kept with the state.

    `until`: where the log ended when counting it began, see `Own`; there, too: `changelogs`.
    """

    def __init__(self, number: int, partitions: int, rules: Rules, store: ClientStore | None = None) -> None:
        self.number, self.partitions = number, partitions
        self.counts = PartitionCounts()
        self._rules = rules
        self._out = Context(rules)
        self._cells = Cells(number, self._out, rules.local)
        self._copies: list[forwarding.Copy] = []
        self.copies_bytes = 0
        self._is_kept, clear = partial(keep, out=self._out), partial(tidy, out=self._out)
        clients = InMemoryClientStore() if store is None else store
        self._clients = Clients(clients, self._is_kept, clear, hot_bytes=hot_bytes(partitions))
        self._lists = Lists(self._clients, rules)
        self._begin()

    def _begin(self) -> None:
        """All that the own record says, as before the first record."""
        out = self._out
        out.fence, out.time, out.horizon, out.horizon_day, out.recall = -1, 0, 0, 0, 0
        self.log, self.changelogs, self.until, self.live, self._next_day = "", ("", ""), 0, 0, 0
        self._forwarded: dict[int, int] = {}
        self._keeping = Keeping()
        self._sweep = Sweep(self._clients, self._is_kept)
        self._unusable: StateError | None = None

    @property
    def fence(self) -> int:
        """Offset up to which the log is folded: of the last record, or of what no reader is given behind it; or -1."""
        return self._out.fence

    @property
    def time(self) -> int:
        """Partition time, us: the greatest envelope time folded, 0 before any."""
        return self._out.time

    @property
    def is_long_past(self) -> bool:
        """Whether all that was folded is so long past that nobody asks for its hours: it counts by days alone."""
        return self._keeping.is_long_past(self._out.time)

    @property
    def cells(self) -> int:
        """How many parts of cells are held."""
        return len(self._cells)

    @property
    def is_full(self) -> bool:
        """Whether as much changed since the last cut as is held gladly: pages of clients, records to be forwarded."""
        return len(self._clients.dirty) >= HOT_PAGES or self.copies_bytes >= COPIES_BYTES

    # -- folding

    def fold(self, records: Sequence[FoldRecord]) -> list[RefusedRecord]:  # noqa: C901, PLR0912 - calls cost
        """Fold records in log order; gives those that the contract does not allow."""
        refused: list[RefusedRecord] = []
        counts = self.counts
        folded: list[type[wire.Event]] = []
        sources: list[str] = []
        out = self._out
        # This loop is most of what an event costs, so what it asks for each time is at hand as local names.
        handlers, live, keeping, near, ahead = HANDLERS, self.live, self._keeping, _NEAR, _AHEAD
        heard, turns = keeping.stamp, keeping.turns
        values = [record.value for record in records]
        events, times = wire.decode_each(values)
        pages = self._clients.of_each(events)
        # Without `strict` it makes no tuples once it is compiled.
        for record, value, event, page, at in zip(records, values, events, pages, times):  # noqa: B905
            offset = record.offset
            if offset <= out.fence:
                counts.skipped += 1
                continue
            # Also of what is refused: its dead letter is written by the flush that commits this offset.
            out.fence = offset
            stamp = record.timestamp * 1000
            is_dated = record.timestamp_type == LOG_APPEND_TIME
            if is_dated and heard <= stamp < turns:
                heard = stamp
            else:
                keeping.stamp = heard
                heard, turns = self._hear(record)
            # Nearly every record is plain, small, keyed by its client and of a client whose page is decoded. What is
            # asked here is just enough to be sure of that; `_admit` judges the rest.
            key, headers = record.key, record.headers
            if (
                event is None or page is None or value is None or key is None or len(value) + len(key) > near
                or not is_dated or at > stamp + ahead or (headers and headers != _PLAIN)
            ):  # fmt: skip
                try:
                    page, event, at = self._admit(record, event)  # noqa: PLW2901 - the same event, judged
                except Refused as error:
                    refused.append(RefusedRecord(record, error.reason, error.detail))
                    counts.refused[error.reason] = counts.refused.get(error.reason, 0) + 1
                    continue
                # It counts where its copy is folded, and there it moves the partition's time.
                if page is None:
                    continue
            if at > out.time:
                out.time = at
                if at >= self._next_day:
                    self._turn_day()
            if not live and stamp - at <= AT_ONCE:
                live = self.live = at
            sources.append(event.source)
            kind = type(event)
            outcome = handlers[kind](page, event, at, out)
            if outcome == FOLDED:
                folded.append(kind)
            elif outcome == DUPLICATE:
                counts.duplicates += 1
            else:
                counts.stale += 1
        keeping.stamp = heard
        counts.take(folded, sources)
        return refused

    def _hear(self, record: FoldRecord) -> tuple[int, int]:
        """Take note of a record's time by the broker where that begins a new minute, or goes back."""
        keeping, time = self._keeping, self._out.time
        if record.timestamp_type == LOG_APPEND_TIME and record.timestamp >= 0:
            keeping.hear(record.timestamp * 1000, time)
            self._out.keep(*keeping.kept(time))
        return keeping.stamp, keeping.turns

    def pass_over(self, end: int) -> None:
        """Move the fence up to the offset `end`: between the records before it and `end` is nothing that is read.

        Aborted records and the markers that end transactions lie there. Without it a log that ends in them would
        never be known to be folded to its end.
        """
        self._out.fence = max(self._out.fence, end - 1)

    def _admit(self, record: FoldRecord, event: wire.Event | None) -> tuple[Page | None, wire.Event, int]:
        """The client's page (None: it does not count here), the event and its time (us). Raises Refused.

        event: that of the record's value, None where that is to be judged first.
        """
        headers = record.headers
        intake.check_size(record.key, record.value, headers)
        if not headers or headers == _PLAIN:
            if event is None:
                event = wire.decode(record.value)
        else:
            event = intake.decode(record)
            origin = forwarding.origin(record, self.number, self.partitions)
            if origin is not None:
                return self._admit_copy(record, event, origin)
        # What counts is the key that the event gives itself, whatever the record has.
        page = self._page(event)
        intake.check_clock(event, record)
        if page is None:
            self._forward(record, event)
        return page, event, us(event.time)

    def _page(self, event: wire.Event) -> Page | None:
        """The client's page, None when its partition is another, which is asked once per client. Raises Refused."""
        intake.check_partitionkey(event)
        key = event.key.encode()
        name = (COSTS if type(event) is wire.CostBooked else CLIENTS) + key
        page = self._clients.find(name)
        if page is None and partition_for(key, self.partitions) == self.number:
            page = self._clients.create(name)
        return page

    def _admit_copy(
        self, record: FoldRecord, event: wire.Event, origin: forwarding.ForwardOrigin
    ) -> tuple[Page | None, wire.Event, int]:
        """The same for a copy, which was checked where it came from. It counts once, whoever wrote it how often."""
        page, seen = self._page(event), self._forwarded.get(origin.partition, -1)
        intake.check_clock(event, record, forwarding.COPY_AHEAD_MS)
        if page is None and origin.is_current:
            raise Refused("wrong_partition", forwarding.lies_wrong(event.key, self.number, self.partitions))
        if not origin.is_current or origin.offset <= seen:
            self.counts.duplicates += 1
            page = None
        else:
            self._forwarded[origin.partition] = origin.offset
        return page, event, us(event.time)

    def _forward(self, record: FoldRecord, event: wire.Event) -> None:
        """Have a record that lies wrong written to the partition of its client."""
        key = event.key.encode()
        copy = forwarding.copy_of(record, self.number, key, self.partitions)
        self._copies.append(copy)
        self.copies_bytes += copy.size
        why = event.source, forwarding.reason(record.key, key)
        self.counts.forwarded[why] = self.counts.forwarded.get(why, 0) + 1

    def _turn_day(self) -> None:
        out, local = self._out, self._rules.local
        day = local.reached(out.time)
        out.horizon_day = day - DAYS_KEPT
        out.horizon = local.start(out.horizon_day)
        out.recall = out.horizon - RECALLED
        self._next_day = local.start(day + 1)
        self._sweep.start(out.horizon_day)

    # -- what changed

    def cut(self) -> Cut:
        """Everything that changed since the last cut, encoded."""
        out = self._out
        self._roll_up()
        self._sweep.step(out.horizon_day)
        clients = self._clients.cut()
        own = Own(
            VERSION, self._rules.signature, self.fence, out.time, self.log, self.until, self._sweep.done,
            self._forwarded, self.live, self._sweep.month, self._sweep.place, self._keeping.stamp, self._keeping.gone,
            self.changelogs,
        )  # fmt: skip
        clients.append((PARTITION_KEY, write_own(own)))
        copies, self._copies, self.copies_bytes = self._copies, [], 0
        return Cut(self.fence, out.time, self._cells.cut(), clients, copies)

    def view(self) -> ViewUpdate:
        """What changed since the last call, for Redis."""
        out = self._out
        kept = self._roll_up()
        waiting, unanswered = self._lists.news(out.time)
        cells, whole = self._cells.changes()
        return ViewUpdate(self.fence, out.time, kept, cells, waiting, whole, unanswered)

    def _roll_up(self) -> Kept:
        """Move sums into cells; gives what is kept of these."""
        kept = self._keeping.kept(self._out.time)
        self._cells.roll_up(kept, self._out.horizon_day)
        return kept

    def buckets(self) -> list[Where]:
        """The buckets that have parts."""
        return self._cells.buckets()

    def everything(self, only: Collection[Where] | None = None) -> Iterator[ViewUpdate]:
        """All that is held (`only`: of these buckets), a bucket at a time; the first carries who waits.

        What is folded before the last was taken comes with `view` as well; the fence stays that of the start.
        """
        out = self._out
        kept = self._roll_up()
        fence, time = self.fence, out.time
        waiting, unanswered = self._lists.everything(time)
        yield ViewUpdate(fence, time, kept, {}, waiting, unanswered=unanswered)
        for where, parts in self._cells.everything(only):
            yield ViewUpdate(fence, time, kept, {where: parts}, None, (where,))

    # -- restoring

    def restore_clients(self, pairs: Iterable[tuple[bytes, bytes | None]], *, stored: bool = False) -> None:
        """Take over clients as cuts gave them, later ones win; `stored`: the store holds them already.

        Raises StateError for what cannot be read.
        """
        try:
            self._clients.restore(self._without_own(pairs), stored=stored)
        except msgspec.MsgspecError as error:
            raise StateError(f"a client cannot be read: {error}") from error

    def _without_own(self, pairs: Iterable[tuple[bytes, bytes | None]]) -> Iterator[tuple[bytes, bytes | None]]:
        for key, value in pairs:
            if key == PARTITION_KEY:
                self._restore_own(value)
            else:
                yield key, value

    def _restore_own(self, value: bytes | None) -> None:
        # Until Kafka compacts it a changelog holds the record of a state that was emptied since: it decides nothing.
        self._begin()
        if value is None:
            return
        try:
            own = read_own(value, self._rules.signature)
        except StateError as error:
            self._unusable = error
            return
        self.log, self.until, self.live, self.changelogs = own.log, own.until, own.live, own.changelogs
        self._out.fence, self._out.time = own.fence, own.time
        self._forwarded = own.forwarded
        self._keeping.stamp, self._keeping.gone = own.stamp, own.gone
        if own.time:
            self._turn_day()
            self._sweep.restore(own, self._out.horizon_day)

    def check_restored(self) -> None:
        """That what was restored can be gone on with. Raises StateError; RulesChanged for what other rules counted."""
        if self._unusable is not None:
            raise self._unusable

    def restore_cells(self, pairs: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Take over cells as cuts gave them; later ones win. Raises StateError."""
        self._cells.restore(pairs)
