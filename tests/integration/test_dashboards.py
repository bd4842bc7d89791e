"""A real Prometheus with the generated configuration answers every query that walls and alerts ask."""

import time
from collections.abc import Iterator

import httpx
import pytest

from grafana import rules
from grafana.alerting.service import EXPORTER_JOB, WORKER_JOB
from tests.support.exposition import Synthetic
from tests.support.grafana_queries import check_all_queries, missing_records, unexplained
from tests.support.monitoring import prometheus, serving

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

MAY_BE_EMPTY = {
    "annotation Releases": "only at a release",
    "annotation Plan changes": "only where a plan changed",
    r"^alert \w+$": "a healthy floor fires nothing; its selectors are asked one by one",
}


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus") / "etc"
    floor = Synthetic()
    with (
        serving(floor.exporter) as exporter,
        serving(floor.worker) as worker,
        prometheus(folder, {EXPORTER_JOB: exporter, WORKER_JOB: worker}) as url,
    ):
        _wait(url)
        yield url


def _wait(url: str) -> None:
    """Until every recording rule has run, and counters have two samples."""
    wanted = list(rules.records())
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and missing_records(url, wanted):
        time.sleep(2)


def test_every_recorded_series_has_data(prometheus_url: str) -> None:
    """With all families exposed, no recording rule gives nothing, and none fails."""
    assert missing_records(prometheus_url, list(rules.records())) == []
    groups = httpx.get(f"{prometheus_url}/api/v1/rules").json()["data"]["groups"]
    assert [rule["lastError"] for group in groups for rule in group["rules"] if rule.get("lastError")] == []


def test_every_query_returns_data(prometheus_url: str) -> None:
    """Panels, variables, annotations and alerts: each returns data, or may be empty for a stated reason."""
    answers = check_all_queries(prometheus_url)
    assert len(answers) > 300
    assert "\n".join(unexplained(answers, MAY_BE_EMPTY)) == ""
