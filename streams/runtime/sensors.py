"""What the worker says about itself: metrics in base units. They are collected here and decide nothing."""

from collections.abc import Collection, Iterable
from time import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from metrics.catalogue import service
from metrics.family import Family
from metrics.redis_client import Memory
from producers import senders as told
from producers.compiled import FORM
from producers.events.rules import REASONS
from producers.events.sender import sender
from producers.kafka_requests import Disk
from producers.senders import COUNTED, DAY, FORWARDED, LETTERED, Notes, SenderNames
from streams.letters.collector import OpenLettersCollector
from streams.letters.letter import LetterRefusal
from streams.runtime.partition_state import PartitionCollector
from streams.runtime.status import Status
from streams.state.counts import PartitionCounts

_LATENCY = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 300)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_MOST_SOURCES = 200
_APART = 60.0
"""Seconds by which no two clocks differ that follow a time server."""
_SIZES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)


def _counter(registry: CollectorRegistry, of: Family) -> Counter:
    return Counter(of.name.removesuffix("_total"), of.help, of.labels, registry=registry)


def _histogram(registry: CollectorRegistry, of: Family, bounds: tuple[float, ...]) -> Histogram:
    return Histogram(of.name, of.help, of.labels, buckets=bounds, registry=registry)


class WorkerSensors:
    """All metrics of one worker, in a registry of their own."""

    def __init__(self, worker_id: str, status: Status) -> None:
        self.registry = registry = CollectorRegistry()
        self.open_letters = OpenLettersCollector()
        registry.register(self.open_letters)
        registry.register(PartitionCollector(status.partitions, status.standbys))
        Info("sales_worker", "Which worker this is, and whether its hot modules are compiled.", registry=registry).info(
            {"worker": worker_id, "form": FORM.name}
        )
        self._view_lost = _counter(registry, service.VIEW_LOST)
        self._evicts = Gauge(
            service.REDIS_EVICTS.name, service.REDIS_EVICTS.help, service.REDIS_EVICTS.labels, registry=registry
        )
        self._events = _counter(registry, service.EVENTS)
        self._sources = _counter(registry, service.SOURCE_EVENTS)
        self._refused = _counter(registry, service.REFUSED)
        self._name = SenderNames(_MOST_SOURCES)
        self.notes = Notes()
        """For senders to see; whoever shares them takes them and puts new ones in place."""
        self._letters = _counter(registry, service.DEAD_LETTERS)
        for reason in REASONS:
            # There from the start: an increase is seen only of what was there before.
            self._letters.labels(reason)
        self._forwarded = _counter(registry, service.FORWARDED)
        self._duplicates = _counter(registry, service.DUPLICATES)
        self._stale = _counter(registry, service.STALE)
        self._skipped = _counter(registry, service.SKIPPED)
        self._batches = _counter(registry, service.BATCHES)
        self._batch = _histogram(registry, service.BATCH_EVENTS, _SIZES)
        self._fold = _counter(registry, service.FOLD_SECONDS)
        self._flush = _histogram(registry, service.FLUSH_SECONDS, _SECONDS)
        self._cut = _counter(registry, service.CUT_SECONDS)
        self._written = _counter(registry, service.CHANGELOG_RECORDS)
        self._view = _histogram(registry, service.VIEW_SECONDS, _SECONDS)
        self._parts = _counter(registry, service.VIEW_PARTS_WRITTEN)
        self._view_failures = _counter(registry, service.VIEW_FAILURES)
        self._view_up = Gauge(service.REDIS_UP.name, service.REDIS_UP.help, registry=registry)
        self._latency = _histogram(registry, service.LATENCY, _LATENCY)
        self._ahead = _counter(registry, service.CLOCK_AHEAD)
        self._restores = _counter(registry, service.RESTORES)
        self._restore = _counter(registry, service.RESTORE_SECONDS)
        self._restored_records = _counter(registry, service.RESTORE_RECORDS)
        self._rebalances = _counter(registry, service.REBALANCES)
        self._memory_limit = Gauge(service.MEMORY_LIMIT.name, service.MEMORY_LIMIT.help, registry=registry)
        self._outgrown = Gauge(service.OUTGROWN.name, service.OUTGROWN.help, registry=registry)
        self._disks = Gauge(
            service.KAFKA_DISK.name, service.KAFKA_DISK.help, service.KAFKA_DISK.labels, registry=registry
        )
        contact = Gauge(service.KAFKA_CONTACT_AGE.name, service.KAFKA_CONTACT_AGE.help, registry=registry)
        contact.set_function(status.contact_age)

    def memory_limit(self, most: int) -> None:
        """So many bytes the worker may take; 0: no limit."""
        self._memory_limit.set(most)

    def outgrown(self, is_near: bool) -> None:
        """Whether memory has come near that."""
        self._outgrown.set(is_near)

    def folded(self, counts: PartitionCounts, *, records: int, seconds: float, at: float) -> None:
        """A batch was folded, whose last record the broker took `at` (Unix s)."""
        now = time()
        is_recent = at > now - DAY
        if at > now + _APART:
            self._ahead.inc()
        for kind, n in counts.folded.items():
            self._events.labels(kind).inc(n)
        for source, n in counts.sources.items():
            name = self._name(source)
            self._sources.labels(name).inc(n)
            if is_recent:
                self.notes.count(name, COUNTED, "", n, at)
        for reason, n in counts.refused.items():
            self._letters.labels(reason).inc(n)
        for (source, reason), n in counts.forwarded.items():
            name = self._name(source)
            self._forwarded.labels(name, reason).inc(n)
            if is_recent:
                self.notes.count(name, FORWARDED, reason, n, at)
        self._duplicates.inc(counts.duplicates)
        self._stale.inc(counts.stale)
        self._skipped.inc(counts.skipped)
        self._batches.inc()
        self._batch.observe(records)
        self._fold.inc(seconds)

    def lettered(self, refused: Iterable[LetterRefusal]) -> None:
        """Records become dead letters for the first time."""
        now = time()
        for one in refused:
            record = one.record
            name = self._name(sender(record.value, record.headers))
            self._refused.labels(name).inc()
            at = record.timestamp / 1000 if record.timestamp >= 0 else now
            if at > now - DAY:
                self.notes.count(name, LETTERED, one.reason, 1, at)
                self.notes.refuse(name, told.SenderRefusal("kafka", one.reason, "", one.detail), at)

    def refused(self, refused: Collection[LetterRefusal]) -> None:
        """Records of the reference topic were refused."""
        for one in refused:
            self._letters.labels(one.reason).inc()
        self.lettered(refused)

    def flushed(self, *, seconds: float, cut_seconds: float, written: int) -> None:
        """What was folded is durable."""
        self._flush.observe(seconds)
        self._cut.inc(cut_seconds)
        self._written.inc(written)

    def shown(self, *, seconds: float, parts: int, timestamps: Iterable[int]) -> None:
        """The view was written; `timestamps` (ms) of the batches that are in it now."""
        self._view.observe(seconds)
        self._parts.inc(parts)
        self._view_up.set(1)
        now = time()
        for timestamp in timestamps:
            self._latency.observe(max(0.0, now - timestamp / 1000))

    def view_failed(self) -> None:
        """The view cannot be written."""
        self._view_failures.inc()
        self._view_up.set(0)

    def view_lost(self, hashes: int) -> None:
        """Redis does not have any more what was written."""
        self._view_lost.inc(hashes)

    def memory(self, memory: Memory) -> None:
        """What Redis does when its memory is full."""
        self._evicts.clear()
        self._evicts.labels(memory.policy).set(float(bool(memory.problem)))

    def disks(self, found: Iterable[Disk]) -> None:
        """What brokers say of their disks."""
        self._disks.clear()
        for one in found:
            for state, size in (("total", one.total), ("free", one.free)):
                self._disks.labels(one.broker, one.folder, state).set(size)

    def restoring(self, records: int) -> None:
        """Changelog records were read."""
        self._restored_records.inc(records)

    def restored(self, source: str, seconds: float) -> None:
        """A partition was restored from `disk`, `changelog` or `nothing`."""
        self._restores.labels(source).inc()
        self._restore.inc(seconds)

    def rebalanced(self) -> None:
        """The assignment changed."""
        self._rebalances.inc()
