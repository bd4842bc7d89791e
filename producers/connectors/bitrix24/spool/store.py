"""What the connector must not forget: which entities changed, what goes out of each, and how far it has read.

SQLite in one file, durable on every commit. Nothing in it names a client: phones are hashed before they come here.
"""

import fcntl
import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

_SCHEMA = """
CREATE TABLE IF NOT EXISTS dirty (
    kind TEXT, id TEXT, mark INTEGER NOT NULL, since REAL NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entity (
    kind TEXT, id TEXT, client TEXT NOT NULL, at INTEGER NOT NULL, rank INTEGER NOT NULL, rev INTEGER NOT NULL,
    digest TEXT NOT NULL, state TEXT NOT NULL, owner TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entity_owner ON entity (kind, owner) WHERE owner <> '';
CREATE INDEX IF NOT EXISTS entity_open ON entity (kind) WHERE state = 'open';
CREATE TABLE IF NOT EXISTS fact (id TEXT PRIMARY KEY, since REAL NOT NULL, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
    n INTEGER PRIMARY KEY AUTOINCREMENT, reference INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS look (kind TEXT, id TEXT, print TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursor (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_MANY = 500
CHAT = "chat"
"""Kind of changes that who reads chats takes, and nobody else."""
_ONCE = ("client", "phone")
"""Facts of which the first stands: a call keeps the client that it began with, however the number is written later."""


class Dirty(NamedTuple):
    """An entity that changed; `mark` grows with each change, so that one during a fetch is not lost."""

    kind: str
    id: str
    mark: int


class Outgoing(NamedTuple):
    """A Kafka record that waits to be acknowledged; `reference` is for the reference topic."""

    number: int
    reference: bool
    key: bytes
    value: bytes


class PortalChange(NamedTuple):
    """What a hook says: look at this entity; of a call also what is known of it."""

    kind: str
    id: str
    facts: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """The latest version of an entity that went out. `at` is µs since the epoch; `state` live or deleted."""

    kind: str
    id: str
    client: str
    at: int
    rank: int
    rev: int
    digest: str
    state: str
    owner: str
    data: dict[str, Any]


class Spool:
    """The connector's memory in `folder`; safe for many threads, and for a second process beside the first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._turns = folder / "turn.lock"
        self._db = sqlite3.connect(
            folder / "connector.sqlite3", timeout=30, isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One process at a time: a backfill beside the gateway must not publish what the other overtook."""
        with self._turns.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and on the disk when it is over."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def add(self, changes: Iterable[PortalChange], now: float) -> None:
        """Remember changes; many of one entity become one. `now` is in seconds since the epoch."""
        with self.transaction() as db:
            # Kept besides, as no mark may come twice: `done` would take a new change for the one that it has fetched.
            mark = int(db.execute("SELECT coalesce(max(mark), 0) FROM dirty").fetchone()[0])
            last = int(self._cursor(db, "mark") or 0)
            mark = max(mark, last)
            for change in changes:
                mark += 1
                if change.facts:
                    self._learn(db, change.id, change.facts, now)
                db.execute(
                    "INSERT INTO dirty VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET mark = excluded.mark",
                    (change.kind, change.id, mark, now),
                )
            db.execute("INSERT OR REPLACE INTO cursor VALUES ('mark', ?)", (str(mark),))

    def dirty(self, limit: int = 1000, *, chats: bool = False) -> list[Dirty]:
        """What changed, the oldest first: chats, or all but chats."""
        query = "SELECT kind, id, mark FROM dirty WHERE (kind = ?) = ? ORDER BY mark LIMIT ?"
        with self._lock:
            rows = self._db.execute(query, (CHAT, chats, limit))
            return [Dirty(*row) for row in rows]

    def waiting(self) -> tuple[int, float | None]:
        """How many changes wait, and since when the oldest does."""
        with self._lock:
            count, since = self._db.execute("SELECT count(*), min(since) FROM dirty").fetchone()
            return int(count), since

    def done(self, handled: Iterable[Dirty]) -> None:
        """Forget changes that are published; those that changed again since stay."""
        with self.transaction() as db:
            db.executemany("DELETE FROM dirty WHERE kind = ? AND id = ? AND mark = ?", handled)

    def prune(self, before: float) -> None:
        """Forget what hooks told of calls before a time (seconds since the epoch); what was published stays known."""
        with self.transaction() as db:
            db.execute("DELETE FROM fact WHERE since < ?", (before,))

    def facts(self, call: str) -> dict[str, Any]:
        """What is known of a call."""
        with self._lock:
            row = self._db.execute("SELECT data FROM fact WHERE id = ?", (call,)).fetchone()
            return json.loads(row[0]) if row else {}

    def published(self, kind: str, ids: Collection[str]) -> dict[str, Published]:
        """What was published of some entities."""
        found: dict[str, Published] = {}
        wanted = list(ids)
        with self._lock:
            for begin in range(0, len(wanted), _MANY):
                some = wanted[begin : begin + _MANY]
                marks = ",".join("?" * len(some))
                query = f"SELECT * FROM entity WHERE kind = ? AND id IN ({marks})"  # noqa: S608 - question marks only
                found.update({row[1]: _published(row) for row in self._db.execute(query, (kind, *some))})
        return found

    def looks(self, kind: str, ids: Collection[str]) -> dict[str, str]:
        """How entities looked in the portal when they were brought up to date last."""
        wanted = list(ids)
        found: dict[str, str] = {}
        with self._lock:
            for begin in range(0, len(wanted), _MANY):
                some = wanted[begin : begin + _MANY]
                marks = ",".join("?" * len(some))
                query = f"SELECT id, print FROM look WHERE kind = ? AND id IN ({marks})"  # noqa: S608 - question marks only
                found.update(self._db.execute(query, (kind, *some)).fetchall())
        return found

    def owned(self, kind: str, owner: str) -> list[Published]:
        """What was published of the entities that belong to `owner`."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM entity WHERE kind = ? AND owner = ?", (kind, owner))
            return [_published(row) for row in rows]

    def all(self, kind: str) -> list[Published]:
        """What was published of a kind of which there are few."""
        with self._lock:
            return [_published(row) for row in self._db.execute("SELECT * FROM entity WHERE kind = ?", (kind,))]

    def known(self, kind: str, after: int, limit: int) -> list[str]:
        """Ids of entities, by number, above `after`; deleted ones too, which may come back."""
        query = "SELECT id FROM entity WHERE kind = ? AND CAST(id AS INTEGER) > ? ORDER BY CAST(id AS INTEGER) LIMIT ?"
        with self._lock:
            return [row[0] for row in self._db.execute(query, (kind, after, limit))]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever published."""
        with self._lock:
            return self._db.execute("SELECT 1 FROM entity LIMIT 1").fetchone() is None

    def clients(self) -> list[str]:
        """Everybody who has deals, leads or invoices."""
        kinds = "kind IN ('deal', 'lead', 'invoice') OR kind LIKE 'deal:%'"
        query = f"SELECT DISTINCT client FROM entity WHERE {kinds} ORDER BY client"  # noqa: S608 - words of ours
        with self._lock:
            return [row[0] for row in self._db.execute(query)]

    def open_chats(self) -> list[Published]:
        """Chats that are not closed."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM entity WHERE kind = 'chat' AND state = 'open'")
            return [_published(row) for row in rows]

    def save(
        self,
        rows: Iterable[Published],
        cursors: dict[str, str] | None = None,
        records: Iterable[Outgoing] = (),
        looks: Iterable[tuple[str, str, str]] = (),
    ) -> None:
        """Remember what goes out, how far was read, and the records that say so, in one transaction.

        looks: kind, id and how the portal has it.
        """
        with self.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO entity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (r.kind, r.id, r.client, r.at, r.rank, r.rev, r.digest, r.state, r.owner, json.dumps(r.data))
                    for r in rows
                ],
            )
            db.executemany("INSERT OR REPLACE INTO look VALUES (?, ?, ?)", looks)
            db.executemany("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (cursors or {}).items())
            db.executemany(
                "INSERT INTO outbox (reference, key, value) VALUES (?, ?, ?)",
                [(record.reference, record.key, record.value) for record in records],
            )

    def outbox(self, limit: int = 5000) -> list[Outgoing]:
        """Records that are not acknowledged, in order."""
        with self._lock:
            rows = self._db.execute("SELECT n, reference, key, value FROM outbox ORDER BY n LIMIT ?", (limit,))
            return [Outgoing(n, bool(reference), key, value) for n, reference, key, value in rows]

    def sent(self, records: Sequence[Outgoing]) -> None:
        """Drop records that are acknowledged."""
        with self.transaction() as db:
            db.execute("DELETE FROM outbox WHERE n <= ?", (records[-1].number,))

    def cursor(self, name: str) -> str | None:
        """How far something was read."""
        with self._lock:
            return self._cursor(self._db, name)

    def teams(self) -> dict[str, str]:
        """Departments by id with their names, as last read."""
        found: dict[str, str] = json.loads(self.cursor("teams") or "{}")
        return found

    def cursors(self, prefix: str) -> list[str]:
        """The names of cursors that begin so."""
        with self._lock:
            rows = self._db.execute("SELECT name FROM cursor WHERE substr(name, 1, ?) = ?", (len(prefix), prefix))
            return [row[0] for row in rows]

    def forget(self, prefix: str) -> None:
        """Drop the cursors whose names begin with `prefix`."""
        with self.transaction() as db:
            db.execute("DELETE FROM cursor WHERE substr(name, 1, ?) = ?", (len(prefix), prefix))

    @staticmethod
    def _cursor(db: sqlite3.Connection, name: str) -> str | None:
        row = db.execute("SELECT value FROM cursor WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    @staticmethod
    def _learn(db: sqlite3.Connection, call: str, facts: dict[str, Any], now: float) -> None:
        row = db.execute("SELECT data FROM fact WHERE id = ?", (call,)).fetchone()
        held: dict[str, Any] = json.loads(row[0]) if row else {}
        is_named = "client" in held
        for name, value in facts.items():
            # A hook that comes twice tells the later arrival; the first one is right.
            if name.endswith("_ts") and name in held:
                held[name] = min(held[name], value)
            elif is_named and name in _ONCE:
                continue
            else:
                held[name] = value
        db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?, ?)", (call, now, json.dumps(held)))


def _published(row: tuple[Any, ...]) -> Published:
    kind, number, client, at, rank, rev, digest, state, owner, data = row
    return Published(kind, number, client, at, rank, rev, digest, state, owner, json.loads(data))
