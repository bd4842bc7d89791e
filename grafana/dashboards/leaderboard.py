"""Leaderboard: who leads, in what counts: people and KPIs as one table; a click leads to the manager."""

from typing import Any

import grafana.panels as p
from grafana import targets
from grafana.dashboards import base
from grafana.layout import place
from grafana.live import live
from grafana.look import Look
from grafana.names import named
from grafana.promql import Live
from grafana.shown import about, brief, decimals, kpi, kpi_bars, links, unit
from grafana.tables import COLORED, FILLED, GAUGE, TableColumn, table
from metrics.catalogue.values import CHANNELS
from metrics.kpi import Aim, Kpi, Level

_TITLES = (
    "Booked sales", "Cash received", "Calls", "Meetings", "Win rate", "Average check", "Client rating",
    "Clients ready to close",
)  # fmt: skip
_TEAM = {"team": "$team"}
_WIDTHS = {
    "Cash": 74, "Calls": 58, "Meetings": 82, "Win rate": 76, "Avg check": 88, "Rating": 62, "Ready": 62,
    "p90 calls": 80, "p90 chats": 86, "Leads": 59, "Touch p90": 90, "Of plan": 67, "Pace": 67,
}  # fmt: skip
"""Of columns: what their headings need. Names, and the bars of what was booked, have what is left."""


def _of(one: Kpi, window: str = "$window", **own: str) -> str:
    return named(live(one, Level.MANAGER, Live(window, keep=("manager",), matchers={**_TEAM, **own})))


def _columns(look: Look) -> list[TableColumn]:
    found = [TableColumn("Name", least=140, link=base.to_manager("${__data.fields.manager}", planned=True))]
    for title in _TITLES:
        one = kpi(title)
        cell = GAUGE if title == "Booked sales" else COLORED
        found.append(
            TableColumn(brief(one), _of(one), unit(one, look),
                   0 if one.in_points else decimals(one),
                   targets.steps(one, look), cell, _WIDTHS.get(brief(one), 0))
        )  # fmt: skip
    for channel, name in CHANNELS.items():
        one = kpi("Response time, p90")
        steps = targets.steps(one, look, channel)
        heading = f"p90 {name}"
        found.append(TableColumn(heading, _of(one, channel=channel), "s", 1, steps, COLORED, _WIDTHS[heading]))
    for title in ("Leads touched in time", "Time to first touch of a lead, p90"):
        one = kpi(title)
        heading = "Leads" if one.in_points else brief(one)
        steps = targets.steps(one, look)
        found.append(TableColumn(heading, _of(one), one.unit, 0, steps, COLORED, _WIDTHS[heading]))
    for title, heading in (("against plan", "Of plan"), ("growth against plan", "Pace")):
        one = kpi(f"Booked sales: {title}")
        found.append(
            TableColumn(heading, _of(one, "$plan"), unit(one, look), 0, targets.steps(one, look),
                   FILLED if one.aim is Aim.PACE else COLORED, _WIDTHS[heading])
        )  # fmt: skip
    return found


def dashboard(look: Look) -> dict[str, Any]:
    """Everybody of the chosen teams and window; a click on a heading sorts."""
    booked = kpi("Booked sales")
    people = table(
        "People, $window", {"name": "Name", "manager": ""}, _columns(look),
        about="\n\n".join(about(kpi(title)) for title in _TITLES), links=links(booked, Level.TEAM), sort="Booked",
    )  # fmt: skip
    service = [
        kpi_bars(kpi("Service level"), Level.TEAM, look, title=f"Teams: service level, {name}",
                 drill=base.to_team(planned=True), matchers={**_TEAM, "channel": channel})
        for channel, name in CHANNELS.items()
    ]  # fmt: skip
    placed: list[p.Panel] = place(
        (20, [people]),
        (8, [
            kpi_bars(booked, Level.TEAM, look, title="Teams: booked, $window", drill=base.to_team(planned=True),
                     matchers=_TEAM),
            *service,
            kpi_bars(kpi("Leads touched in time"), Level.TEAM, look, title="Teams: leads in time",
                     drill=base.to_team(planned=True), matchers=_TEAM),
        ]),
    )  # fmt: skip
    return base.board(
        base.LEADERBOARD, "Leaderboard", "Who leads, in what counts.", placed, look,
        base.window(), base.plan_window(), base.team(), tags=("wall",),
    )  # fmt: skip
