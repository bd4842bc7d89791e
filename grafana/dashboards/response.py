"""Response: who waits now, and how fast calls and chats are answered, by channel, team and hour of the day."""

from typing import Any

import grafana.panels as p
from grafana.alerting.sales import GOAL
from grafana.dashboards import base
from grafana.layout import heading, place
from grafana.look import Look
from grafana.shown import heatmap, kpi, kpi_bars, lines, tile
from metrics.catalogue import activities
from metrics.family import SHORT_WINDOWS
from metrics.kpi import Level


def dashboard(look: Look) -> dict[str, Any]:
    """Waiting now on top, then levels and percentiles, then how they are spread."""
    slow = (
        (None, "green"),
        (min(look.targets.values()), "orange"),
        (max(look.targets.values()), "red"),
    )
    below_goal = ((None, "red"), (GOAL, "green"))
    percentiles = [kpi(f"Response time, {q}") for q in ("p50", "p90", "p95")]

    def channel(name: str) -> p.Panel:
        target = ((None, "transparent"), (look.targets[name], "red"))
        title = f"{name.capitalize()}s: response time of the company"
        return lines(percentiles, Level.COMPANY, look, title=title, thresholds=target, channel=name)

    spread = {"team": "$team", "window": SHORT_WINDOWS[0], "period": "current"}
    placed = place(
        heading("Now"),
        (
            6,
            [
                tile(kpi(title), Level.COMPANY, look)
                for title in ("Waiting now", "Waiting too long", "Longest wait", "Service level")
            ],
        ),
        (
            7,
            [
                kpi_bars(kpi("Waiting now"), Level.TEAM, look, title="Waiting now by team"),
                kpi_bars(kpi("Longest wait"), Level.TEAM, look, title="Longest wait by team", thresholds=slow),
            ],
        ),
        heading("How fast"),
        (9, [channel("call"), channel("chat")]),
        (
            9,
            [
                lines(
                    [kpi("Service level")],
                    Level.TEAM,
                    look,
                    title="Service level by team",
                    by_level=True,
                    thresholds=below_goal,
                ),
                lines(
                    [kpi("Response time, p90")], Level.TEAM, look, title="Response time, p90, by team", by_level=True
                ),
            ],
        ),
        (
            9,
            [
                kpi_bars(
                    kpi(f"Response time, {q}"),
                    Level.TEAM,
                    look,
                    title=f"{q} by team",
                    thresholds=slow,
                    drill=base.to_team(),
                )
                for q in ("p50", "p90", "p95")
            ],
        ),
        heading("How it is spread over the day"),
        (10, [
            heatmap("Calls: responses in the last 5 minutes", activities.RESPONSE, {**spread, "channel": "call"}),
            heatmap("Chats: responses in the last 5 minutes", activities.RESPONSE, {**spread, "channel": "chat"}),
        ]),
        heading("In working hours, for the window of a day or longer"),
        (8, [
            lines(
                [kpi(f"Response time in working hours, {q}") for q in ("p50", "p90", "p95")], Level.COMPANY, look,
                title=f"{name.capitalize()}s", channel=name,
            )
            for name in look.targets
        ]),
    )  # fmt: skip
    return base.board(
        base.RESPONSE, "Response", "Who waits now, and how fast calls and chats are answered.", placed, look,
        base.window(short=True), base.team(),
    )  # fmt: skip
