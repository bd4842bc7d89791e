"""Team and Manager: every KPI of one team or one manager in tables, with change, target and rank; walls lead here."""

from collections.abc import Iterable
from typing import Any

from grafana.course import against_week_before, burn_up, by_hour
from grafana.dashboards import base
from grafana.dashboards.floor import calls
from grafana.layout import Band, folded, place
from grafana.look import Look
from grafana.shown import in_days, kpi, kpi_bars, lines
from grafana.tables import KpiTable
from metrics.catalogue import KPIS
from metrics.kpi import Kpi, Level

_OFTEN = (
    "Booked sales", "Booked per salesperson", "Cash received", "Cash per salesperson", "Repeat sales, volume",
    "Average check", "Service level", "Win rate", "Cold to warm", "Share of repeat volume", "Margin",
    "Payback of costs", "Calls", "Meetings", "Closed deals", "Clients ready to close", "Repeat sales",
    "Client rating", "Response time, p50", "Response time, p90", "Response time, mean",
)  # fmt: skip
"""KPIs that are always seen; the others are folded away."""
_SIDE_BY_SIDE, _WHOLE = 165, 340
"""Widths of the names of KPIs, in tables that share the screen and in those that have all of it."""


def _kind(one: Kpi) -> str:
    """KPIs of one unit stand in one table: a column has one."""
    kinds = {"currency": "Money", "percentunit": "Shares", "s": "Times"}
    return "Days" if in_days(one) else kinds.get(one.unit, "Counts")


def _by_kind(kpis: Iterable[Kpi], level: Level) -> dict[str, list[Kpi]]:
    found: dict[str, list[Kpi]] = {}
    for one in kpis:
        if level in one.levels:
            found.setdefault(_kind(one), []).append(one)
    return found


def _every_kpi(level: Level, look: Look) -> tuple[list[Band], list[Band]]:
    """Bands at the top, and folded ones: plans, and what is seldom asked for, as high as their rows."""
    planned = [one for one in KPIS if one.is_planned]
    others = [one for one in KPIS if one not in planned and one.title not in _OFTEN]
    top = {
        kind: KpiTable(found, level, look, is_brief=True).panel(f"{kind}, $window", names=_SIDE_BY_SIDE)
        for kind, found in _by_kind((kpi(title) for title in _OFTEN), level).items()
    }

    def bands(kpis: Iterable[Kpi], span: str) -> list[Band]:
        tables = {kind: KpiTable(found, level, look) for kind, found in _by_kind(kpis, level).items()}
        return [(one.height, [one.panel(f"{kind}, {span}", names=_WHOLE)]) for kind, one in tables.items()]

    return (
        # Those with targets have more columns.
        [(9, [top["Money"], (top["Shares"], 13)]), (10, [top["Counts"], (top["Times"], 13)])],
        [folded("Plans", *bands(planned, "$plan")), folded("All other KPIs", *bands(others, "$window"))],
    )


def team(look: Look) -> dict[str, Any]:
    """One team: its KPIs, its month, its people, its hours."""
    top, below = _every_kpi(Level.TEAM, look)
    of = {"team": "$team"}
    charts = [
        burn_up("Booked against plan", "won_amount", Level.TEAM, look, of),
        kpi_bars(kpi("Booked sales"), Level.MANAGER, look, title="Booked by person, $window",
                 drill=base.to_manager(planned=True), matchers=of),
        calls(look, **of),
        by_hour("Booked by hour", against_week_before("booked", "won_amount"), look, of),
    ]  # fmt: skip
    return base.board(
        base.TEAM, "Team", "Every KPI of a team, with its change, its target and its rank among teams.",
        place(*top, (7, charts), *below), look, base.window(), base.plan_window(), base.team(everything=False),
        time_from="now-24h",
    )  # fmt: skip


def manager(look: Look) -> dict[str, Any]:
    """One manager: every KPI, and sales, calls and responses over time."""
    top, below = _every_kpi(Level.MANAGER, look)
    charts = [
        lines([kpi(title)], Level.MANAGER, look, title=f"{title}, {window}", window=window,
              matchers={"manager": "$manager"})
        for title, window in (("Booked sales", "month"), ("Calls", "day"), ("Response time, p90", "day"))
    ]  # fmt: skip
    return base.board(
        base.MANAGER, "Manager",
        "Every KPI of a manager, with its change, its target and the rank among all managers.",
        place(*top, (7, charts), *below), look, base.window(), base.plan_window(), base.team(), base.manager(),
        time_from="now-24h",
    )  # fmt: skip
