"""Alerts through a real Prometheus and a real Alertmanager to a webhook: told, inhibited, and silent at night."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml

from grafana import alerting
from grafana import alertmanager as config
from grafana.alerting.service import EXPORTER_JOB, WORKER_JOB
from grafana.channels import AlertSettings
from grafana.look import Look
from metrics.catalogue import now, service
from tests.support.grafana_queries import documents
from tests.support.monitoring import alertmanager, prometheus, serving

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]
NOON, NIGHT = 12, 2
ALERTS = alerting.alerts(Look())
DOUBLED = {"SlowResponses", "MissedCalls"}
"""Silent in a team of which ServiceLevelLow tells."""
WAITING = {"alertname": "CallWaitingTooLong", "scope": "sales", "severity": "critical", "team": "A"}
STALE = {"alertname": "ViewStale", "scope": "service", "severity": "critical", "breaks": "sales"}


def zone_where_it_is(hour: int) -> str:
    """A zone in which it is about this hour now; the names count westwards."""
    east = (hour - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-east:+d}"


def configured(folder: Path, webhook: str, hour: int) -> Path:
    """A web hook by its setting, in a zone where it is that hour."""
    look = Look.of(AlertSettings(_env_file=None, alerts_webhook=f"http://{webhook}/alerts"))
    made = config.config(replace(look, timezone=zone_where_it_is(hour)))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump(made))
    return path


def fire(url: str, *alerts: dict[str, str], seconds: float = 300) -> None:
    """Alerts that last so long from now; 0: they are over."""
    ends = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    body = [{"labels": one, "annotations": {"summary": one["alertname"]}, "endsAt": ends} for one in alerts]
    httpx.post(f"{url}/api/v2/alerts", json=body).raise_for_status()


def told(received: list[dict[str, object]]) -> set[str]:
    return {alert["labels"]["alertname"] for message in received for alert in message["alerts"]}


def until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


def test_a_broken_service_silences_the_sales_alerts(tmp_path: Path) -> None:
    """A stale view makes sales alerts unreliable: only the view's own alert is told."""
    received: list[dict[str, object]] = []
    with (
        serving(bytes, received) as webhook,
        alertmanager(tmp_path, configured(tmp_path, webhook, NOON)) as url,
    ):
        fire(url, STALE)
        fire(url, WAITING)
        assert until(lambda: "ViewStale" in told(received), 20)
        assert told(received) == {"ViewStale"}
        found = httpx.get(f"{url}/api/v2/alerts", params={"inhibited": "true"}).json()
        states = {alert["labels"]["alertname"]: bool(alert["status"]["inhibitedBy"]) for alert in found}
        assert states == {"ViewStale": False, "CallWaitingTooLong": True}


def inhibited(url: str) -> set[str]:
    """Names, with their team if any, of the alerts that Alertmanager holds back."""
    found = httpx.get(f"{url}/api/v2/alerts").json()
    return {
        " ".join(filter(None, (alert["labels"]["alertname"], alert["labels"].get("team"))))
        for alert in found
        if alert["status"]["inhibitedBy"]
    }


def labels(alert: alerting.Alert, team: str = "A") -> dict[str, str]:
    """What Prometheus sends of an alert; what is about sales is about a team."""
    sent = {"alertname": alert.name, **alert.rule(Look(), 1)["labels"]}
    return sent | ({"team": team} if alert.scope == "sales" else {})


def test_every_broken_service_silences_every_sales_alert_while_it_lasts(tmp_path: Path) -> None:
    """One after the other: each that breaks sales numbers, and only those; when it is over, sales alerts are back."""
    sales = [labels(alert) for alert in ALERTS if alert.scope == "sales" and alert.name not in DOUBLED]
    everyone = {f"{one['alertname']} A" for one in sales}
    with (
        serving(bytes) as webhook,
        alertmanager(tmp_path, configured(tmp_path, webhook, NOON)) as url,
    ):
        fire(url, *sales)
        for alert in (one for one in ALERTS if one.scope == "service"):
            fire(url, labels(alert))
            wanted = everyone if alert.breaks else set()
            assert until(lambda wanted=wanted: inhibited(url) == wanted, 10), (alert.name, inhibited(url))
            fire(url, labels(alert), seconds=0)
            assert until(lambda: not inhibited(url), 10), alert.name


