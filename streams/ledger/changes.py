"""What has changed in an index since it was last copied: SQLite notes it itself, in the transaction of each change.

A note says only which row changed; whoever copies reads what the row is by then. So notes may be read twice, and be
left out for rows that are read anyway.
"""

import secrets
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

_ID, _DONE = "copied", "copied up to"
"""In `meta`: that changes are noted, under which id; the last of them that is no longer there."""
_KEY = ("series", "day", "who", "entity", "time", "value")
MOST = 5_000_000
"""As many notes are kept for who does not come: then all is copied again."""


class Noted(NamedTuple):
    """That changes are noted. id: another one after each beginning. done: the last note that was taken out."""

    id: str
    done: int


class RowChange(NamedTuple):
    """A note. share: key of a share; None: it is about the entity itself."""

    seq: int
    entity: int
    share: tuple[Any, ...] | None


def noted(database: sqlite3.Connection) -> Noted | None:
    """Whether changes are noted in this index, or None."""
    held = dict(database.execute("SELECT name, value FROM meta WHERE name IN (?, ?)", (_ID, _DONE)).fetchall())
    return Noted(held[_ID], int(held.get(_DONE, 0))) if _ID in held else None


def begin(database: sqlite3.Connection) -> Noted:
    """Have changes noted from now on, where they are not yet."""
    if (found := noted(database)) is not None:
        return found
    database.execute("BEGIN IMMEDIATE")
    try:
        for statement in _statements():
            database.execute(statement)
        told = Noted(secrets.token_hex(16), 0)
        database.execute("INSERT INTO meta VALUES (?, ?)", (_ID, told.id))
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise
    return told


def end(database: sqlite3.Connection) -> None:
    """Note nothing any more: nobody comes for it."""
    if noted(database) is None:
        return
    database.execute("BEGIN IMMEDIATE")
    for table in ("entity", "share"):
        for event in _EVENTS:
            database.execute(f"DROP TRIGGER IF EXISTS changed_{table}_{event.lower()}")
    database.execute("DROP TABLE IF EXISTS change")
    database.execute("DELETE FROM meta WHERE name IN (?, ?)", (_ID, _DONE))
    database.execute("COMMIT")


def some(database: sqlite3.Connection, after: int, limit: int) -> Sequence[RowChange]:
    """The next notes, in order."""
    columns = ", ".join(_KEY)
    query = f"SELECT seq, {columns} FROM change WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - our own text
    return [
        RowChange(seq, key[3], tuple(key) if key[0] is not None else None)
        for seq, *key in database.execute(query, (after, limit))
    ]


def last(database: sqlite3.Connection) -> int:
    """The last note that there ever was."""
    found = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'change'").fetchone()
    return int(found[0]) if found else 0


def take_out(database: sqlite3.Connection, upto: int) -> None:
    """Notes that were copied go."""
    database.execute("BEGIN IMMEDIATE")
    try:
        database.execute("DELETE FROM change WHERE seq <= ?", (upto,))
        database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_DONE, upto))
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise


_TABLE = (
    "CREATE TABLE change (seq INTEGER PRIMARY KEY AUTOINCREMENT, series INTEGER, day INTEGER, who INTEGER, "
    "entity INTEGER NOT NULL, time INTEGER, value)"
)
_EVENTS = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


def _statements() -> Sequence[str]:
    columns = ", ".join(_KEY)
    found = [_TABLE]
    for event, row in _EVENTS.items():
        key = ", ".join(f"{row}.{name}" for name in _KEY)
        for table, into, values in (("entity", "entity", f"{row}.no"), ("share", columns, key)):
            note = f"INSERT INTO change ({into}) VALUES ({values})"  # noqa: S608 - our own text
            found.append(f"CREATE TRIGGER changed_{table}_{event.lower()} AFTER {event} ON {table} BEGIN {note}; END")
    return found
