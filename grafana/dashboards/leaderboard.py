"""Leaderboard: who leads, in what counts; a click leads to the manager."""

from typing import Any

from grafana.dashboards import base
from grafana.layout import place, tiled
from grafana.look import Look
from grafana.promql import ANY
from grafana.shown import kpi, kpi_bars
from metrics.kpi import Level

PLACES = 10
_TITLES = (
    "Booked sales", "Cash received", "Calls", "Meetings", "Win rate", "Average check", "Client rating",
    "Repeat sales", "Clients ready to close", "Cold to warm", "Response time, p90", "Margin",
)  # fmt: skip


def dashboard(look: Look) -> dict[str, Any]:
    """Ten places for each KPI, of the chosen teams and window."""
    panels = [
        kpi_bars(
            kpi(title), Level.MANAGER, look, top=PLACES, manager=ANY, drill=base.to_manager(),
        )
        for title in _TITLES
    ]  # fmt: skip
    panels.append(
        kpi_bars(
            kpi("Booked sales: against plan"), Level.MANAGER, look, top=PLACES, window="$plan", manager=ANY,
            drill=base.to_manager(),
        )
    )  # fmt: skip
    panels.append(kpi_bars(kpi("Booked sales"), Level.TEAM, look, title="Teams: booked sales", drill=base.to_team()))
    panels.append(kpi_bars(kpi("Service level"), Level.TEAM, look, title="Teams: service level", drill=base.to_team()))
    return base.board(
        base.LEADERBOARD, "Leaderboard", "Who leads, in what counts.", place(*tiled(9, panels, 3)), look,
        base.window(), base.plan_window(), base.team(), tags=("wall",),
    )  # fmt: skip
