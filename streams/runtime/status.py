"""How the worker stands: its partitions, whether Kafka answers, and whether the view can be written.

Flushing, the view's pace and readiness go by it. Metrics show it, and nothing is decided by them.
"""

from time import monotonic, time

from streams.runtime.partition_state import PartitionState


class Status:
    """`partitions`: what each owned partition knows of itself, from the moment that it is opened.

    `standbys`: changelog records that the copy of a partition does not have yet.
    `answered_at`: when (`monotonic`) a broker last answered what it was asked about the log.
    `failed_view_since`: when (Unix s) writing the view first failed, None while it can be written.
    """

    def __init__(self) -> None:
        self.partitions: dict[int, PartitionState] = {}
        self.standbys: dict[int, int] = {}
        self.answered_at = monotonic()
        self.failed_view_since: float | None = None

    def contact(self, number: int) -> int:
        """When the leader of a partition last answered, in Unix ms."""
        state = self.partitions.get(number)
        contact_at = self.answered_at if state is None else state.contact_at
        return int((time() - (monotonic() - contact_at)) * 1000)

    def contact_age(self) -> float:
        """Seconds since Kafka last answered, about the partition of which that is longest ago."""
        asked = [state.contact_at for state in list(self.partitions.values())] or [self.answered_at]
        return monotonic() - min(asked)

    def opening(self) -> list[int]:
        """Partitions that are assigned and not restored yet."""
        return [number for number, state in self.partitions.items() if not state.ready]

    def backlog(self) -> int:
        """Events that wait to be folded."""
        return sum(state.lag for state in self.partitions.values())

    def stalled(self, timeout: float) -> list[int]:
        """Partitions with something to do that made no progress for `timeout` seconds."""
        return sorted(number for number, state in self.partitions.items() if state.has_stalled(timeout))

    def view_written(self) -> None:
        """The view can be written."""
        self.failed_view_since = None

    def view_failed(self) -> bool:
        """The view cannot be written; says whether that is new."""
        is_new = self.failed_view_since is None
        if is_new:
            self.failed_view_since = time()
        return is_new
