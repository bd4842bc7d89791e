"""Pipeline and money: what may still come, what is owed, and what is earned."""

from typing import Any

import grafana.panels as p
from grafana.dashboards import base
from grafana.layout import heading, place
from grafana.look import Look
from grafana.promql import summed
from grafana.shown import bars, explained, kpi, kpi_bars, lines, tile
from metrics.catalogue import deals, money, now
from metrics.family import Family
from metrics.kpi import Level


def dashboard(look: Look) -> dict[str, Any]:
    """Open pipeline, receivables, profit."""

    def tiles(*titles: str) -> list[p.Panel]:
        return [tile(kpi(title), Level.COMPANY, look) for title in titles]

    def over_time(*titles: str) -> list[p.Panel]:
        return [lines([kpi(title)], Level.COMPANY, look, title=title) for title in titles]

    windowed = {"window": "$window", "period": "current"}
    placed = place(
        heading("Pipeline"),
        (9, [
            _summed("Open deals by stage", now.OPEN_DEALS, "stage", look),
            _summed("Amount by stage", now.PIPELINE, "stage", look),
            _summed("Weighted by probability, by stage", now.WEIGHTED, "stage", look),
        ]),
        (8, [
            _summed("Weighted by pipeline", now.WEIGHTED, "pipeline", look),
            _summed("Deals created by pipeline", deals.CREATED, "pipeline", look, windowed),
            _summed("Booked by pipeline", deals.WON_AMOUNT, "pipeline", look, windowed),
        ]),
        (5, tiles(
            "Clients ready to close", "Booked sales", "Cash received", "Booked per salesperson",
            "Cash per salesperson",
        )),
        heading("Receivables"),
        (9, [
            kpi_bars(kpi("Receivables"), Level.COMPANY, look, title="Receivables by days past due"),
            *tiles("Overdue share of receivables", "Days sales outstanding"),
            kpi_bars(
                kpi("Overdue share of receivables"), Level.TEAM, look, title="Overdue share by team",
                drill=base.to_team(),
            ),
        ]),
        (8, over_time("Overdue share of receivables", "Days sales outstanding")),
        heading("Earned"),
        (5, tiles("Margin", "Revenue : profit", "Payback of costs", "Average check", "Share of repeat volume")),
        (8, [
            *over_time("Margin", "Payback of costs"),
            _summed("Costs by category", money.COST, "category", look, windowed),
        ]),
        (8, over_time("Average check", "Deal duration, p50")),
    )  # fmt: skip
    return base.board(
        base.MONEY, "Pipeline and money", "What may still come, what is owed, and what is earned.",
        placed, look, base.window(default="month"), base.team(), time_from="now-7d",
    )  # fmt: skip


def _summed(title: str, family: Family, label: str, look: Look, matchers: dict[str, str] | None = None) -> p.Panel:
    expr = f"sort_desc({summed((label,), family, {'team': '$team', **(matchers or {})})})"
    return bars(
        title, [p.Query(expr, f"{{{{{label}}}}}", instant=True)], about=f"`{family.name}`: {family.help}",
        unit=look.unit(family), links=list(explained((family,), Level.TEAM, "${window}")),
    )  # fmt: skip
