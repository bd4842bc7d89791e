"""Entities: what is behind a number, and deals, calls, payments and the like, row by row, from the ledger's tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import grafana.panels as p
from grafana.dashboards import base
from grafana.layout import place
from grafana.look import DATA_SOURCE, SQL_SOURCE, Look
from metrics.catalogue import CELL_FAMILIES, KPIS, deals
from metrics.family import Kind
from metrics.kpi import Sum

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
_LABELS = "(SELECT string_agg(key || ': ' || value, ', ' ORDER BY key) FROM jsonb_each_text(labels))"
_BEHIND = {
    "at": "Time", "day::text": "Day", "kind": "Kind", "id": "Id", "client_id": "Client", "manager": "Manager",
    "team": "Team", _LABELS: "Of", "value": "Value", "count": "Count", "currency": "Currency", "converted": "",
}  # fmt: skip
"""Column of what is behind a number → its heading; that of the last one names the base currency."""
_HEADINGS = {"time": "Last change", "client_id": "Client", "pipeline_name": "Pipeline", "stage_name": "Stage"}
_TIMES = ("Time", "Last change", "Created", "Closed", "Started", "Answered", "Due", "Waiting since")
_WIDTHS = dict.fromkeys(_TIMES, 175) | {"Day": 110, "Kind": 90, "Count": 85, "Currency": 105, "Status": 95}
"""Of moments to the second and of what is short, beside the button that filters."""


def _heading(column: str) -> str:
    """What people call a column: of an id the entity, of a time what happened then."""
    known = column.removesuffix("_id").removesuffix("_at").replace("_", " ").capitalize()
    return _HEADINGS.get(column, known)


def _table(title: str, about: str, columns: Mapping[str, str], rest: str) -> p.Panel:
    chosen = ", ".join(f'{column} AS "{heading}"' for column, heading in columns.items())
    query = f"SELECT {chosen} FROM {rest}"  # noqa: S608 - our own text
    money = [name for name in columns.values() if name in {"Value", "Amount"} or name.startswith("In ")]
    return p.panel(
        "table", title, [p.rows(query)], about=about, unit="none",
        custom={"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "filterable": True, "minWidth": 96},
        options={"showHeader": True, "cellHeight": "sm"},
        overrides=[*(p.override(name, unit="locale", decimals=2) for name in money),
                   *(p.override(name, custom__width=_WIDTHS[name]) for name in columns.values() if name in _WIDTHS)],
    )  # fmt: skip


def _behind(look: Look) -> p.Panel:
    about = f"What each entity adds to the number in the dashboard's time, the largest {_MOST} of them."
    columns = {column: heading or f"In {look.currency}" for column, heading in _BEHIND.items()}
    rest = (
        f"sales_pulse.contributions WHERE family = '$family' AND $__timeFilter(at) AND {_CHOSEN} "
        f"ORDER BY abs(value) DESC LIMIT {_MOST}"
    )
    return _table("Behind: ${family:text}", about, columns, rest)


def _entities(view: str) -> p.Panel:
    about = f"By the time of what was last said of each, the latest {_MOST} of the dashboard's time."
    columns = {column: _heading(column) for column in ("time", *_TABLES[view])}
    rest = f"sales_pulse.{view} WHERE $__timeFilter(time) AND {_CHOSEN} ORDER BY time DESC LIMIT {_MOST}"
    return _table(view.capitalize(), about, columns, rest)


def _numbers() -> dict[str, str]:
    """What can be explained, by what it is called → family: booked sales first, then as the catalogue has them."""
    titles = {one.formula.family: one.title for one in KPIS if isinstance(one.formula, Sum) and not one.formula.where}
    families = [family for family in CELL_FAMILIES if family.kind is not Kind.SIZES]
    families.sort(key=lambda family: family is not deals.WON_AMOUNT)
    return {titles.get(family) or _called(family.name): family.name for family in families}


def _called(name: str) -> str:
    return name.removeprefix("sales_").replace("_", " ").capitalize()


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
        (12, [_behind(look)]),
        *((10, [one]) for one in (first, second, third)),
        *((8, rest[start : start + 2]) for start in range(0, len(rest), 2)),
    )
    made = base.board(
        base.ENTITIES, "Entities", "What is behind a number, and every entity, row by row.", placed, look,
        p.choice_of("family", "Number", _numbers()),
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
