"""The tables of the index, how its file is begun and opened, and whether what it holds can be gone on with."""

import sqlite3
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from metrics.catalogue import CELL_FAMILIES
from streams.errors import StreamsError
from streams.plain.rules import PlainRules

VERSION = 7
"""Of tables and of what they mean: an index of another one is built again."""
APPLICATION_ID = 0x53504C31
"""In the header of the file: by this, and by MARK in its first rows, an index is known as ours."""
MARK = bytes.fromhex("4b4b820258d497f14668bceaa9901ea0")
REFERENCE_ID = "reference id"
"""Under this name an index has the id of the reference topic that was read."""
_CACHE_KIB = 96 << 10
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE partition (number INTEGER PRIMARY KEY, next INTEGER NOT NULL, last INTEGER NOT NULL, time INTEGER NOT NULL,
    stamp INTEGER NOT NULL, minutes INTEGER NOT NULL, hours INTEGER NOT NULL, copied BLOB NOT NULL);
CREATE TABLE reference_partition (number INTEGER PRIMARY KEY, next INTEGER NOT NULL);
CREATE TABLE reference (key TEXT PRIMARY KEY, event BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE client (
    no INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, partition INTEGER NOT NULL,
    oldest INTEGER NOT NULL, longest INTEGER NOT NULL, swept INTEGER NOT NULL, kinds INTEGER NOT NULL
);
CREATE TABLE source (no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE entity (
    no INTEGER PRIMARY KEY, client INTEGER NOT NULL, kind INTEGER NOT NULL, id TEXT NOT NULL,
    at INTEGER, flag INTEGER NOT NULL, ref TEXT, body BLOB NOT NULL, source INTEGER NOT NULL
);
CREATE UNIQUE INDEX entity_name ON entity (client, kind, id);
CREATE INDEX entity_line ON entity (client, kind, flag, at) WHERE at IS NOT NULL;
CREATE INDEX entity_ref ON entity (client, ref) WHERE ref IS NOT NULL;
CREATE TABLE series (no INTEGER PRIMARY KEY, code TEXT NOT NULL, labels TEXT NOT NULL, currency TEXT NOT NULL);
CREATE TABLE who (no INTEGER PRIMARY KEY, manager TEXT NOT NULL, team TEXT NOT NULL);
CREATE TABLE share (
    series INTEGER, day INTEGER, who INTEGER, entity INTEGER, time INTEGER, value, n INTEGER NOT NULL, pending BLOB,
    PRIMARY KEY (series, day, who, entity, time, value)
) WITHOUT ROWID;
CREATE INDEX share_pending ON share (series) WHERE pending IS NOT NULL;
CREATE TABLE cell (
    series INTEGER, day INTEGER, who INTEGER, total, n INTEGER NOT NULL, top REAL NOT NULL,
    PRIMARY KEY (series, day, who)
) WITHOUT ROWID;
CREATE TABLE daily (
    series INTEGER, day INTEGER, total, n INTEGER NOT NULL, top REAL NOT NULL,
    PRIMARY KEY (series, day)
) WITHOUT ROWID;
CREATE TABLE bin (
    series INTEGER, day INTEGER, number INTEGER, n INTEGER NOT NULL,
    PRIMARY KEY (series, day, number)
) WITHOUT ROWID;
CREATE TABLE thing (
    code TEXT, client INTEGER, body BLOB, n INTEGER NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (code, client, body)
) WITHOUT ROWID;
CREATE TABLE deal_stage (no INTEGER PRIMARY KEY, pipeline TEXT NOT NULL, stage TEXT NOT NULL);
CREATE TABLE deal_day (
    client INTEGER, id TEXT, day INTEGER, sequence TEXT NOT NULL, time INTEGER NOT NULL, event TEXT NOT NULL,
    status INTEGER NOT NULL, who INTEGER NOT NULL, stage INTEGER NOT NULL, amount NOT NULL, currency TEXT NOT NULL,
    created INTEGER NOT NULL, closed INTEGER, PRIMARY KEY (client, id, day)
) WITHOUT ROWID;
CREATE INDEX deal_day_old ON deal_day (day);
"""


class LedgerError(StreamsError):
    """The index cannot be kept or read; the text says what to do."""


def fingerprint(rules: PlainRules, partitions: int) -> str:
    """What the contents of an index depend on, besides the log; the base currency is applied when it is read."""
    calendar = rules.calendar
    weeks = {"": calendar.company, **calendar.teams}
    told = {
        "version": VERSION,
        "partitions": partitions,
        "zone": rules.zone.key,
        "targets": [rules.call_target, rules.chat_target, rules.callback_target, rules.lead_target],
        "ready": [sorted(rules.ready_stages), str(rules.ready_probability)],
        # One that is new in the catalogue is counted from the start of the log here, too, as the worker counts it.
        "families": sorted((family.code, family.bounds) for family in CELL_FAMILIES),
        "weeks": {
            team: [sorted(week.hours.items()), sorted(map(str, week.holidays)), sorted(week.days.items())]
            for team, week in weeks.items()
        },
    }
    # Short, whatever calendars hold: text that goes on in another page is not looked at by SQLite's check.
    return sha256(msgspec.json.encode(told)).hexdigest()


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to an index that is there, of one thread's at a time; the caller begins and ends transactions."""
    database = _open(path, "mode=ro" if read_only else "mode=rw")
    database.execute(f"PRAGMA cache_size = -{_CACHE_KIB if not read_only else _CACHE_KIB // 8}")
    if not read_only:
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA journal_size_limit = 268435456")
    return database


def _open(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=256)


def create(path: Path, told: str, about: Mapping[str, str]) -> sqlite3.Connection:
    """Begin an empty index: it is there whole or not at all. about: more that is known of the log that it is of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_name(f".{path.name}.begun")
    for ending in ("", "-wal", "-shm"):
        begun.with_name(f"{begun.name}{ending}").unlink(missing_ok=True)
    database = _open(begun, "mode=rwc")
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("BEGIN IMMEDIATE")
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            database.execute(statement)
    told_all = {"fingerprint": told, "mark": MARK, **about}
    database.executemany("INSERT INTO meta VALUES (?, ?)", told_all.items())
    database.execute("COMMIT")
    database.close()
    begun.replace(path)
    return connect(path)


def known(path: Path) -> dict[str, str | bytes]:
    """What an index says of itself, without a trace of having looked. Raises sqlite3.Error."""
    database = _open(path, "mode=ro&immutable=1")
    try:
        return dict(database.execute("SELECT name, value FROM meta").fetchall())
    finally:
        database.close()


def unusable(path: Path, told: str, about: Mapping[str, str], *, look: bool = True) -> str:
    """Why an index of ours cannot be gone on with; "" when it can. look: through all of its pages.

    Raises OperationalError where it cannot be opened now.
    """
    try:
        database = connect(path)
        try:
            problem = database.execute("PRAGMA quick_check(1)").fetchone()[0] if look else "ok"
            held = dict(database.execute("SELECT name, value FROM meta").fetchall())
        finally:
            database.close()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        return f"it is damaged ({error})"
    if problem != "ok":
        return f"it is damaged ({problem})"
    if held.get("fingerprint") != told:
        return "it was built by other settings, another number of partitions or another version"
    # An index of before it was kept is one of this reference topic, as far as anybody can tell.
    held.setdefault(REFERENCE_ID, about.get(REFERENCE_ID))
    if any(held.get(name) != value for name, value in about.items()):
        return "it is of another log"
    return ""
