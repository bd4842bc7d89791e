"""What the worker says about itself: metrics in base units, and whether it makes progress."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic, time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.partition import Counts

_LATENCY = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 300)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)


@dataclass
class PartitionState:
    """What is known of one owned partition, for the scrape."""

    fence: int = -1
    lag: int = 0
    time_us: int = 0
    cells: int = 0
    committed_at: float = field(default_factory=time)
    progressed_at: float = field(default_factory=monotonic)
    restored: int = 0
    restore_total: int = 0
    ready: bool = False


class _PartitionCollector(Collector):
    """Gauges per partition, computed when asked for, so that a partition given away leaves nothing behind."""

    def __init__(self, partitions: dict[int, PartitionState]) -> None:
        self._partitions = partitions

    def describe(self) -> Iterable[Metric]:
        return self._families({})

    def collect(self) -> Iterator[Metric]:
        yield from self._families(dict(self._partitions))

    @staticmethod
    def _families(partitions: dict[int, PartitionState]) -> Iterator[Metric]:
        now = time()
        values: tuple[tuple[str, str, Callable[[PartitionState], float]], ...] = (
            ("lag_events", "Events in the log that are not folded yet.", lambda p: p.lag),
            ("fence_offset", "Offset of the last event folded.", lambda p: p.fence),
            ("time_seconds", "Partition time: the greatest time of an event folded.", lambda p: p.time_us / 1e6),
            (
                "commit_age_seconds",
                "Time since the partition was last durable up to its end.",
                lambda p: now - p.committed_at,
            ),
            ("restored_records", "Changelog records read while restoring.", lambda p: p.restored),
            ("restore_offsets", "Changelog offsets that restoring has to pass.", lambda p: p.restore_total),
            ("ready", "1 when the partition is restored and folds.", lambda p: float(p.ready)),
        )
        for name, text, value in values:
            family = GaugeMetricFamily(f"sales_worker_partition_{name}", text, labels=["partition"])
            for number, partition in sorted(partitions.items()):
                family.add_metric([str(number)], value(partition))
            yield family


class WorkerSensors:
    """All metrics of one worker, in a registry of their own."""

    def __init__(self, worker_id: str) -> None:
        self.registry = registry = CollectorRegistry()
        self.partitions: dict[int, PartitionState] = {}
        self.failed_view_since: float | None = None
        registry.register(_PartitionCollector(self.partitions))
        Info("sales_worker", "Which worker this is.", registry=registry).info({"worker": worker_id})
        self._events = Counter("sales_worker_events", "Events folded.", ["type"], registry=registry)
        self._letters = Counter("sales_worker_dead_letters", "Records refused.", ["reason"], registry=registry)
        self._duplicates = Counter("sales_worker_duplicates", "Events that were there already.", registry=registry)
        self._stale = Counter("sales_worker_stale", "Events older than what is known.", registry=registry)
        self._skipped = Counter("sales_worker_skipped", "Records folded before a restart.", registry=registry)
        self._batches = Counter("sales_worker_batches", "Batches folded.", registry=registry)
        self._batch = Histogram("sales_worker_batch_events", "Size of a batch.", buckets=_SIZES, registry=registry)
        self._fold = Counter("sales_worker_fold_seconds", "Time spent folding.", registry=registry)
        self._flush = Histogram("sales_worker_flush_seconds", "Time of a flush.", buckets=_SECONDS, registry=registry)
        self._cut = Counter("sales_worker_cut_seconds", "Time spent encoding what a flush writes.", registry=registry)
        self._written = Counter("sales_worker_changelog_records", "Changelog records written.", registry=registry)
        self._view = Histogram(
            "sales_worker_view_seconds", "Time of a write of the view.", buckets=_SECONDS, registry=registry
        )
        self._parts = Counter("sales_worker_view_parts", "Parts written to the view.", registry=registry)
        self._view_failures = Counter(
            "sales_worker_view_failures", "Writes of the view that failed.", registry=registry
        )
        self._view_up = Gauge("sales_worker_view_up", "1 while the view can be written.", registry=registry)
        self._latency = Histogram(
            "sales_worker_latency_seconds",
            "From an event's timestamp in Kafka to the view.",
            buckets=_LATENCY,
            registry=registry,
        )
        self._restores = Counter("sales_worker_restores", "Partitions restored.", ["source"], registry=registry)
        self._restore = Counter("sales_worker_restore_seconds", "Time spent restoring.", registry=registry)
        self._rebalances = Counter("sales_worker_rebalances", "Changes of the assignment.", registry=registry)

    def folded(self, number: int, counts: Counts, *, records: int, seconds: float, fence: int, lag: int) -> None:
        """A batch was folded."""
        for kind, n in counts.folded.items():
            self._events.labels(kind).inc(n)
        for reason, n in counts.refused.items():
            self._letters.labels(reason).inc(n)
        self._duplicates.inc(counts.duplicates)
        self._stale.inc(counts.stale)
        self._skipped.inc(counts.skipped)
        self._batches.inc()
        self._batch.observe(records)
        self._fold.inc(seconds)
        if (state := self.partitions.get(number)) is not None:
            state.fence, state.lag = fence, lag
            state.progressed_at = monotonic()

    def refused(self, reason: str) -> None:
        """A record of the reference topic was refused."""
        self._letters.labels(reason).inc()

    def flushed(self, number: int, *, seconds: float, cut_seconds: float, written: int, time_us: int) -> None:
        """What was folded is durable."""
        self._flush.observe(seconds)
        self._cut.inc(cut_seconds)
        self._written.inc(written)
        if (state := self.partitions.get(number)) is not None:
            state.committed_at, state.time_us = time(), time_us
            state.progressed_at = monotonic()

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

    def restored(self, source: str, seconds: float) -> None:
        """A partition was restored from `disk`, `changelog` or `nothing`."""
        self._restores.labels(source).inc()
        self._restore.inc(seconds)

    def rebalanced(self) -> None:
        """The assignment changed."""
        self._rebalances.inc()

    def stalled(self, timeout: float) -> list[int]:
        """Partitions with something to do that made no progress for `timeout` seconds."""
        now = monotonic()
        return sorted(
            number
            for number, state in self.partitions.items()
            if now - state.progressed_at > timeout and (state.lag > 0 or not state.ready)
        )
