"""What became of the records of a partition, by the numbers that a worker shows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from producers.events import wire


@dataclass(slots=True)
class PartitionCounts:
    """What happened since the worker last looked; it takes the numbers and puts a new one in place."""

    folded: Counter[str] = field(default_factory=Counter)
    """By event type."""
    sources: Counter[str] = field(default_factory=Counter)
    """Events by source, whatever became of them."""
    refused: dict[str, int] = field(default_factory=dict)
    """By reason."""
    forwarded: dict[tuple[str, str], int] = field(default_factory=dict)
    """By source and reason; the event counts where its copy is folded."""
    duplicates: int = 0
    """Events seen before, copies that were among them."""
    stale: int = 0
    skipped: int = 0
    """At or below the fence: folded before a restart."""

    def take(self, folded: Sequence[type[wire.Event]], sources: Sequence[str]) -> None:
        """Count the events of a batch: type by type what was folded, and the source of each."""
        for kind in set(folded):
            self.folded[kind.type] += folded.count(kind)
        # Nearly always there is but one.
        if sources and sources.count(sources[0]) == len(sources):
            self.sources[sources[0]] += len(sources)
        else:
            self.sources.update(sources)
