"""Sales floor: the whole company at a glance, for a screen on the wall, read from five metres."""

from typing import Any

from grafana.dashboards import base
from grafana.layout import place
from grafana.look import Look
from grafana.promql import ANY
from grafana.shown import kpi, kpi_bars, lines, tile
from metrics.kpi import Level

_TOP = ("Booked sales", "Cash received", "Calls", "Meetings", "Closed deals", "Waiting now")
_MIDDLE = ("Win rate", "Won : lost", "Average check", "Client rating", "Service level", "Clients ready to close")
_BOTTOM = (
    "Cold to warm", "Repeat sales", "Repeat sales, volume", "Payback of costs", "Overdue share of receivables",
    "Deal duration, p50", "Revenue : profit",
)  # fmt: skip


def dashboard(look: Look) -> dict[str, Any]:
    """27 grid units high: one screen of 1920 × 1080 in kiosk mode, without scrolling."""

    def tiles(titles: tuple[str, ...]) -> list[Any]:
        return [tile(kpi(title), Level.COMPANY, look) for title in titles]

    plans = [
        tile(kpi(f"Booked sales: {what}"), Level.COMPANY, look, window="$plan", title=f"Plan: {what}")
        for what in ("against plan", "growth against plan", "forecast")
    ]
    responses = lines(
        [kpi("Response time, p90")], Level.COMPANY, look, title="Response time, p90, last 15 minutes", window="15m"
    )
    leaders = kpi_bars(
        kpi("Booked sales"), Level.MANAGER, look, title="Leaders by booked sales", top=7, drill=base.to_manager(),
        manager=ANY, team=ANY,
    )  # fmt: skip
    teams = kpi_bars(kpi("Booked sales"), Level.TEAM, look, title="Teams", drill=base.to_team(), team=ANY)
    placed = place(
        (6, tiles(_TOP)),
        (6, tiles(_MIDDLE)),
        (5, tiles(_BOTTOM)),
        (4, plans),
        (6, [responses, leaders, teams]),
    )
    return base.board(
        base.FLOOR, "Sales floor", "The whole company at a glance. Made for a wall: add &kiosk to the address.",
        placed, look, base.window(), base.plan_window(), tags=("wall",), refresh="5s",
    )  # fmt: skip
