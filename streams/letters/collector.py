"""How many dead letters are open, as a metric by reason and source."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from metrics.catalogue import service
from producers.events.rules import REASONS

_MOST = 200
"""Series; sources are what senders make up, so beyond this many all others are one."""


class OpenLettersCollector(Collector):
    """`counts`: reason and source → how many; None until the letters were read once."""

    def __init__(self) -> None:
        self.counts: Mapping[tuple[str, str], int] | None = None

    def describe(self) -> Iterable[Metric]:
        """The name and labels."""
        return [_family({})]

    def collect(self) -> Iterator[Metric]:
        """The numbers, if they are known."""
        if self.counts is not None:
            yield _family(self.counts)


def _family(counts: Mapping[tuple[str, str], int]) -> Metric:
    of = service.OPEN_DEAD_LETTERS
    family = GaugeMetricFamily(of.name, of.help, labels=of.labels)
    # That none are open is said, too: it is something else than that nobody can tell.
    shown: Counter[tuple[str, str]] = Counter({(reason, ""): 0 for reason in REASONS})
    for (reason, source), n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        shown[(reason, source) if len(shown) < _MOST else (reason, "other")] += n
    for labels, n in shown.items():
        family.add_metric(labels, n)
    return family
