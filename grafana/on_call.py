"""What the one who is woken finds: the pages that alerts lead to, and from each alert its runbook."""

from typing import Any

from grafana.alerting import alerts
from grafana.alerting.alert import ALWAYS
from grafana.look import Look
from grafana.promql import Matchers

ALERTS = "ALERTS"
"""Prometheus's own series of the alerts that there are."""
RUNBOOK = "sales:alert:info"
"""Alert → the panel of the runbook dashboard that is about it; there for every alert, whether it fires or not."""


def group() -> dict[str, Any]:
    """Rules that record nothing but which panel belongs to which alert."""
    rules = [
        {"record": RUNBOOK, "expr": "vector(1)", "labels": {"alertname": alert.name, "panel": str(number)}}
        for number, alert in enumerate(alerts(Look()), 1)
    ]
    return {"name": "sales-on-call", "interval": "1m", "rules": rules}


def pages(look: Look) -> dict[str, set[str]]:
    """Uid of a dashboard that alerts lead to → the scopes of these alerts."""
    found: dict[str, set[str]] = {}
    for alert in alerts(look):
        if alert.scope == ALWAYS:  # nothing is wrong
            continue
        found.setdefault(alert.dashboard.partition("?")[0], set()).add(alert.scope)
    return found


def shown_on(uid: str, look: Look, *, teams: bool) -> Matchers | None:
    """Matchers of the alerts that belong on a page; None when none leads there. teams: it has a variable `team`."""
    scopes = pages(look).get(uid)
    if not scopes:
        return None
    return {"scope": tuple(sorted(scopes)), **({"team": "$team|"} if teams else {})}


def with_runbook(expr: str) -> str:
    """An expression by alert, its samples labelled with the panel of the runbook that is about it."""
    return f"({expr}) * on (alertname) group_left (panel) {RUNBOOK}"


def runbook(panel: str = "${__data.fields.panel}") -> str:
    """Address of one alert's runbook, as a row of the list has it."""
    return f"/d/sales-runbook?viewPanel={panel}"
