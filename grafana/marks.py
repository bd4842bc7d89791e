"""Marks on the time axes: releases and changes of plans, recorded as the moment (ms) at which they happened; alerts.

A mark that compares with a while ago is raised by every gap in scraping, and missed by steps longer than that while. A
recorded moment is neither: Grafana takes the value for the time, whatever the step.
"""

from typing import Any

import grafana.panels as p
from grafana.on_call import ALERTS
from grafana.promql import Matchers, by, select, summed
from metrics.catalogue import plan, service

EVERY = "1m"
RELEASED = "company:sales_release:started_ms"
PLANNED = f"company:{plan.TARGET.name}:changed_ms"
_MEMORY = "7d"
"""So long may nothing be scraped without the same version being taken for a new one."""
_GAP = "10m"
"""So long may nothing be scraped within which a change of a plan is still seen; after that it is not marked."""
_WHOSE = ("level", "team", "measure", "window")
"""Whose plan it is; managers' plans are marked by team."""


def group() -> dict[str, Any]:
    """The recording rules."""
    return {"name": "sales-marks", "interval": EVERY, "rules": [_released(), _planned()]}


def _released() -> dict[str, Any]:
    """Since when each version has been running: as recorded a moment ago, else as of the last one known, else now.

    The last one known is that with the greatest moment, so a version that comes back after another is marked again.
    """
    running = f"group by (version) ({service.BUILD.name})"
    last = f"topk(1, last_over_time({RELEASED}[{_MEMORY}]))"
    now = f"timestamp({running}) * 1000"
    return {"record": RELEASED, "expr": f"({RELEASED} or {last}) and on (version) {running}\nor {now}"}


def _planned() -> dict[str, Any]:
    """When a plan became another than a minute before. A period that begins brings its own plan: that is no change."""
    each = f"max{by(plan.TARGET.all_labels)}(last_over_time({plan.TARGET.name}[{_GAP}] offset {EVERY}))"
    now, before = summed(_WHOSE, plan.TARGET), f"sum{by(_WHOSE)}({each})"
    passed = f"max by (window) ({select(plan.WORKING_DAYS.name, state='passed')})"
    earlier = (
        f"max by (window) (last_over_time({select(plan.WORKING_DAYS.name, state='passed')}[{_GAP}] offset {EVERY}))"
    )
    return {
        "record": PLANNED,
        "expr": f"timestamp({now} != {before}) * 1000\nunless on (window) ({passed} < {earlier})",
    }


def annotations(alerts: Matchers | None = None) -> list[dict[str, Any]]:
    """The marks of a dashboard. alerts: matchers of those that are marked on it."""
    found = [
        p.annotation("Releases", _within(RELEASED), "Release {{version}}", "purple", at_value=True),
        p.annotation(
            "Plan changes", _within(PLANNED), "Plan of {{level}} {{team}}: {{measure}}, {{window}}", "orange",
            at_value=True,
        ),
    ]  # fmt: skip
    if alerts:
        expr = f"max by (alertname, team, severity) ({select(ALERTS, alerts, alertstate='firing')})"
        found.append(p.annotation("Alerts", expr, "{{alertname}} {{team}} ({{severity}})", "red"))
    return found


def _within(record: str) -> str:
    """Whatever was recorded between two steps."""
    return f"last_over_time({record}[$__interval])"
