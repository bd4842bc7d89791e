"""What the log has of each entity, kept on disk beside the import: its latest version, by whom, and what it says.

It follows the log, so that only what is new is read, and an import needs no memory for it. It can be lost at any
time: it is read from the log again then.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from producers.importer.decided import Decided, Waiting
from producers.importer.entities import Item, Version
from producers.importer.errors import ImportProblem

_ASKED = 500
_FORM = 2
_SCHEMA = """
CREATE TABLE entity (
    key BLOB PRIMARY KEY, sequence TEXT NOT NULL, time INTEGER NOT NULL, id TEXT NOT NULL, digest BLOB NOT NULL,
    source INTEGER NOT NULL, kind TEXT NOT NULL, lies INTEGER NOT NULL, at INTEGER NOT NULL, seen INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE source (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE reached (lies INTEGER PRIMARY KEY, at INTEGER NOT NULL, mark BLOB NOT NULL);
CREATE TABLE run (number INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE waiting (
    run INTEGER NOT NULL, key BLOB NOT NULL, sequence TEXT NOT NULL, time INTEGER NOT NULL, id TEXT NOT NULL,
    digest BLOB NOT NULL, source TEXT NOT NULL, kind TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (run, key)
) WITHOUT ROWID;
"""
_NEWER = "(excluded.sequence, excluded.time, excluded.id) > (sequence, time, id)"
_TAKE = f"""
INSERT INTO entity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    sequence = excluded.sequence, time = excluded.time, id = excluded.id, digest = excluded.digest,
    source = excluded.source, kind = excluded.kind, lies = excluded.lies, at = excluded.at,
    seen = max(seen, excluded.seen)
WHERE {_NEWER} OR (at < 0 AND (excluded.sequence, excluded.time, excluded.id) = (sequence, time, id))
"""  # noqa: S608 - constants
_WAIT = f"""
INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run, key) DO UPDATE SET
    sequence = excluded.sequence, time = excluded.time, id = excluded.id, digest = excluded.digest,
    source = excluded.source, kind = excluded.kind, value = excluded.value
WHERE {_NEWER}
"""  # noqa: S608


class Held(NamedTuple):
    """The latest version of an entity. `seen`: the run whose file had the entity last, 0 when none."""

    version: Version
    digest: bytes
    source: str
    kind: str
    seen: int


class Lying(NamedTuple):
    """Where the latest version of an entity lies in the log."""

    lies: int
    at: int
    kind: str


class Known:
    """The index. `path` None keeps it in memory. Raises ImportProblem where another import has it open."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._sources: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._database = self._opened()

    def _opened(self) -> sqlite3.Connection:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._begun()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise ImportProblem(
                f"another import works in {self._path and self._path.parent}; wait for its end, or give another "
                "folder with --rejects"
            ) from error
        except sqlite3.DatabaseError:
            if self._path is None:
                raise
            self._path.unlink()
            return self._begun()

    def _begun(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path or ":memory:", timeout=1.0, isolation_level=None)
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        # What a power cut takes is read from the log again.
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -65536")
        database.execute("BEGIN IMMEDIATE")
        if database.execute("PRAGMA user_version").fetchone()[0] != _FORM:
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                if not name.startswith("sqlite_"):
                    database.execute(f"DROP TABLE {name}")
            for statement in filter(str.strip, _SCHEMA.split(";")):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {_FORM}")
        database.execute("COMMIT")
        for number, name in database.execute("SELECT number, name FROM source"):
            self._sources[name], self._names[number] = number, name
        return database

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def __len__(self) -> int:
        count: int = self._database.execute("SELECT count(*) FROM entity").fetchone()[0]
        return count

    # -- the log

    def reached(self) -> dict[int, tuple[int, bytes]]:
        """Partition → offset of the last record that was read, and what that record is recognised by."""
        return {lies: (at, mark) for lies, at, mark in self._database.execute("SELECT lies, at, mark FROM reached")}

    def take(self, found: Sequence[tuple[Item, int, int]], reached: Mapping[int, tuple[int, bytes]]) -> None:
        """Take events of the log with partition and offset, in order, and how far it is read by now."""
        rows = [
            (item.key, *item.version, item.digest, self._number(item.source), item.kind, lies, at, 0)
            for item, lies, at in found
        ]
        self._database.execute("BEGIN")
        self._database.executemany(_TAKE, rows)
        self._database.executemany(
            "INSERT OR REPLACE INTO reached VALUES (?, ?, ?)", [(lies, *where) for lies, where in reached.items()]
        )
        self._database.execute("COMMIT")

    def forget(self) -> None:
        """Know nothing: the log is another one."""
        self._database.execute("BEGIN")
        for table in ("entity", "reached", "waiting", "run"):
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
        self._database.execute("COMMIT")

    # -- a run

    def begin(self) -> int:
        """The number of a new run."""
        number = self._database.execute("INSERT INTO run DEFAULT VALUES").lastrowid
        return number or 0

    def has(self, run: int) -> bool:
        """Whether a run is known: it is not when the index was lost since."""
        return self._database.execute("SELECT 1 FROM run WHERE number = ?", (run,)).fetchone() is not None

    def look(self, keys: Iterable[bytes]) -> dict[bytes, Held]:
        """What is known of these."""
        found: dict[bytes, Held] = {}
        wanted, names = sorted(set(keys)), self._names
        for begin in range(0, len(wanted), _ASKED):
            some = wanted[begin : begin + _ASKED]
            marks = ",".join("?" * len(some))
            for key, sequence, time, id_, digest, source, kind, seen in self._database.execute(
                f"SELECT key, sequence, time, id, digest, source, kind, seen FROM entity WHERE key IN ({marks})",  # noqa: S608
                some,
            ):
                found[key] = Held((sequence, time, id_), digest, names[source], kind, seen)
        return found

    def save(self, decided: Decided, run: int) -> None:
        """Remember what was decided about a batch, once Kafka has what was sent of it."""
        numbers = {source: self._number(source) for source in {item.source for item in decided.items}}
        sent = [
            (key, *version, digest, numbers[source], kind, 0, -1, run)
            for key, version, digest, source, kind in sorted(decided.items)
        ]
        waiting = [
            (run, one.key, *one.version, one.digest, one.source, one.kind, value) for one, value in decided.waiting
        ]
        self._database.execute("BEGIN")
        self._database.executemany(_TAKE, sent)
        self._database.executemany("UPDATE entity SET seen = ? WHERE key = ?", [(run, key) for key in decided.seen])
        self._database.executemany(_WAIT, waiting)
        self._database.executemany(
            "DELETE FROM waiting WHERE run = ? AND key = ?", [(run, key) for key in decided.done]
        )
        self._database.execute("COMMIT")

    def waiting(self, run: int, limit: int) -> list[Waiting]:
        """Some of what waits for the end of a run's file."""
        return [
            Waiting(Item(key, (sequence, time, id_), digest, source, kind), value)
            for key, sequence, time, id_, digest, source, kind, value in self._database.execute(
                "SELECT key, sequence, time, id, digest, source, kind, value FROM waiting WHERE run = ? LIMIT ?",
                (run, limit),
            )
        ]

    def waits(self, run: int, keys: Sequence[bytes]) -> dict[bytes, Version]:
        """The versions that wait of these."""
        found: dict[bytes, Version] = {}
        for begin in range(0, len(keys), _ASKED):
            some = keys[begin : begin + _ASKED]
            asked = (
                f"SELECT key, sequence, time, id FROM waiting WHERE run = ? AND key IN ({','.join('?' * len(some))})"  # noqa: S608
            )
            for key, sequence, time, id_ in self._database.execute(asked, (run, *some)):
                found[key] = (sequence, time, id_)
        return found

    def missing(self, source: str, kinds: Sequence[str], runs: Sequence[int]) -> Iterator[Lying]:
        """Entities of a source that none of these runs' files had, as they lie in the log."""
        number = self._sources.get(source, -1)
        asked = f"kind IN ({','.join('?' * len(kinds))}) AND seen NOT IN ({','.join('?' * len(runs))})"
        for lies, at, kind in self._database.execute(
            f"SELECT lies, at, kind FROM entity WHERE source = ? AND at >= 0 AND {asked} ORDER BY lies, at",  # noqa: S608
            (number, *kinds, *runs),
        ):
            yield Lying(lies, at, kind)

    def _number(self, source: str) -> int:
        number = self._sources.get(source)
        if number is None:
            number = self._sources[source] = len(self._sources) + 1
            self._names[number] = source
            self._database.execute("INSERT INTO source VALUES (?, ?)", (number, source))
        return number
