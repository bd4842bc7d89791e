"""Prometheus' and Alertmanager's own tools accept what is generated and find that alerts do what they say."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from grafana import alerting, channels
from grafana.look import Look
from grafana.promql import families
from metrics.catalogue import service
from tests.support.grafana_queries import SELECTOR
from tests.support.monitoring import RULES, binary
from tests.support.recorded import records

ROOT = Path(__file__).resolve().parents[3]
TESTS = sorted((ROOT / "tests" / "rules").glob("*s.yml"))


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_checks_rules() -> None:
    """Every rule parses, no record is doubled."""
    run(binary("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *map(str, sorted(RULES.glob("*.yml"))))


def test_promtool_checks_the_configuration() -> None:
    run(binary("promtool"), "check", "config", str(ROOT / "deploy" / "prometheus" / "prometheus.yml"))


@pytest.mark.parametrize("file", TESTS, ids=lambda path: path.stem)
def test_promtool_tests_rules(file: Path) -> None:
    """Hand-computed KPIs; each alert fires when it must and only then."""
    run(binary("promtool"), "test", "rules", str(file))


def verdicts() -> Iterator[tuple[set[str], set[str], str]]:
    """Of each question about `ALERTS` in the tests: the series at hand, the alerts expected, and what it asks."""
    for file in TESTS:
        for case in yaml.safe_load(file.read_text())["tests"]:
            series = {str(one["series"]).partition("{")[0] for one in case["input_series"]}
            for asked in case.get("promql_expr_test", ()):
                if "ALERTS" in asked["expr"]:
                    expected = set(re.findall(r'alertname="(\w+)"', str(asked["exp_samples"])))
                    yield series, expected, asked["expr"]


def read(alert: alerting.Alert) -> set[str]:
    """Series that an alert is about: those behind what its expression reads, but for who works when."""
    foreign = re.findall(r"\b(?:prometheus|alertmanager)_\w+", alert.expr)
    names = {*foreign, *(name for name, _ in SELECTOR.findall(alert.expr))} - {service.WORKING_NOW.name}
    recorded = records()
    behind = {
        name for one in names & set(recorded) for family in families(recorded[one].formula) for name in family.names
    }
    return names - set(recorded) | behind


def concerns(expr: str, alert: alerting.Alert) -> bool:
    """Whether an alert would be among what is asked, if it fired."""
    sent = {"alertname": alert.name, **alert.rule(Look(), 1)["labels"]}
    return all(sent.get(name) == value for name, value in re.findall(r'(alertname|scope|breaks)="(\w+)"', expr))


@pytest.mark.parametrize(
    "alert", [one for one in alerting.alerts(Look()) if one.name != alerting.WATCHDOG], ids=lambda alert: alert.name
)
def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not(alert: alerting.Alert) -> None:
    """An alert that nobody saw firing is a hope; one that nobody saw silent, over its own series, is a nuisance."""
    asked = [(series, expected) for series, expected, expr in verdicts() if concerns(expr, alert)]
    assert [expected for _, expected in asked if alert.name in expected]
    assert [series for series, expected in asked if alert.name not in expected and series & read(alert)]


@pytest.mark.parametrize("alert", alerting.alerts(Look()), ids=lambda alert: alert.name)
def test_alerts_reach_those_whom_they_concern(alert: alerting.Alert) -> None:
    """What is about sales goes to sales, the rest to operations; that alerts work is told to nobody else."""
    labels = alert.rule(Look(), 1)["labels"]
    config = str(ROOT / "deploy" / "alertmanager" / "alertmanager.yml")
    wanted = {"sales": channels.SALES_TEAM, "service": channels.OPERATIONS, "always": channels.WATCHDOG}[alert.scope]
    pairs = [f"{key}={value}" for key, value in {"alertname": alert.name, **labels}.items()]
    run(binary("amtool"), "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={wanted}", *pairs)
