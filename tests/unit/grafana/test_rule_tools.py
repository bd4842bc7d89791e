"""Prometheus' and Alertmanager's own tools accept what is generated and find that alerts do what they say."""

import subprocess
from pathlib import Path

import pytest

from grafana import alerting, alertmanager
from grafana.look import Look
from tests.support.monitoring import RULES, binary

ROOT = Path(__file__).resolve().parents[3]
TESTS = sorted((ROOT / "tests" / "rules").glob("*s.yml"))
CONFIGS = sorted((ROOT / "deploy" / "alertmanager").rglob("*.yml"))


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
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


def test_every_alert_has_a_test_in_which_it_fires() -> None:
    """An alert that nobody saw firing is a hope."""
    tests = "".join(file.read_text() for file in TESTS)
    missing = [
        alert.name
        for alert in alerting.alerts(Look())
        if f'alertname="{alert.name}"' not in tests and f"alertname: {alert.name}" not in tests
    ]
    assert missing == []


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_amtool_checks_configurations(config: Path) -> None:
    """The plain one and every example."""
    assert len(CONFIGS) == 1 + len(alertmanager.RECEIVERS)
    run(binary("amtool"), "check-config", str(config))


@pytest.mark.parametrize("alert", alerting.alerts(Look()), ids=lambda alert: alert.name)
def test_alerts_reach_those_whom_they_concern(alert: alerting.Alert) -> None:
    """What is about sales goes to sales, the rest to operations."""
    labels = alert.rule(Look(), 1)["labels"]
    config = str(ROOT / "deploy" / "alertmanager" / "alertmanager.yml")
    wanted = alertmanager.SALES_TEAM if alert.scope == "sales" else alertmanager.OPERATIONS
    pairs = [f"{key}={value}" for key, value in {"alertname": alert.name, **labels}.items()]
    run(binary("amtool"), "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={wanted}", *pairs)
