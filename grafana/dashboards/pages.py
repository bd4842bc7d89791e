"""Runbook and reference inside Grafana, so that an alert or a panel links to words that are surely there."""

from typing import Any

import grafana.panels as p
from grafana.alerting import alerts
from grafana.alerting.alert import Alert
from grafana.dashboards import base
from grafana.layout import place
from grafana.look import Look
from metrics.catalogue import KPIS
from metrics.reference_page import kpi_summary, series_summary


def runbook(look: Look) -> dict[str, Any]:
    """One panel per alert, in the order of the alerts: `Alert.runbook_url` opens it alone."""
    placed = place(*((9, [_of(alert)]) for alert in alerts(look)))
    return p.document(
        base.RUNBOOK, "Runbook", "What each alert means, what to look at, what to do.", placed, tags=("pages",),
        timezone=look.timezone, refresh="",
    )  # fmt: skip


def _of(alert: Alert) -> p.Panel:
    return p.text(alert.name, alert.markdown, about=alert.summary)


def reference(look: Look) -> dict[str, Any]:
    """Every KPI and every series with its definition."""
    numbers = sorted({kpi.number for kpi in KPIS})
    kpis = [p.text(f"KPI {one}", kpi_summary(one), about="Each KPI with its definition.") for one in numbers]
    series = p.text("Series", series_summary(), about="Every series with its labels.")
    placed = place(*((12, [one]) for one in kpis), (30, [series]))
    return p.document(
        base.REFERENCE, "Reference", "Every number and its definition.", placed, tags=("pages",),
        timezone=look.timezone, refresh="",
    )  # fmt: skip
