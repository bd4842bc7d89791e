"""Entities: what is behind a number, and deals, calls, payments and the like, row by row, from the ledger's tables."""

from collections.abc import Sequence
from typing import Any

import grafana.panels as p
from grafana.dashboards import base
from grafana.layout import place
from grafana.look import DATA_SOURCE, SQL_SOURCE, Look
from metrics.catalogue import CELL_FAMILIES, deals
from metrics.family import Kind

_MOST = 1000
_SOURCE = {"type": "grafana-postgresql-datasource", "uid": SQL_SOURCE}
_CHOSEN = "manager_id IN (${manager:sqlstring}) AND team IN (${team:sqlstring})"
_TABLES: dict[str, Sequence[str]] = {
    "deals": (
        "deal_id", "client_id", "manager", "team", "status", "pipeline_name", "stage_name", "amount", "currency",
        "created_at", "closed_at",
    ),
    "calls": ("call_id", "client_id", "manager", "team", "direction", "outcome", "started_at", "answered_at"),
    "payments": ("payment_id", "client_id", "manager", "team", "amount", "currency", "deal_id", "invoice_id"),
    "invoices": ("invoice_id", "client_id", "manager", "team", "status", "amount", "currency", "due_at"),
    "leads": ("lead_id", "client_id", "manager", "team", "temperature", "status", "created_at"),
    "chats": ("chat_id", "client_id", "manager", "team", "waiting_since"),
    "meetings": ("meeting_id", "client_id", "manager", "team"),
    "ratings": ("rating_id", "client_id", "manager", "team", "score"),
}  # fmt: skip
"""View → its columns that are shown."""
_BEHIND = (
    "at", "day", "kind", "id", "client_id", "manager", "team", "labels::text AS labels", "value", "count", "currency",
    "converted",
)  # fmt: skip


def _table(title: str, about: str, query: str) -> p.Panel:
    return p.panel(
        "table", title, [p.rows(query)], about=about, unit="none",
        custom={"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "filterable": True},
        options={"showHeader": True, "cellHeight": "sm"},
        overrides=[p.override("value", decimals=2), p.override("converted", decimals=2)],
    )  # fmt: skip


def _behind() -> p.Panel:
    query = (
        f"SELECT {', '.join(_BEHIND)} FROM sales_pulse.contributions "  # noqa: S608 - our own text
        f"WHERE family = '$family' AND $__timeFilter(at) AND {_CHOSEN} ORDER BY abs(value) DESC LIMIT {_MOST}"
    )
    about = f"What each entity adds to the number in the dashboard's time, the largest {_MOST} of them."
    return _table("Behind $family", about, query)


def _entities(view: str) -> p.Panel:
    query = (
        f"SELECT time, {', '.join(_TABLES[view])} FROM sales_pulse.{view} "  # noqa: S608 - our own text
        f"WHERE $__timeFilter(time) AND {_CHOSEN} ORDER BY time DESC LIMIT {_MOST}"
    )
    about = f"By the time of what was last said of each, the latest {_MOST} of the dashboard's time."
    return _table(view.capitalize(), about, query)


def _variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "type": "query", "name": name, "label": label, "datasource": _SOURCE, "definition": query, "query": query,
        "refresh": 2, "sort": 1, "regex": "", "includeAll": True, "multi": True, "options": [], "hide": 0,
        "current": {"text": ["All"], "value": ["$__all"]},
    }  # fmt: skip


def dashboard(look: Look) -> dict[str, Any]:
    """The number's entities first, then each kind. Chosen by team, manager, number and the dashboard's time."""
    first, second, third, *rest = map(_entities, _TABLES)
    placed = place(
        (12, [_behind()]),
        *((10, [one]) for one in (first, second, third)),
        *((8, rest[start : start + 2]) for start in range(0, len(rest), 2)),
    )
    numbers = [family.name for family in CELL_FAMILIES if family.kind is not Kind.SIZES]
    made = base.board(
        base.ENTITIES, "Entities", "What is behind a number, and every entity, row by row.", placed, look,
        p.choice("family", "Number", numbers, deals.WON_AMOUNT.name),
        _variable("team", "Team", "SELECT DISTINCT team FROM sales_pulse.people ORDER BY 1"),
        _variable(
            "manager", "Manager",
            "SELECT DISTINCT manager AS __text, manager_id AS __value FROM sales_pulse.people "
            "WHERE team IN (${team:sqlstring}) ORDER BY 1",
        ),
        time_from="now-30d", refresh="5m",
    )  # fmt: skip
    return _asked_by_sql(made)


def _asked_by_sql(made: dict[str, Any]) -> dict[str, Any]:
    """Panels ask PostgreSQL; marks are in the Prometheus that scrapes."""
    made["templating"]["list"] = [one for one in made["templating"]["list"] if one["type"] != "datasource"]
    for mark in made["annotations"]["list"]:
        mark["datasource"] = {"type": "prometheus", "uid": DATA_SOURCE}
    for panel in made["panels"]:
        panel["datasource"] = _SOURCE
        panel["targets"] = [
            {
                "refId": target["refId"], "datasource": _SOURCE, "rawSql": target["expr"], "rawQuery": True,
                "editorMode": "code", "format": "table",
            }
            for target in panel["targets"]
        ]  # fmt: skip
    return made
