"""What imports tell Prometheus: a file for the textfile collector of node exporter, as most of them end too soon.

What stands in the file is counted on, so that counters only grow, over imports and restarts.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from producers.importer.errors import ImportProblem

LINES, EVENTS, CLIENTS = "sales_import_lines", "sales_import_events", "sales_import_clients"
AT = "sales_import_timestamp_seconds"
_FAMILIES = {
    LINES: (CounterMetricFamily, "Lines of files, by what became of them.", ("source", "format", "outcome")),
    EVENTS: (CounterMetricFamily, "Events sent to Kafka.", ("source", "format")),
    CLIENTS: (
        CounterMetricFamily,
        "Calls and rows whose client was looked up by a number or an address, by whether it was known.",
        ("source", "format", "outcome"),
    ),
    AT: (
        GaugeMetricFamily,
        "When the last import ended (import), and when the log was last looked at (follow).",
        ("source", "format", "mode"),
    ),
}
_EVERY = 5.0
"""Seconds between two times that the file of a log that is followed is written."""


class ImportTotals(NamedTuple):
    """Lines and events by what became of them until now, and clients that were met."""

    taken: int = 0
    left_out: int = 0
    refused: int = 0
    sent: int = 0
    known: int = 0
    new: int = 0


class ImportSeries(Collector):
    """The series in one file; an import adds to those of its source and format. `now`: Unix seconds.

    An exchange has two logs, each with a file of its own, and no series may be in both: so there is `format`.

    Raises ImportProblem where the file cannot be written, or is somebody else's.
    """

    def __init__(self, path: Path, source: str, format_: str, now: Callable[[], float]) -> None:
        self._path = path
        self._of = (source, format_)
        self._now = now
        self._written = 0.0
        self._last = ImportTotals()
        self._values: defaultdict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
        self._registry = CollectorRegistry()
        self._registry.register(self)
        if path.suffix != ".prom":
            raise ImportProblem(f"--metrics {path}: its name has to end in .prom: node exporter reads no other files")
        self._go_on()
        # All are there from the start: nobody sees the first of each as an increase.
        self.tell(ImportTotals())
        self.write()

    def collect(self) -> Iterator[Metric]:
        """What stands in the file."""
        for name, (make, about, labels) in _FAMILIES.items():
            family = make(name, about, labels=labels)
            for (of, values), value in self._values.items():
                if of == name:
                    family.add_metric(values, value)
            yield family

    def begin(self, totals: ImportTotals) -> None:
        """What was counted before."""
        self._last = totals

    def tell(self, totals: ImportTotals) -> None:
        """Count what came since the last time."""
        more = ImportTotals(*(now - then for now, then in zip(totals, self._last, strict=True)))
        self._last = totals
        for outcome in ("taken", "left_out", "refused"):
            self._values[LINES, (*self._of, outcome)] += getattr(more, outcome)
        self._values[EVENTS, self._of] += more.sent
        for outcome in ("known", "new"):
            self._values[CLIENTS, (*self._of, outcome)] += getattr(more, outcome)

    def ended(self, mode: str = "import") -> None:
        """An import came to an end."""
        self._values[AT, (*self._of, mode)] = self._now()
        self.write()

    def looked(self) -> None:
        """A log that is followed was looked at."""
        if self._now() - self._written >= _EVERY:
            self.ended("follow")

    def write(self) -> None:
        """Write the file, in one step. Raises ImportProblem."""
        self._written = self._now()
        try:
            write_to_textfile(os.fspath(self._path), self._registry)
        except OSError as error:
            raise ImportProblem(f"--metrics {self._path}: cannot be written: {error.strerror}") from error

    def _go_on(self) -> None:
        try:
            found = list(text_string_to_metric_families(self._path.read_text()))
        except FileNotFoundError:
            return
        except OSError as error:
            raise ImportProblem(f"--metrics {self._path}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise ImportProblem(f"--metrics {self._path}: is not a file of metrics; name another one") from error
        for family in found:
            if family.name not in _FAMILIES:
                raise ImportProblem(f"--metrics {self._path}: has {family.name}, which is not ours; name another file")
            labels = _FAMILIES[family.name][2]
            for sample in family.samples:
                self._values[family.name, tuple(sample.labels.get(label, "") for label in labels)] = sample.value
