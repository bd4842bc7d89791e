"""The tables that hold a copy of the index. People read them through views: see `streams.sql.views`."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from zlib import crc32

from producers.events import wire
from producers.events.wire.structs import MOMENTS
from streams.plain import activities, calls, deals, money

SCHEMA = "sales_pulse"
"""What people read: views, and how far they are."""
READER = "sales_reader"
"""A role of this name may read them, where there is one."""

_EVENTS: Mapping[type[Any], tuple[str, str]] = {**calls.NAMES, **activities.NAMES, **money.NAMES, **deals.NAMES}
_IDS = dict(_EVENTS.values()) | {"lead": "lead_id"}
COPIED: Mapping[str, type[wire.Envelope]] = {
    kind: event for event, (kind, _) in _EVENTS.items() if event is not wire.DealDeleted
} | {"lead": wire.LeadChanged}
"""Kind of an entity → the event whose data is copied; chats are known by other fields."""
_OF_CHATS = ("manager_id", "team_id", "waiting_since")
_NUMERIC = frozenset(("amount", "cost", "probability", "score"))


class SqlColumn(NamedTuple):
    """A column of the table of entities."""

    name: str
    type: str


def fields(kind: str) -> tuple[str, ...]:
    """What a kind of entity has besides its id, its client and its time."""
    if kind == "chat":
        return _OF_CHATS
    data: type[Any] = COPIED[kind].__annotations__["data"]
    return tuple(name for name in data.__annotations__ if name not in {"client_id", _IDS[kind]})


def _type(name: str) -> str:
    if name in MOMENTS or name == "waiting_since":
        return "timestamptz"
    return "numeric" if name in _NUMERIC else "text"


KINDS = (*COPIED, "chat")
FIELDS = tuple(SqlColumn(name, _type(name)) for name in dict.fromkeys(name for kind in KINDS for name in fields(kind)))
"""All fields of all kinds; an entity has NULL where its kind has no such field, which takes no place."""

TABLES: Mapping[str, Mapping[str, str]] = {
    "entity": {
        "no": "bigint NOT NULL",
        "kind": "text NOT NULL",
        "id": "text NOT NULL",
        "client_id": "text",
        "source": "text NOT NULL",
        "time": "timestamptz",
        "deleted": "boolean NOT NULL",
        **dict(FIELDS),
    },
    # Eight columns: with a ninth each row would be eight bytes longer.
    "share": {
        "series": "integer NOT NULL",
        "day": "date NOT NULL",
        "who": "integer NOT NULL",
        "entity": "bigint NOT NULL",
        "time": "timestamptz NOT NULL",
        "value": "numeric NOT NULL",
        "n": "integer",
        "turns_at": "timestamptz",
    },
    "series": {
        "no": "integer PRIMARY KEY",
        "family": "text NOT NULL",
        "labels": "jsonb NOT NULL",
        "currency": "text NOT NULL",
        "unit": "text NOT NULL",
    },
    "who": {"no": "integer PRIMARY KEY", "manager_id": "text NOT NULL", "team_id": "text NOT NULL"},
    "manager": {
        "manager_id": "text PRIMARY KEY",
        "name": "text NOT NULL",
        "team_id": "text NOT NULL",
        "active": "boolean NOT NULL",
    },
    "rate": {
        "currency": "text NOT NULL",
        "since": "date NOT NULL",
        "until": "date NOT NULL",
        "rate": "numeric NOT NULL",
    },
    "stage": {
        "pipeline": "text NOT NULL",
        "stage": "text NOT NULL",
        "pipeline_name": "text NOT NULL",
        "stage_name": "text NOT NULL",
        "place": "integer NOT NULL",
    },
    "plan": {
        "scope": "text NOT NULL",
        "measure": "text NOT NULL",
        "period": "text NOT NULL",
        "target": "numeric NOT NULL",
        "currency": "text",
    },
}
"""Table → columns and their types; the first six of a share are its key, turns_at: when the clock changes it."""

VERSION = crc32(repr((TABLES, 1)).encode()) >> 1
"""Of the tables, and of what they mean: those of another one are refilled."""


def data_schema(generation: int) -> str:
    """Where the tables of one filling lie."""
    return f"{SCHEMA}_{generation}"


def tables(schema: str) -> tuple[str, ...]:
    """Statements that make them, without indexes: those are made when the tables are filled."""
    return tuple(
        f"CREATE TABLE {schema}.{table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})"
        for table, columns in TABLES.items()
    )


def indexes(schema: str) -> tuple[str, ...]:
    """Statements that make them, once the tables are filled; each may be given again."""
    return (
        f"CREATE UNIQUE INDEX IF NOT EXISTS entity_no ON {schema}.entity (no)",
        f"CREATE INDEX IF NOT EXISTS entity_time ON {schema}.entity (kind, time)",
        f"CREATE INDEX IF NOT EXISTS entity_id ON {schema}.entity (id)",
        f"CREATE INDEX IF NOT EXISTS share_entity ON {schema}.share (entity)",
        f"CREATE INDEX IF NOT EXISTS share_day ON {schema}.share (series, day)",
        f"ANALYZE {schema}.entity",
        f"ANALYZE {schema}.share",
    )


PROGRESS = (
    ("one", "boolean PRIMARY KEY DEFAULT true CHECK (one)", "There is one row."),
    ("as_of", "timestamptz", "The views hold all that was in the ledger at this moment."),
    ("offsets", "jsonb", "Which records those are: partition of events → offset of the next record."),
    ("phase", "text NOT NULL", "What is done now: entities, shares, indexes (of a filling), then following."),
    ("shown", "integer NOT NULL", "Number of the filling that the views show; 0: none is whole yet."),
    ("generation", "integer NOT NULL", "Number of the filling that is written to."),
    ("index_id", "text NOT NULL", "The ledger's index that it is a copy of."),
    ("version", "integer NOT NULL", "Of the tables."),
    ("cursor", "text NOT NULL", "Up to where a filling has come."),
    ("seq", "bigint NOT NULL", "The last change of the index that is in the tables."),
    ("views", "text NOT NULL", "Which definition the views have."),
)
"""Column, type, comment of the table that says how far all is: written in the transaction of what it tells."""
