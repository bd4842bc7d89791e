"""The dashboards: each module makes one from the catalogue."""

from typing import Any

from grafana.dashboards import floor
from grafana.look import Look

MODULES = (floor,)


def dashboards(look: Look) -> dict[str, dict[str, Any]]:
    """File name without ending (the uid) → the dashboard's JSON."""
    made = [module.dashboard(look) for module in MODULES]
    return {board["uid"]: board for board in made}
