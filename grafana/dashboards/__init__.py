"""The dashboards: each is a function of the look, made from the catalogue."""

from typing import Any

from grafana.dashboards import dynamics, entities, floor, leaderboard, money, pages, people, plan, response, service
from grafana.look import Look

MAKERS = (
    floor.dashboard,
    response.dashboard,
    people.team,
    people.manager,
    plan.dashboard,
    money.dashboard,
    leaderboard.dashboard,
    dynamics.dashboard,
    service.dashboard,
    pages.runbook,
    pages.reference,
)
PLAYLIST = (floor.dashboard, response.dashboard, leaderboard.dashboard, plan.dashboard)
"""What a wall shows in turn."""


def dashboards(look: Look) -> dict[str, dict[str, Any]]:
    """Uid, which is the file's name too → the dashboard's JSON."""
    makers = (*MAKERS, *([entities.dashboard] if look.postgres else []))
    made = [make(look) for make in makers]
    return {board["uid"]: board for board in made}
