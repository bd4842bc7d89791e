"""Who shows a number is no part of it: a redeployed exporter, or a second one, moves no number on a real Prometheus."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from grafana.alerting.service import EXPORTER_JOB, WORKER_JOB
from metrics.family import SHORT_WINDOWS
from tests.support.exposition import Synthetic
from tests.support.grafana_queries import Asker, Question, alert_rules, of_now, questions, variables
from tests.support.monitoring import aim, prometheus, serving
from tests.support.synthetic import settle

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

RECORDED = '{__name__=~"(manager|team|company):.*",__name__!~".*:sales_release:.*"}'
MOVES = (
    *("sales_worker", "sales_unconverted", "sales_exporter", "sales_view", "sales_audit", "sales_release"),
    *("sales_certificate", "ALERTS", "up"),
)
"""What is of a process, or grows while the test looks."""
REDEPLOYS = 1
WATCHED_SECONDS = 12
"""After each start: two scrapes and two runs of the rules, 5 s apart here; what doubled did so at the first."""

Values = dict[tuple[tuple[str, str], ...], float]


def asked(url: str, expr: str) -> Values:
    """The samples of a query by their labels."""
    body = httpx.post(f"{url}/api/v1/query", data={"query": expr}, timeout=30).json()
    assert body["status"] == "success", body
    return {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in body["data"]["result"]}


def head_series(url: str) -> int:
    return int(httpx.get(f"{url}/api/v1/status/tsdb").json()["data"]["headStats"]["numSeries"])


def moved(before: Values, after: Values) -> list[Any]:
    """Numbers that are others than before, or new; not those that are not there yet. A dash, NaN, is as it was."""
    return [
        (labels, before.get(labels), value) for labels, value in after.items() if str(before.get(labels)) != str(value)
    ]


def shown(url: str) -> dict[str, Values]:
    """What every panel and every recording rule says."""
    found = {"recorded": asked(url, RECORDED)}
    with Asker(url) as asker:
        for board in of_now().values():
            chosen, _ = variables(board, asker)
            for question in questions(board, chosen):
                if not any(word in question.expr for word in MOVES):
                    found[question.where] = asked(url, question.expr)
    return found


def watched(url: str, before: Values, seconds: float) -> None:
    """For some seconds no number moves or goes, and there is one exporter."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert moved(before, asked(url, RECORDED)) == []
        assert len(asked(url, f'up{{job="{EXPORTER_JOB}"}}')) <= 1
        time.sleep(0.5)


def test_a_redeploy_moves_no_number(tmp_path: Path) -> None:
    """Exporter and Prometheus end and come back, the exporter at another address; the head does not grow by it."""
    floor, before, began = Synthetic(), {}, 0
    with serving(floor.worker) as worker:
        for number in range(1 + REDEPLOYS):
            with serving(floor.exporter) as address:
                targets = {EXPORTER_JOB: address, WORKER_JOB: worker}
                with prometheus(tmp_path, targets, every="5s") as url:
                    if number:
                        watched(url, before, WATCHED_SECONDS)
                        assert head_series(url) < 1.05 * began
                    else:
                        settle(url, targets)
                        before, began = asked(url, RECORDED), head_series(url)


@pytest.mark.slow
def test_an_exporter_that_moves_under_a_running_prometheus_moves_no_number(tmp_path: Path) -> None:
    """As in a rolling update: the new one is there before the old one is no target any more."""
    floor = Synthetic()
    with serving(floor.worker) as worker, serving(floor.exporter) as first, serving(floor.exporter) as second:
        targets = {EXPORTER_JOB: first, WORKER_JOB: worker}
        with prometheus(tmp_path, targets, every="5s") as url:
            settle(url, targets)
            before, began = asked(url, RECORDED), head_series(url)
            for addresses in ([first, second], [second], [first]):
                aim(tmp_path, {EXPORTER_JOB: addresses})
                watched(url, before, WATCHED_SECONDS)
            assert head_series(url) < 1.05 * began


@pytest.mark.slow
def test_two_exporters_show_what_one_shows(tmp_path: Path) -> None:
    """Scraped by address, without our relabelling: rules, panels and alerts say of two what they say of one.

    Or nothing: rules that read what is scraped as it is stand still, those of people, and of calendar windows.
    """
    floor = Synthetic()
    with serving(floor.worker) as worker, serving(floor.exporter) as one, serving(floor.exporter) as two:
        told: list[dict[str, Values]] = []
        firing: list[set[str]] = []
        for name, addresses in (("one", [one]), ("two", [one, two])):
            targets = {EXPORTER_JOB: addresses, WORKER_JOB: worker}
            with prometheus(tmp_path / name, targets, every="5s", relabelled=False) as url:
                settle(url, targets)
                assert len(asked(url, f'up{{job="{EXPORTER_JOB}"}}')) == len(addresses)
                told.append(shown(url))
                with Asker(url) as asker:
                    firing.append({r["alert"] for r in alert_rules() if asker.ask(Question("", r["expr"])).samples})
    assert told[0].keys() == told[1].keys()
    different = {where: moved(told[0][where], told[1][where])[:3] for where in told[0]}
    assert {where: found for where, found in different.items() if found} == {}
    assert {where for where in told[0] if len(told[0][where]) < len(told[1][where])} == set()
    quiet = [dict(labels) for labels in told[0]["recorded"].keys() - told[1]["recorded"].keys()]
    assert quiet
    urgent = [one for one in quiet if not one["__name__"].startswith("manager:") and one.get("window") in SHORT_WINDOWS]
    assert urgent == []
    assert firing[0] == firing[1]
