"""What the worker says about itself: metrics in base units, and whether it makes progress."""

from collections.abc import Iterable
from time import monotonic, time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from metrics.catalogue import service
from metrics.family import Family
from metrics.redis_client import Memory
from producers.events.rules import REASONS
from streams.letters.collector import OpenLettersCollector
from streams.partition import Counts
from streams.partition_state import PartitionCollector, PartitionState

_LATENCY = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 300)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_MOST_SOURCES = 200
_SIZES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)


def _counter(registry: CollectorRegistry, of: Family) -> Counter:
    return Counter(of.name.removesuffix("_total"), of.help, of.labels, registry=registry)


def _histogram(registry: CollectorRegistry, of: Family, bounds: tuple[float, ...]) -> Histogram:
    return Histogram(of.name, of.help, of.labels, buckets=bounds, registry=registry)


class WorkerSensors:
    """All metrics of one worker, in a registry of their own."""

    def __init__(self, worker_id: str) -> None:
        self.registry = registry = CollectorRegistry()
        self.partitions: dict[int, PartitionState] = {}
        self.standbys: dict[int, int] = {}
        """Changelog records that the copy of a partition does not have yet."""
        self.open_letters = OpenLettersCollector()
        registry.register(self.open_letters)
        self.failed_view_since: float | None = None
        self.answered_at = monotonic()
        """When a broker last answered what it was asked about the log."""
        registry.register(PartitionCollector(self.partitions, self.standbys))
        Info("sales_worker", "Which worker this is.", registry=registry).info({"worker": worker_id})
        self._view_lost = _counter(registry, service.VIEW_LOST)
        self._evicts = Gauge(
            service.REDIS_EVICTS.name, service.REDIS_EVICTS.help, service.REDIS_EVICTS.labels, registry=registry
        )
        self._events = _counter(registry, service.EVENTS)
        self._sources = _counter(registry, service.SOURCE_EVENTS)
        self._known_sources: set[str] = set()
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
        self._restores = _counter(registry, service.RESTORES)
        self._restore = _counter(registry, service.RESTORE_SECONDS)
        self._restored_records = _counter(registry, service.RESTORE_RECORDS)
        self._rebalances = _counter(registry, service.REBALANCES)
        contact = Gauge(service.KAFKA_CONTACT_AGE.name, service.KAFKA_CONTACT_AGE.help, registry=registry)
        contact.set_function(self.contact_age)

    def folded(self, counts: Counts, *, records: int, seconds: float) -> None:
        """A batch was folded."""
        for kind, n in counts.folded.items():
            self._events.labels(kind).inc(n)
        for source, n in counts.sources.items():
            self._sources.labels(self._source(source)).inc(n)
        for reason, n in counts.refused.items():
            self._letters.labels(reason).inc(n)
        for (source, reason), n in counts.forwarded.items():
            self._forwarded.labels(self._source(source), reason).inc(n)
        self._duplicates.inc(counts.duplicates)
        self._stale.inc(counts.stale)
        self._skipped.inc(counts.skipped)
        self._batches.inc()
        self._batch.observe(records)
        self._fold.inc(seconds)

    def _source(self, source: str) -> str:
        """The source as a label; beyond a bound all others are one, as sources are what producers make up."""
        if source not in self._known_sources:
            if len(self._known_sources) >= _MOST_SOURCES:
                return "other"
            self._known_sources.add(source)
        return source

    def refused(self, reason: str) -> None:
        """A record of the reference topic was refused."""
        self._letters.labels(reason).inc()

    def flushed(
        self, number: int, *, seconds: float, cut_seconds: float, written: int, time_us: int, cells: int
    ) -> None:
        """What was folded is durable."""
        self._flush.observe(seconds)
        self._cut.inc(cut_seconds)
        self._written.inc(written)
        if (state := self.partitions.get(number)) is not None:
            state.committed_at, state.time_us, state.cells = time(), time_us, cells
            state.progressed_at = monotonic()

    def contact(self, number: int) -> int:
        """When the leader of a partition last answered, in Unix ms."""
        state = self.partitions.get(number)
        contact_at = self.answered_at if state is None else state.contact_at
        return int((time() - (monotonic() - contact_at)) * 1000)

    def contact_age(self) -> float:
        """Seconds since Kafka last answered, about the partition of which that is longest ago."""
        asked = [state.contact_at for state in list(self.partitions.values())] or [self.answered_at]
        return monotonic() - min(asked)

    def idle(self, number: int) -> None:
        """There is nothing to do for a partition."""
        if (state := self.partitions.get(number)) is not None:
            state.committed_at, state.progressed_at = time(), monotonic()

    def shown(self, *, seconds: float, parts: int, timestamps: Iterable[int]) -> None:
        """The view was written; `timestamps` (ms) of the batches that are in it now."""
        self._view.observe(seconds)
        self._parts.inc(parts)
        self._view_up.set(1)
        self.failed_view_since = None
        now = time()
        for timestamp in timestamps:
            self._latency.observe(max(0.0, now - timestamp / 1000))

    def view_failed(self) -> None:
        """The view cannot be written."""
        self._view_failures.inc()
        self._view_up.set(0)
        if self.failed_view_since is None:
            self.failed_view_since = time()

    def view_lost(self, hashes: int) -> None:
        """Redis does not have any more what was written."""
        self._view_lost.inc(hashes)

    def memory(self, memory: Memory) -> None:
        """What Redis does when its memory is full."""
        self._evicts.clear()
        self._evicts.labels(memory.policy).set(float(bool(memory.problem)))

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

    def backlog(self) -> int:
        """Events that wait to be folded."""
        return sum(state.lag for state in self.partitions.values())

    def stalled(self, timeout: float) -> list[int]:
        """Partitions with something to do that made no progress for `timeout` seconds."""
        return sorted(number for number, state in self.partitions.items() if state.has_stalled(timeout))
