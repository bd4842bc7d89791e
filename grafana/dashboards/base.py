"""What all dashboards share: variables, marks for releases and plan changes, and links from wall to wall."""

from typing import Any

import grafana.panels as p
from grafana import marks, on_call
from grafana.look import Look
from grafana.shown import kpi
from metrics.catalogue import service
from metrics.catalogue.activities import RESPONSE as RESPONSE_TIME
from metrics.family import CALENDAR_WINDOWS, PLAN_WINDOWS, SHORT_WINDOWS
from metrics.kpi import Level

FLOOR, RESPONSE, TEAM, MANAGER, PLAN = "sales-floor", "sales-response", "sales-team", "sales-manager", "sales-plan"
MONEY, LEADERBOARD, SERVICE, DYNAMICS = "sales-money", "sales-leaderboard", "sales-service", "sales-dynamics"
RUNBOOK, REFERENCE, ENTITIES = "sales-runbook", "sales-reference", "sales-entities"
"""Fixed uids: alerts, links and the home dashboard point at them."""

_SHORT = tuple(window for window in RESPONSE_TIME.windows if window in SHORT_WINDOWS)
_TIME = "${__url_time_range}"
_PLAN = "&var-plan=${plan}"


def to_team(name: str = "${__field.labels.team}", *, planned: bool = False) -> p.Link:
    """Drill down from a team's bar or row. planned: from a page on which the window of plans is chosen, too."""
    return p.Link("Team", f"/d/{TEAM}?var-team={name}&var-window=${{window}}{_PLAN * planned}&{_TIME}")


def to_manager(name: str = "${__field.labels.manager}", *, planned: bool = False) -> p.Link:
    """Drill down from a manager's bar or row. planned: as of a team."""
    return p.Link("Manager", f"/d/{MANAGER}?var-manager={name}&var-window=${{window}}{_PLAN * planned}&{_TIME}")


def window(*, short: bool = False, default: str = "day") -> Any:
    """The window that numbers are for. short: the running minutes too, where families carry them."""
    return p.choice("window", "Window", (*(_SHORT if short else ()), *CALENDAR_WINDOWS), default)


def plan_window() -> Any:
    """The window of plans."""
    return p.choice("plan", "Plan of the", PLAN_WINDOWS, PLAN_WINDOWS[0])


def team(*, everything: bool = True) -> Any:
    """Teams that there are."""
    return p.values_of("team", "Team", kpi("Calls").record(Level.TEAM), everything=everything)


def manager() -> Any:
    """Managers of the chosen teams, by their names."""
    return p.people_of("manager", "Manager", service.MANAGER_INFO.name, "$team")


def _to_page(title: str, url: str) -> dict[str, Any]:
    """A link at the top of a dashboard: where the one who was woken goes on from it."""
    return {
        "type": "link", "title": title, "url": url, "icon": "bolt", "tooltip": title, "tags": [], "asDropdown": False,
        "targetBlank": False, "includeVars": False, "keepTime": True,
    }  # fmt: skip


def board(
    uid: str,
    title: str,
    description: str,
    placed: list[p.Panel],
    look: Look,
    *variables: Any,
    **more: Any,
) -> dict[str, Any]:
    """A dashboard with what all share. variables: besides currency and exporter, which are always there."""
    shared = (
        p.constant("currency", "Currency", look.currency, hidden=False),
        p.constant("exporter", "Exporter", look.exporter),
    )
    others = {
        "type": "dashboards", "title": "Sales Pulse", "tags": ["sales-pulse"], "asDropdown": True, "includeVars": True,
        "keepTime": True, "targetBlank": False, "icon": "external link", "tooltip": "", "url": "",
    }  # fmt: skip
    called = on_call.shown_on(uid, look, teams="team" in {one["name"] for one in variables})
    helped = [_to_page("Runbook", f"/d/{RUNBOOK}"), _to_page("Alerts that fire", f"/d/{SERVICE}")] if called else []
    return p.document(
        uid,
        title,
        description,
        placed,
        variables=(*variables, *shared),
        annotations=marks.annotations(called),
        links=[others, *helped],
        timezone=look.timezone,
        **more,
    )
