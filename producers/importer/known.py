"""What the log has of each entity, kept on disk beside the import: its latest version, by whom, and what it says.

It follows the log, so that only what is new is read, and an import needs no memory for it. It can be lost at any
time: it is read from the log again then.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, Self

from producers.importer.decided import Decided, WaitingEvent
from producers.importer.entities import ComparedEvent, Version
from producers.importer.errors import ImportProblem
from producers.importer.gathered import Gathered, Heard, Sent

_ASKED = 500
_GATHERED = 75_000
"""What a run learns is written so many at once, in the order of the index: one by one it costs four times as much."""
_TOGETHER = 250
"""Rows of one statement: others run while it does, and a statement a row would have them wait each time."""
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
_SEND = "INSERT OR REPLACE INTO entity VALUES "
_SENT = "(?, ?, ?, ?, ?, ?, ?, 0, -1, ?)"
"""What is sent is greater than what was known, and is not read from the log yet."""
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
    """The index. `path` None keeps it in memory. Raises ImportProblem where another import has it open.

    `freeze` and `write` bring what was saved to the disk while it is asked about more; `flush` does it at once.
    """

    def __init__(self, path: Path | None, gathered: int = _GATHERED) -> None:
        self._path = path
        self._gathered = gathered
        self._sources: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._new = Gathered()
        self._frozen: Gathered | None = None
        self._lock = Lock()
        self._is_open = True
        self._database = self._opened()
        is_empty = self._database.execute("SELECT 1 FROM entity LIMIT 1").fetchone() is None
        self._heard = Heard() if is_empty else None

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
        database = sqlite3.connect(self._path or ":memory:", timeout=1.0, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA page_size = 16384")
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
        with self._lock:
            self._is_open = False
            self._database.close()

    def __len__(self) -> int:
        count: int = self._database.execute("SELECT count(*) FROM entity").fetchone()[0]
        return count

    # -- the log

    def reached(self) -> dict[int, tuple[int, bytes]]:
        """Partition → offset of the last record that was read, and what that record is recognised by."""
        return {lies: (at, mark) for lies, at, mark in self._database.execute("SELECT lies, at, mark FROM reached")}

    def take(self, found: Sequence[tuple[ComparedEvent, int, int]], reached: Mapping[int, tuple[int, bytes]]) -> None:
        """Take events of the log with partition and offset, in order, and how far it is read by now."""
        rows = [
            (item.key, *item.version, item.digest, self._number(item.source), item.kind, lies, at, 0)
            for item, lies, at in found
        ]
        rows.sort(key=itemgetter(0))  # a stable sort: of one entity the order of the log stays
        if self._heard is not None:
            self._heard.add([row[0] for row in rows])
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
        self._heard = Heard()

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
        wanted = set(keys)
        found: dict[bytes, Held] = {}
        gathered = [one for one in (self._new, self._frozen) if one is not None]
        for one in gathered:
            for key in wanted & one.sent.keys() - found.keys():
                _, sequence, time, id_, digest, source, kind, run = one.sent[key]
                found[key] = Held((sequence, time, id_), digest, self._names[source], kind, run)
        left = wanted - found.keys()
        asked = sorted(left if self._heard is None else self._heard.those(left))
        for key, sequence, time, id_, digest, source, kind, seen in self._rows(
            "SELECT key, sequence, time, id, digest, source, kind, seen FROM entity WHERE key IN", asked
        ):
            last = next((one.seen[key] for one in gathered if key in one.seen), seen)
            found[key] = Held((sequence, time, id_), digest, self._names[source], kind, last)
        return found

    def _rows(self, select: str, keys: Sequence[bytes]) -> Iterator[tuple[Any, ...]]:
        for begin in range(0, len(keys), _ASKED):
            some = keys[begin : begin + _ASKED]
            with self._lock:
                rows = self._database.execute(f"{select} ({','.join('?' * len(some))})", some).fetchall()
            yield from rows

    def save(self, decided: Decided, run: int) -> None:
        """Know what was decided about a batch. It is on the disk after `flush`, which Kafka has to have it before."""
        sources = {source for many in decided.many for source in set(many.sources)}
        sources.update(item.source for item in decided.items)
        self._new.add(decided, run, {source: self._number(source) for source in sources})
        if self._heard is not None:
            self._heard.add(list(chain.from_iterable(many.abouts for many in decided.many)))
            self._heard.add([item.key for item in decided.items])

    @property
    def is_full(self) -> bool:
        """Whether so much was saved that it has to be brought to the disk."""
        return len(self._new) >= self._gathered

    def freeze(self) -> Gathered:
        """Take what was saved, to be written; one has to be written before the next is taken."""
        frozen, self._frozen, self._new = self._new, self._new, Gathered()
        return frozen

    def write(self, frozen: Gathered) -> None:
        """Bring it to the disk: by any thread, while this one asks and saves."""
        rows = frozen.rows()
        with self._lock:
            if self._is_open:
                self._write(frozen, rows)

    def written(self) -> None:
        """What was taken to be written is on the disk."""
        self._frozen = None

    def _write(self, frozen: Gathered, rows: Sequence[Sent]) -> None:
        execute, many = self._database.execute, self._database.executemany
        execute("BEGIN")
        for begin in range(0, len(rows), _TOGETHER):
            some = rows[begin : begin + _TOGETHER]
            execute(_SEND + ",".join([_SENT] * len(some)), list(chain.from_iterable(some)))
        many("UPDATE entity SET seen = ? WHERE key = ?", [(run, key) for key, run in sorted(frozen.seen.items())])
        many(_WAIT, frozen.waiting_rows())
        many("DELETE FROM waiting WHERE run = ? AND key = ?", frozen.done)
        execute("COMMIT")

    def flush(self) -> None:
        """Bring all that was saved to the disk."""
        self.write(self.freeze())
        self.written()

    def discard(self) -> None:
        """Forget what was saved and is not on the disk."""
        self._new, self._frozen = Gathered(), None

    def waiting(self, run: int, limit: int) -> list[WaitingEvent]:
        """Some of what waits for the end of a run's file."""
        self.flush()
        return [
            WaitingEvent(ComparedEvent(key, (sequence, time, id_), digest, source, kind), value)
            for key, sequence, time, id_, digest, source, kind, value in self._database.execute(
                "SELECT key, sequence, time, id, digest, source, kind, value FROM waiting WHERE run = ? LIMIT ?",
                (run, limit),
            )
        ]

    def waits(self, run: int, keys: Sequence[bytes]) -> dict[bytes, Version]:
        """The versions that wait of these."""
        select = f"SELECT key, sequence, time, id FROM waiting WHERE run = {run:d} AND key IN"  # noqa: S608 - a number
        found: dict[bytes, Version] = {
            key: (sequence, time, id_) for key, sequence, time, id_ in self._rows(select, sorted(set(keys)))
        }
        for gathered in filter(None, (self._frozen, self._new)):
            for key in keys:
                if (one := gathered.waiting.get(key)) is not None:
                    found[key] = max(one[0].item.version, found.get(key, one[0].item.version))
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
            with self._lock:
                self._database.execute("INSERT INTO source VALUES (?, ?)", (number, source))
        return number
