"""A real Prometheus that has scraped a synthetic floor, for tests that need every series and every recording rule."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx

from grafana.alerting.service import CALENDAR_JOB, EXPORTER_JOB, WORKER_JOB
from grafana.alerting.ways_in import GATEWAY_JOB
from tests.support.exposition import Synthetic
from tests.support.monitoring import prometheus, serving

PATIENCE = 200
ROUNDS = 2
"""What is recorded stands on the sums over teams, those on what was scraped: so many evaluations in turn."""


def settle(url: str, targets: Mapping[str, str | Sequence[str]]) -> None:
    """Wait until every recording rule has run on the results of those that it reads, and those on all targets' pages.

    targets: as Prometheus was given them.
    """
    deadline = time.monotonic() + PATIENCE
    wanted = {job: 1 if isinstance(addresses, str) else len(addresses) for job, addresses in targets.items()}
    # It is read by both jobs.
    wanted[CALENDAR_JOB] = wanted[EXPORTER_JOB]
    with httpx.Client(base_url=f"{url}/api/v1", timeout=20) as http:

        def until(holds: Callable[[], bool]) -> None:
            while not holds():
                assert time.monotonic() < deadline, f"{_scraped(http)} of {wanted} are read, and rules are not all run"
                time.sleep(0.2)

        until(lambda: _scraped(http) == wanted)
        for _ in range(ROUNDS):
            moment = datetime.now(UTC)
            until(partial(_evaluated_since, http, moment))


def _scraped(http: httpx.Client) -> dict[str, int]:
    """Of how many targets each job has read the page."""
    found = http.get("/query", params={"query": "up == 1"}).json()["data"]["result"]
    return dict(Counter(one["metric"]["job"] for one in found))


def _evaluated_since(http: httpx.Client, moment: datetime) -> bool:
    """Whether each group began after a moment, and ended."""
    groups = http.get("/rules").json()["data"]["groups"]
    return all(datetime.fromisoformat(group["lastEvaluation"]) > moment for group in groups)


@contextmanager
def filled_prometheus(folder: Path) -> Iterator[str]:
    """Its URL, once it has settled."""
    floor = Synthetic()
    with serving(floor.exporter) as exporter, serving(floor.worker) as worker, serving(floor.gateway) as gateway:
        targets = {EXPORTER_JOB: exporter, WORKER_JOB: worker, GATEWAY_JOB: gateway}
        with prometheus(folder, targets, every="5s") as url:
            settle(url, targets)
            yield url
