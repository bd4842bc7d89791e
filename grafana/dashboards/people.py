"""Team and Manager: every KPI of one team or one manager, each with its trend and rank; walls lead here."""

from itertools import groupby
from typing import Any

import grafana.panels as p
from grafana.dashboards import base
from grafana.layout import heading, place, tiled
from grafana.look import Look
from grafana.promql import ANY, has_plan
from grafana.shown import kpi, kpi_bars, lines, tile
from metrics.catalogue import KPIS
from metrics.kpi import Kpi, Level

TOPICS = {
    1: "Activity", 2: "Response", 3: "Won and lost", 4: "Sales", 5: "Ready to close", 6: "Leads", 7: "Repeat sales",
    8: "Client rating", 9: "Average check", 10: "Payback", 11: "Receivables", 12: "Deal duration", 13: "Profit",
    14: "Growth against plan", 15: "Plan",
}  # fmt: skip
"""Number of a KPI → heading."""


def _every_kpi(level: Level, look: Look) -> list[tuple[int, Any]]:
    bands: list[tuple[int, Any]] = []
    for number, kpis in groupby(sorted(KPIS, key=lambda one: one.number), key=lambda one: one.number):
        tiles = [_tile(one, level, look) for one in kpis if level in one.levels]
        bands += [heading(f"KPI {number} · {TOPICS[number]}"), *tiled(5, tiles, 5)]
    return bands


def _tile(one: Kpi, level: Level, look: Look) -> p.Panel:
    return tile(one, level, look, window="$plan" if has_plan(one.formula) else "$window", ranked=True)


def team(look: Look) -> dict[str, Any]:
    """One team: its managers compared, then every KPI."""
    compared = [
        kpi_bars(kpi(title), Level.MANAGER, look, title=f"{title} by manager", drill=base.to_manager(), manager=ANY)
        for title in ("Booked sales", "Calls", "Win rate")
    ]
    placed = place((9, compared), *_every_kpi(Level.TEAM, look))
    return base.board(
        base.TEAM, "Team", "Every KPI of a team, with its trend against the previous period and its rank among teams.",
        placed, look, base.window(), base.plan_window(), base.team(everything=False),
    )  # fmt: skip


def manager(look: Look) -> dict[str, Any]:
    """One manager: sales and responses over time, then every KPI."""
    over_time = [
        lines([kpi("Booked sales")], Level.MANAGER, look, title="Booked sales over time"),
        lines([kpi("Response time, p90")], Level.MANAGER, look, title="Response time, p90, over time"),
    ]
    placed = place((7, over_time), *_every_kpi(Level.MANAGER, look))
    return base.board(
        base.MANAGER, "Manager",
        "Every KPI of a manager, with its trend against the previous period and the rank among all managers.",
        placed, look, base.window(), base.plan_window(), base.team(), base.manager(),
    )  # fmt: skip
