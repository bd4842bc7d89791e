"""Dynamics: one KPI over years, by day, week and month, beside the period before and a year ago, and by team."""

import json
from typing import Any

from grafana.dashboards import base
from grafana.dynamics import BY_DAY, BY_MONTH, BY_WEEK, change, choice, course
from grafana.layout import place
from grafana.look import DATA_SOURCE, PAST_SOURCE, Look
from metrics.kpi import Level


def dashboard(look: Look) -> dict[str, Any]:
    """The company above, its teams below; read from the Prometheus of the past."""
    company, team = Level.COMPANY, Level.TEAM
    placed = place(
        (7, [course("By day", BY_DAY, company, look, compared=True)]),
        (7, [
            course("By week", BY_WEEK, company, look, compared=True),
            course("By month", BY_MONTH, company, look, compared=True),
        ]),
        (6, [
            change("Change against the day before", BY_DAY, look),
            change("Change against the week before", BY_WEEK, look),
            change("Change against the month before", BY_MONTH, look),
        ]),
        (7, [
            course("Teams by week", BY_WEEK, team, look, compared=False),
            course("Teams by month", BY_MONTH, team, look, compared=False),
        ]),
    )  # fmt: skip
    made = base.board(
        base.DYNAMICS, "Dynamics", "How one KPI developed, in whole days, weeks and months that are over.",
        placed, look, choice(), time_from="now-1y", refresh="1h",
    )  # fmt: skip
    made["templating"]["list"] = [one for one in made["templating"]["list"] if one["type"] != "datasource"]
    # Marks are in the Prometheus that scrapes; everything else has one place, whatever other walls read.
    made["annotations"] = _read_from(DATA_SOURCE, made["annotations"])
    return _read_from(PAST_SOURCE, made)


def _read_from(source: str, of: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(of).replace("${datasource}", source))
    return found
