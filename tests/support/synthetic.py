"""A real Prometheus that has scraped a synthetic floor, for tests that need every series and every recording rule."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from grafana.alerting.service import EXPORTER_JOB, WORKER_JOB
from tests.support.exposition import Synthetic
from tests.support.grafana_queries import missing_records
from tests.support.monitoring import prometheus, serving
from tests.support.recorded import records

PATIENCE = 100
ROUNDS = 4
"""A trend stands on a ratio, that on the sums of two groups, those on what was scraped: so many evaluations in turn."""


def _evaluated_since(url: str, moment: datetime) -> bool:
    groups = httpx.get(f"{url}/api/v1/rules").json()["data"]["groups"]
    return all(datetime.fromisoformat(group["lastEvaluation"]) > moment for group in groups)


def settle(url: str) -> None:
    """Wait until every recording rule has run on the results of all others and counters have two samples.

    A name is not enough to wait for: its short windows come from another group, some seconds before the long ones.
    Goes on after 100 s at the latest; the test says what is missing then.
    """
    wanted = list(records())
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and missing_records(url, wanted):
        time.sleep(1)
    for _ in range(ROUNDS):
        moment = datetime.now(UTC)
        while time.monotonic() < deadline and not _evaluated_since(url, moment):
            time.sleep(0.2)


@contextmanager
def filled_prometheus(folder: Path) -> Iterator[str]:
    """Its URL, once it has settled."""
    floor = Synthetic()
    with (
        serving(floor.exporter) as exporter,
        serving(floor.worker) as worker,
        prometheus(folder, {EXPORTER_JOB: exporter, WORKER_JOB: worker}, every="5s") as url,
    ):
        settle(url)
        yield url
