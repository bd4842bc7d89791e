"""What is known of each partition that this worker owns, and the gauges that show it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic, time

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from metrics.catalogue import service
from metrics.family import Family
from producers.log_ends import SILENT_SECONDS, EndOffsets


@dataclass
class PartitionState:
    """What is known of one owned partition."""

    fence: int = -1
    time_us: int = 0
    cells: int = 0
    committed_at: float = field(default_factory=time)
    progressed_at: float = field(default_factory=monotonic)
    restored: int = 0
    restore_total: int = 0
    ready: bool = False
    contact_at: float = field(default_factory=monotonic)
    """When the partition's leader last answered; a partition that is opened has just been asked for."""
    stable: int = 0
    """The last stable offset, and `held_since` when it was first seen below the high watermark: 0.0 while it is not."""
    held_since: float = 0.0
    held: float = 0.0

    @property
    def lag(self) -> int:
        """Offsets that wait to be folded; of what an open transaction holds back, and while it is restored, none do."""
        return max(0, self.stable - 1 - self.fence) if self.ready else 0

    def folded(self, fence: int) -> None:
        """Reading and folding got as far as the offset `fence`."""
        self.fence, self.progressed_at = fence, monotonic()

    def flushed(self, time_us: int, cells: int) -> None:
        """What was folded is durable, up to that partition time and with so many parts of cells."""
        self.time_us, self.cells = time_us, cells
        self.idle()

    def idle(self) -> None:
        """There is nothing more to do now."""
        self.committed_at, self.progressed_at = time(), monotonic()

    def answered(self, ends: EndOffsets) -> None:
        """The leader said where the partition ends."""
        now = monotonic()
        if now - self.contact_at > SILENT_SECONDS:
            self.progressed_at = now  # without Kafka there was nothing to get on with
        self.contact_at = now
        if ends.stable >= ends.high:
            self.held_since = 0.0
        elif ends.stable != self.stable or not self.held_since:
            self.held_since = now
        self.stable = ends.stable
        self.held = now - self.held_since if self.held_since else 0.0

    def has_stalled(self, timeout: float) -> bool:
        """Whether there is something to do and was no progress for so many seconds in which Kafka answered."""
        now = monotonic()
        # A restart would wait for Kafka as well.
        until = self.contact_at if now - self.contact_at > SILENT_SECONDS else now
        return until - self.progressed_at > timeout and (self.lag > 0 or not self.ready)


class PartitionCollector(Collector):
    """Gauges per partition, computed when asked for, so that a partition given away leaves nothing behind."""

    def __init__(self, partitions: dict[int, PartitionState], standbys: dict[int, int]) -> None:
        self._partitions = partitions
        self._standbys = standbys

    def describe(self) -> Iterable[Metric]:
        """The families, without samples."""
        return self._families({}, {})

    def collect(self) -> Iterator[Metric]:
        """One gauge per owned partition, and the standbys."""
        yield from self._families(dict(self._partitions), dict(self._standbys))

    @staticmethod
    def _families(partitions: dict[int, PartitionState], standbys: dict[int, int]) -> Iterator[Metric]:
        now = time()
        values: tuple[tuple[Family, Callable[[PartitionState], float]], ...] = (
            (service.LAG, lambda p: p.lag),
            (service.FENCE, lambda p: p.fence),
            (service.PARTITION_TIME, lambda p: p.time_us / 1e6),
            (service.COMMIT_AGE, lambda p: now - p.committed_at),
            (service.RESTORE_REMAINING, lambda p: 0 if p.ready else max(0, p.restore_total - p.restored)),
            (service.READY, lambda p: float(p.ready)),
            (service.CELLS, lambda p: p.cells),
            (service.OPEN_TRANSACTION, lambda p: p.held),
        )
        for of, value in values:
            family = GaugeMetricFamily(of.name, of.help, labels=of.labels)
            for number, partition in sorted(partitions.items()):
                family.add_metric([str(number)], value(partition))
            yield family
        copies = GaugeMetricFamily(
            service.STANDBY_LAG.name, service.STANDBY_LAG.help, labels=service.STANDBY_LAG.labels
        )
        for number, lag in sorted(standbys.items()):
            copies.add_metric([str(number)], lag)
        yield copies
        yield GaugeMetricFamily(service.ASSIGNED.name, service.ASSIGNED.help, value=len(partitions))
