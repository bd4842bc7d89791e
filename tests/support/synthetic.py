"""A real Prometheus that has scraped a synthetic floor, for tests that need every series and every recording rule."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx

from grafana.alerting.service import CALENDAR_JOB, EXPORTER_JOB, WORKER_JOB
from grafana.alerting.ways_in import GATEWAY_JOB
from tests.support.exposition import Synthetic
from tests.support.monitoring import prometheus, serving

PATIENCE = 100
ROUNDS = 2
"""What is recorded stands on the sums over teams, those on what was scraped: so many evaluations in turn."""

_JOBS = (EXPORTER_JOB, WORKER_JOB, GATEWAY_JOB)


def settle(url: str) -> None:
    """Wait until every recording rule has run on the results of those that it reads.

    Goes on after 100 s at the latest; the test says what is missing then.
    """
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(base_url=f"{url}/api/v1", timeout=20) as http:

        def until(holds: Callable[[], bool]) -> None:
            while time.monotonic() < deadline and not holds():
                time.sleep(0.2)

        until(lambda: _scraped(http))
        for _ in range(ROUNDS):
            moment = datetime.now(UTC)
            until(partial(_evaluated_since, http, moment))


def _scraped(http: httpx.Client) -> bool:
    """Whether all pages were read, of the exporter by both jobs."""
    jobs = (*_JOBS, CALENDAR_JOB)
    found = http.get("/query", params={"query": f'up{{job=~"{"|".join(jobs)}"}} == 1'}).json()
    return len(found["data"]["result"]) == len(jobs)


def _evaluated_since(http: httpx.Client, moment: datetime) -> bool:
    """Whether each group began after a moment, and ended."""
    groups = http.get("/rules").json()["data"]["groups"]
    return all(datetime.fromisoformat(group["lastEvaluation"]) > moment for group in groups)


@contextmanager
def filled_prometheus(folder: Path) -> Iterator[str]:
    """Its URL, once it has settled."""
    floor = Synthetic()
    with (
        serving(floor.exporter) as exporter,
        serving(floor.worker) as worker,
        serving(floor.gateway) as gateway,
        prometheus(folder, dict(zip(_JOBS, (exporter, worker, gateway), strict=True)), every="5s") as url,
    ):
        settle(url)
        yield url
