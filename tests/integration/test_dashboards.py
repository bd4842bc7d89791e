"""A real Prometheus with the generated configuration answers every query that walls and alerts ask."""

from collections.abc import Iterator

import httpx
import pytest

from grafana.kept import ready
from grafana.live import live
from grafana.promql import Live, has_period
from metrics.catalogue import KPIS
from metrics.kpi import Level
from tests.support.grafana_queries import check_all_queries, missing_records, unexplained
from tests.support.recorded import records
from tests.support.synthetic import filled_prometheus

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

MAY_BE_EMPTY = {
    "annotation Plan changes": "only where a plan changed",
    r"> 0$|<= 0$|[<>] 0\), \"kpi\"": "a change is more or less: only one of two has samples",
    r"-1 \* \(": "over a plan is who is beyond it",
    r"ALERTS": "nothing fires",
    r"\[30d:1h\] @ end\(\)": "a sparkline has a point at each full hour, and the data are minutes old",
    r"^alert \w+$": "a healthy floor fires nothing; its selectors are asked one by one",
}


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with filled_prometheus(tmp_path_factory.mktemp("prometheus") / "etc") as url:
        yield url


def test_every_recorded_series_has_data(prometheus_url: str) -> None:
    """With all families exposed, no recording rule gives nothing, and none fails."""
    assert missing_records(prometheus_url, list(records())) == []
    groups = httpx.get(f"{prometheus_url}/api/v1/rules").json()["data"]["groups"]
    assert [rule["lastError"] for group in groups for rule in group["rules"] if rule.get("lastError")] == []


def _numbers(http: httpx.Client, expr: str, labels: tuple[str, ...]) -> dict[tuple[str, ...], float]:
    body = http.post("/api/v1/query", data={"query": expr}).json()
    return {
        tuple(one["metric"].get(label, "") for label in labels): float(one["value"][1])
        for one in body["data"]["result"]
    }


@pytest.mark.parametrize("level", Level, ids=str)
def test_live_numbers_are_those_that_are_recorded(prometheus_url: str, level: Level) -> None:
    """Walls ask the families, rules and alerts read the same formula: for every KPI they say the same."""
    with httpx.Client(base_url=prometheus_url, timeout=20) as http:
        for kpi in KPIS:
            labels = (*level.labels, *kpi.by)
            current = {"period": "current"} if has_period(kpi) else {}
            recorded = _numbers(http, ready(kpi, level, current), (*labels, "window"))
            shown = {
                (*who, window): value
                for window in kpi.windows_at(level) or ("",)
                for who, value in _numbers(http, live(kpi, level, Live(window, keep=labels)), labels).items()
            }
            assert {window for *_, window in recorded} == set(kpi.windows_at(level) or ("",)), kpi.title
            assert shown == pytest.approx(recorded), kpi.title


def test_every_query_returns_data(prometheus_url: str) -> None:
    """Panels, variables, annotations and alerts: each returns data, or may be empty for a stated reason."""
    answers = check_all_queries(prometheus_url)
    assert len(answers) > 300
    assert "\n".join(unexplained(answers, MAY_BE_EMPTY)) == ""
