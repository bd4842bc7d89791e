"""A real Prometheus that has scraped a synthetic floor, for tests that need every series and every recording rule."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grafana import rules
from grafana.alerting.service import EXPORTER_JOB, WORKER_JOB
from tests.support.exposition import Synthetic
from tests.support.grafana_queries import missing_records
from tests.support.monitoring import prometheus, serving

PATIENCE = 100


@contextmanager
def filled_prometheus(folder: Path) -> Iterator[str]:
    """Its URL, once every recording rule has run and counters have two samples, or after 100 s."""
    floor = Synthetic()
    with (
        serving(floor.exporter) as exporter,
        serving(floor.worker) as worker,
        prometheus(folder, {EXPORTER_JOB: exporter, WORKER_JOB: worker}, every="15s") as url,
    ):
        wanted = list(rules.records())
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and missing_records(url, wanted):
            time.sleep(2)
        yield url