def test_what_follows_from_another_alert_is_not_told_twice(tmp_path: Path) -> None:
    """Causes silence their effects: within a team about responses, within the service about whoever is down."""
    by_name = {alert.name: alert for alert in ALERTS}
    effects = [by_name[name] for name in sorted(DOUBLED)]
    with (
        serving(bytes) as webhook,
        alertmanager(tmp_path, configured(tmp_path, webhook, NOON)) as url,
    ):
        fire(url, labels(by_name["ServiceLevelLow"]), *(labels(one, team) for one in effects for team in "AB"))
        assert until(lambda: inhibited(url) == {f"{name} A" for name in DOUBLED}, 10), inhibited(url)
        fire(url, labels(by_name["ServiceLevelLow"]), seconds=0)
        causes = {"ExporterDown": {"ViewStale", "CollectionFailing"}, "WorkerDown": {"LagGrowing", "SlowToView"}}
        for cause, of in causes.items():
            fire(url, *(labels(by_name[name]) for name in (cause, *of)))
            assert until(lambda of=of: {one for one in inhibited(url) if " " not in one} == of, 10), inhibited(url)
            fire(url, *(labels(by_name[name]) for name in (cause, *of)), seconds=0)


@pytest.mark.parametrize(("hour", "expected"), [(NOON, {"CallWaitingTooLong", "LagGrowing"}), (NIGHT, {"LagGrowing"})])
def test_quiet_hours_are_about_sales_only(tmp_path: Path, hour: int, expected: set[str]) -> None:
    """At night sales alerts wait; the service's are told at any hour."""
    received: list[dict[str, object]] = []
    lag = {"alertname": "LagGrowing", "scope": "service", "severity": "warning"}
    with (
        serving(bytes, received) as webhook,
        alertmanager(tmp_path, configured(tmp_path, webhook, hour)) as url,
    ):
        fire(url, WAITING, lag)
        assert until(lambda: "LagGrowing" in told(received), 20)
        assert told(received) == expected


def jobs(page: str, alerts: str) -> dict[str, str]:
    """Both processes are up, else their absence would silence what is about sales."""
    return {EXPORTER_JOB: page, WORKER_JOB: page, "alertmanager": alerts.removeprefix("http://")}


TEAM = "Запад & Co + 50 %/#1"


def who_waits(url: str, team: str) -> dict[tuple[str, str], float]:
    """What the wall Response lists for a team: (name, channel) → since when, Unix seconds."""
    (panel,) = (one for one in documents()["sales-response"]["panels"] if one["title"].startswith("Who waits"))
    (since,) = (target["expr"] for target in panel["targets"] if "time()" in target["expr"])
    expr = since.replace("$team", re.escape(team).replace("\\", "\\\\"))
    found = httpx.get(f"{url}/api/v1/query", params={"query": expr}).json()["data"]["result"]
    return {(one["metric"]["name"], one["metric"]["channel"]): float(one["value"][1]) / 1000 for one in found}


def test_a_waiting_customer_is_told_of(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """From the moment that the exporter shows a wait beyond the limit to the message: within 45 s.

    The message leads to the wall of the team, whatever it is called, and that wall says who waits and since when.
    """
    received: list[dict[str, object]] = []
    limit, started = 60, time.monotonic()

    def page() -> bytes:
        wait = limit - 10 + time.monotonic() - started
        labels = f'manager="ann",team="{TEAM}",channel="call"'
        return (
            f'{service.WORKING_NOW.name}{{team="{TEAM}"}} 1\n'
            f'{service.MANAGER_INFO.name}{{manager="ann",team="{TEAM}",name="Ann"}} 1\n'
            f"{service.VIEW_UP.name} 1\n{service.VIEW_AGE.name} 0\n{service.SCRAPE_OK.name} 1\n"
            f"{now.WAITING_OLDEST.name}{{{labels}}} {wait:g}\n"
        ).encode()

    with (
        serving(page) as exporter,
        serving(bytes, received) as webhook,
        alertmanager(tmp_path / "am", configured(tmp_path / "am", webhook, NOON)) as alerts,
        prometheus(tmp_path / "prometheus", jobs(exporter, alerts)) as url,
    ):
        assert until(lambda: "CallWaitingTooLong" in told(received), 90)
        seconds = time.monotonic() - started - 10
        (link,) = {alert["annotations"]["dashboard"] for message in received for alert in message["alerts"]}
        assert urlsplit(link).path == "/d/sales-response"
        assert parse_qs(urlsplit(link).query) == {"var-team": [TEAM]}
        since = who_waits(url, TEAM)
        assert since.keys() == {("Ann", "call")}
        assert since["Ann", "call"] == pytest.approx(time.time() - (limit - 10 + time.monotonic() - started), abs=10)
    record_property("seconds_from_limit_to_message", round(seconds, 1))
    print(f"from the limit to the message: {seconds:.1f} s")
    assert seconds < 45
