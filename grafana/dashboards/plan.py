"""Plan: attainment, pace, forecast, and what is needed per working day, of company, teams and managers."""

from typing import Any

import grafana.panels as p
from grafana import targets
from grafana.behind import explained
from grafana.course import burn_up
from grafana.dashboards import base
from grafana.layout import place
from grafana.live import live
from grafana.look import Look
from grafana.names import named
from grafana.promql import Live, summed
from grafana.shown import TITLES, about, brief, kpi, links, stat, unit
from grafana.tables import COLORED, FILLED, TableColumn, at_least_nothing, table
from metrics.catalogue import plan
from metrics.kpi import Level

_COLUMNS = {
    "against plan": "Of plan", "growth against plan": "Pace", "forecast": "Forecast", "left to plan": "Left",
    "needed per working day": "Per day",
}  # fmt: skip
_OVER = "Over"
_WIDTHS = {"Of plan": 68, "Pace": 72, "Forecast": 79, "Left": 77, _OVER: 77, "Per day": 79}
"""Of columns: what their headings and money need. Names have what is left."""


def dashboard(look: Look) -> dict[str, Any]:
    """The company on top, then teams and managers by booked sales, those furthest behind first."""
    month = [burn_up(f"{title} this month", name, Level.COMPANY, look) for name, title in plan.SUBJECTS.items()]
    placed = place(
        (4, [*(_attained(subject, look) for subject in plan.SUBJECTS.values()), _working_days()]),
        (7, month[:2]),
        (6, month[2:]),
        (11, [
            _table(Level.TEAM, {"team": "Team"}, base.to_team("${__data.fields.Team}", planned=True), look),
            _table(Level.MANAGER, {"name": "Name", "manager": ""},
                   base.to_manager("${__data.fields.manager}", planned=True), look),
        ]),
    )  # fmt: skip
    return base.board(
        base.PLAN, "Plan", "How far the plan is, at which pace, and what is needed per working day.",
        placed, look, base.plan_window(), base.window(), tags=("wall",),
    )  # fmt: skip


def _attained(subject: str, look: Look) -> p.Panel:
    ratio, pace = (kpi(f"{subject}: {how}") for how in ("against plan", "growth against plan"))
    how = Live("$plan")
    names = {"of ${plan} plan": ratio, "against its course": pace}
    queries = [p.number(live(one, Level.COMPANY, how), name) for name, one in names.items()]
    overrides = [
        # By how names begin: a matcher does not know the variable's value.
        p.override(f"/^{name.partition(' ')[0]}/", thresholds=p.steps(*targets.steps(one, look)), decimals=0)
        for name, one in names.items()
    ]
    return stat(
        brief(TITLES[subject]) if subject in TITLES else subject, queries, about=f"{about(ratio)}\n\n{about(pace)}",
        unit="percentunit", links=links(ratio, Level.COMPANY, "${plan}"), overrides=overrides,
    )  # fmt: skip


def _working_days() -> p.Panel:
    family = plan.WORKING_DAYS
    expr = summed(("state",), family, {"team": ("",), "window": "$plan"})
    return stat(
        "Workdays", [p.number(expr, "{{state}} of ${plan}")], about=family.help, unit="none", names=True,
        links=list(explained((family,), Level.COMPANY, "${plan}")),
    )  # fmt: skip


def _table(level: Level, labels: dict[str, str], link: p.Link, look: Look) -> p.Panel:
    columns = [TableColumn(next(iter(labels.values())), least=140, link=link)]
    for operation, heading in _COLUMNS.items():
        one = kpi(f"Booked sales: {operation}")
        expr = live(one, level, Live("$plan", keep=(level.value,)))
        steps = targets.steps(one, look)
        digits = 0 if one.unit == "percentunit" else 1
        parts = {heading: (at_least_nothing(one, expr), steps)}
        if one.is_left:
            # Beyond a plan nothing is left of it.
            parts = {heading: (f"({expr}) >= 0", steps), _OVER: (f"-1 * (({expr}) < 0)", ((None, targets.GOOD),))}
        for name, (value, colors) in parts.items():
            shown = named(value) if level is Level.MANAGER else value
            cell = FILLED if colors is targets.PACE else COLORED
            columns.append(TableColumn(name, shown, unit(one, look), digits, colors, cell, _WIDTHS[name]))
    title = {Level.TEAM: "Teams: booked", Level.MANAGER: "People: booked"}[level]
    return table(
        f"{title}, $plan, furthest behind first", labels, columns, sort="Pace", ascending=True,
        about=about(kpi("Booked sales: growth against plan")),
        links=links(kpi("Booked sales: growth against plan"), None, "${plan}"),
    )  # fmt: skip
