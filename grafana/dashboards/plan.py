"""Plan: attainment, pace, forecast, and what is needed per working day, of company, teams and managers."""

from typing import Any

import grafana.panels as p
from grafana.dashboards import base
from grafana.layout import heading, place
from grafana.look import Look
from grafana.promql import ANY, summed
from grafana.shown import about, explained, kpi, kpi_bars, lines, links, tile, value, where
from metrics.catalogue import plan
from metrics.kpi import Level

ATTAINED = ((None, "red"), (0.8, "orange"), (1.0, "green"))
PACE = ((None, "red"), (-0.1, "orange"), (0.0, "green"))
OPERATIONS = ("against plan", "growth against plan", "forecast", "left to plan", "needed per working day")
_SUBJECTS = ("Booked sales", "Cash received", "Deals won", "Calls", "Meetings")


def dashboard(look: Look) -> dict[str, Any]:
    """The company on top, then teams and managers by booked sales."""
    bands = [heading("Company")]
    bands += [
        (5, [tile(kpi(f"{subject}: {how}"), Level.COMPANY, look, window="$plan") for how in OPERATIONS])
        for subject in _SUBJECTS
    ]
    bands += [
        (6, [_working_days(), _targets(look)]),
        heading("Booked sales over time"),
        (9, [_against_target(look), _attainment(look)]),
    ]
    for level, drill in ((Level.TEAM, base.to_team()), (Level.MANAGER, base.to_manager())):
        bands += [
            heading(f"By {level}: booked sales"),
            (10, [
                kpi_bars(
                    kpi(f"Booked sales: {operation}"), level, look, title=operation.capitalize(), window="$plan",
                    thresholds=steps, drill=drill, manager=ANY,
                )
                for operation, steps in (
                    ("against plan", ATTAINED), ("growth against plan", PACE), ("forecast", p.PLAIN),
                    ("needed per working day", p.PLAIN),
                )
            ]),
        ]  # fmt: skip
    return base.board(
        base.PLAN, "Plan", "How far the plan is, at which pace, and what is needed per working day.",
        place(*bands), look, base.plan_window(), base.window(), base.team(), time_from="now-7d",
    )  # fmt: skip


def _working_days() -> p.Panel:
    family = plan.WORKING_DAYS
    expr = summed(("state",), family, {"window": "$plan"})
    return p.panel(
        "stat", "Working days", [p.Query(expr, "{{state}}")], about=family.help,
        links=list(explained((family,), None, "${plan}")),
        options={"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "textMode": "auto"},
    )  # fmt: skip


def _targets(look: Look) -> p.Panel:
    family = plan.TARGET
    expr = summed(("measure",), family, {"level": "company", "window": "$plan"})
    money = "|".join(sorted(plan.MONEY_MEASURES))
    return p.panel(
        "stat", "Plan of the company", [p.Query(expr, "{{measure}}")], about=family.help,
        links=list(explained((family,), None, "${plan}")),
        overrides=[p.override(f"/{money}/", unit=look.unit(kpi("Booked sales")))],
        options={"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "textMode": "auto"},
    )  # fmt: skip


def _against_target(look: Look) -> p.Panel:
    booked, forecast = kpi("Booked sales"), kpi("Booked sales: forecast")
    target, to_date = (
        summed((), family, {"level": "company", "measure": plan.PLAN_MEASURES[0], "window": "$plan"})
        for family in (plan.TARGET, plan.TO_DATE)
    )
    return p.panel(
        "timeseries", "Booked, plan to date, forecast and plan",
        [
            p.Query(value(booked, Level.COMPANY, **where(booked, Level.COMPANY, window="$plan")), "booked"),
            p.Query(to_date, "plan to date"),
            p.Query(value(forecast, Level.COMPANY, **where(forecast, Level.COMPANY, window="$plan")), "forecast"),
            p.Query(target, "plan"),
        ],
        about=f"{about(booked)}\n\n{about(forecast)}", unit=look.unit(booked),
        links=links(forecast, Level.COMPANY, "$plan"),
        custom={"drawStyle": "line", "lineWidth": 2, "fillOpacity": 0, "showPoints": "never"},
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )  # fmt: skip


def _attainment(look: Look) -> p.Panel:
    return lines(
        [kpi("Booked sales: against plan")], Level.TEAM, look, title="Against plan by team", window="$plan",
        by_level=True, thresholds=((None, "transparent"), (1.0, "green")),
    )  # fmt: skip
