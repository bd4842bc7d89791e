"""Keeps the tables in PostgreSQL up from the ledger's index, beside it: who waits for PostgreSQL is nobody else.

First all is copied, as the rows lie there, while SQLite notes what changes; from then on what was noted. How far that
has come stands in the tables themselves, so that either side may be lost or go on from anywhere.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import psycopg
import structlog

from metrics.errors import AwayError
from streams.ledger import changes
from streams.ledger.follow import LedgerFollower
from streams.ledger.keeper import read_reference
from streams.plain.rules import PlainRules
from streams.sql.layout import VERSION
from streams.sql.lines import SqlShares, entity_line, reference_lines, series_line
from streams.sql.lines import line as line_of
from streams.sql.writer import SqlBatch, SqlProgress, SqlWriter, gone_entity, joined

log = structlog.get_logger(__name__)
_ENTITIES, _SHARES, _CHANGES = 2_000, 5_000, 5_000
"""Rows in one transaction: they are what the process holds in memory for it."""
_POLL, _BEAT = 1.0, 10.0
"""Seconds between two looks for changes, and between two notes of as of when the tables are."""
_PAUSE = 5.0
"""Seconds until PostgreSQL is tried again."""
_LONGEST = 300
"""Characters of an error that are told."""
_SELECT = (
    "SELECT entity.no, entity.kind, entity.id, client.key, source.name, entity.body FROM entity "
    "JOIN client ON client.no = entity.client JOIN source ON source.no = entity.source "
)
_KEY = "series, day, who, entity, time, value"


class IndexReplacedError(Exception):
    """The index is another one than that which is being copied."""


@dataclass
class SqlStatus:
    """What the tables are like, for who watches. as_of: Unix seconds; None: nothing is shown yet."""

    is_up: bool = False
    as_of: float | None = None
    problem: str = "the tables have not been looked at yet"
    phase: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the exporter."""
        return {"up": self.is_up, "as_of": self.as_of, "problem": self.problem, "phase": self.phase}


@dataclass
class _Read:
    """What was read of the index for one transaction. offsets: of the log, where nothing is left that changed.

    spent: seconds of a core.
    """

    batch: SqlBatch
    offsets: Mapping[int, int] | None = None
    moment: float = 0.0
    spent: float = 0.0


class SqlTables:
    """The tables of one database. url: postgresql://…; password: where the address has none."""

    def __init__(
        self,
        follower: LedgerFollower,
        rules: PlainRules,
        url: str,
        password: str | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._follower = follower
        self._rules = rules
        self._url, self._password = url, password
        self._clock = clock
        self._shares = SqlShares(rules)
        self._numbers = {"series": 0, "who": 0}
        self._reference: Any = None
        self.status = SqlStatus()

    async def run(self) -> None:
        """Follow until cancelled. PostgreSQL may come and go."""
        while True:
            problem = ""
            try:
                await self._follow()
            except IndexReplacedError:
                continue
            except (psycopg.Error, OSError) as error:
                problem = self._told(error)
            except AwayError as error:
                problem = str(error)
            except sqlite3.Error as error:
                problem = f"the index cannot be read now: {error}"
            if problem != self.status.problem:
                log.warning("the tables in PostgreSQL are not kept up now; it is tried again", why=problem)
            self.status.is_up, self.status.problem = False, problem
            await asyncio.sleep(_PAUSE)
            await self._bound()

    def _told(self, error: Exception) -> str:
        """An error in one line, without a password."""
        said = " ".join(str(error).split()) or type(error).__name__
        secrets = [self._password, psycopg.conninfo.conninfo_to_dict(self._url).get("password")]
        for secret in filter(None, secrets):
            said = said.replace(str(secret), "***")
        return said[:_LONGEST]

    async def _bound(self) -> None:
        """Where nobody has come for changes for too long, no more are noted: all is copied again one day."""

        def look(database: sqlite3.Connection) -> None:
            found = changes.noted(database)
            if found is not None and changes.last(database) - found.done > changes.MOST:
                changes.end(database)

        try:
            await self._follower.writing(look)
        except (AwayError, sqlite3.Error):
            return

    async def _follow(self) -> None:
        writer = await SqlWriter.connect(self._url, self._password)
        try:
            progress = await self._begin(writer)
            self.status = SqlStatus(True, progress.as_of, "", progress.phase)
            while progress.phase != "following":
                await self._fill(writer, progress)
                self.status.phase = progress.phase
            await self._keep(writer, progress)
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
            # Somebody dropped them: they are filled again at the next beginning.
            raise AwayError(self._told(error)) from error
        finally:
            await writer.close()

    async def _begin(self, writer: SqlWriter) -> SqlProgress:
        """Go on where the tables are, or refill them where they are of another index, or too far behind or ahead."""
        if self._follower.progress.whole is None and await self._follower.writing(changes.noted) is None:
            raise AwayError("the ledger has not read all of the log yet: it is copied after that")
        noted = await self._follower.writing(changes.begin)
        last = await self._follower.writing(changes.last)
        progress = await writer.progress()
        is_same = progress is not None and (progress.index_id, progress.version) == (noted.id, VERSION)
        if progress is None or not is_same or not noted.done <= progress.seq <= last:
            log.info("the tables in PostgreSQL are refilled")
            progress = await writer.begin(noted.id, noted.done)
        self._shares, self._reference = SqlShares(self._rules), None
        self._numbers = await writer.numbers(progress)
        return progress

    async def _fill(self, writer: SqlWriter, progress: SqlProgress) -> None:
        if progress.phase == "indexes":
            await writer.index(progress)
            progress.phase = "following"
            await writer.write(progress, SqlBatch({}, {}, {}))
            return
        read = await asyncio.to_thread(_measured, self._filling, progress)
        await writer.write(progress, read.batch)
        # No more than half of a core: explanations come first.
        await asyncio.sleep(read.spent)

    def _filling(self, progress: SqlProgress) -> _Read:
        """The next rows of a filling; moves its cursor on."""
        with self._reading(progress) as database:
            if progress.phase == "entities":
                query = f"{_SELECT} WHERE entity.no > ? ORDER BY entity.no LIMIT ?"
                rows = database.execute(query, (int(progress.cursor), _ENTITIES)).fetchall()
                lines = {"entity": joined([entity_line(row, self._rules) for row in rows])}
                progress.cursor = str(rows[-1][0]) if rows else "[]"
                progress.phase = "entities" if rows else "shares"
                return _Read(SqlBatch(lines, {}, {}))
            added = self._people(database)
            cursor = msgspec.json.decode(progress.cursor)
            after = f"WHERE ({_KEY}) > (?, ?, ?, ?, ?, ?)" if cursor else ""
            query = f"SELECT {_KEY}, n, pending FROM share {after} ORDER BY {_KEY} LIMIT ?"  # noqa: S608 - our own text
            rows = database.execute(query, (*cursor, _SHARES)).fetchall()
            added["share"] = joined([self._shares.line(row[:6], *row[6:]) for row in rows])
            progress.cursor = msgspec.json.encode(rows[-1][:6]).decode() if rows else ""
            progress.phase = "shares" if rows else "indexes"
            return _Read(SqlBatch(added, {}, {}))

    async def _keep(self, writer: SqlWriter, progress: SqlProgress) -> None:
        """Copy what has changed, over and over."""
        while True:
            if await self._round(writer, progress):
                await asyncio.sleep(_POLL)

    async def _round(self, writer: SqlWriter, progress: SqlProgress) -> bool:
        """Copy the next changes; says whether there are no more."""
        before = progress.seq
        read = await asyncio.to_thread(_measured, self._changed, progress)
        is_due = read.offsets is not None and read.moment - (progress.as_of or 0.0) >= _BEAT
        if progress.seq > before or read.batch.reference or is_due:
            progress.as_of = read.moment if read.offsets is not None else progress.as_of
            await writer.write(progress, read.batch, read.offsets)
        if progress.seq > before:
            await self._follower.writing(partial(changes.take_out, upto=progress.seq))
        if read.offsets is None:
            await asyncio.sleep(read.spent)
            return False
        if not await writer.show(progress):
            log.info("somebody reads the views: they show the new tables after that")
        self.status = SqlStatus(True, read.moment, "", progress.phase)
        return True

    def _changed(self, progress: SqlProgress) -> _Read:
        """The next changes, as the rows are by now; moves their number on."""
        moment = self._clock()
        with self._reading(progress) as database:
            found = changes.some(database, progress.seq, _CHANGES)
            added, reference = self._people(database), self._roster(database)
            entities = {one.entity for one in found if one.share is None}
            shares = {one.share for one in found if one.share is not None}
            replaced = {
                "entity": joined([self._entity(database, no) for no in sorted(entities)]),
                "share": joined([self._share(database, key) for key in shares]),
            }
            offsets = None
            if len(found) < _CHANGES:
                offsets = dict(database.execute("SELECT number, next FROM partition").fetchall())
            progress.seq = found[-1].seq if found else progress.seq
            return _Read(SqlBatch(added, replaced, reference), offsets, moment)

    @contextmanager
    def _reading(self, progress: SqlProgress) -> Iterator[sqlite3.Connection]:
        with self._follower.moments().reading() as database:
            found = changes.noted(database)
            if found is None or found.id != progress.index_id:
                raise IndexReplacedError
            yield database

    def _entity(self, database: sqlite3.Connection, no: int) -> str:
        row = database.execute(f"{_SELECT} WHERE entity.no = ?", (no,)).fetchone()
        found = None if row is None else entity_line(row, self._rules)
        return gone_entity(no) if found is None else found

    def _share(self, database: sqlite3.Connection, key: tuple[Any, ...]) -> str | None:
        query = f"SELECT n, pending FROM share WHERE ({_KEY}) = (?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own text
        found = database.execute(query, key).fetchone()
        return self._shares.line(key, *(found or (None, None)))

    def _people(self, database: sqlite3.Connection) -> dict[str, str]:
        """Series and people that are new: what they say never changes."""
        self._shares.know(database)
        series = database.execute(
            "SELECT no, code, labels, currency FROM series WHERE no > ? ORDER BY no", (self._numbers["series"],)
        ).fetchall()
        who = database.execute(
            "SELECT no, manager, team FROM who WHERE no > ? ORDER BY no", (self._numbers["who"],)
        ).fetchall()
        self._numbers = {
            "series": max([self._numbers["series"], *(row[0] for row in series)]),
            "who": max([self._numbers["who"], *(row[0] for row in who)]),
        }
        return {
            "series": joined([series_line(*row) for row in series]),
            "who": "".join(line_of((str(no), manager, team)) for no, manager, team in who),
        }

    def _roster(self, database: sqlite3.Connection) -> dict[str, str]:
        """Roster, rates, stages and plans, where they have changed."""
        state = database.execute("SELECT number, next FROM reference_partition ORDER BY number").fetchall()
        if state == self._reference:
            return {}
        self._reference = state
        return reference_lines(read_reference(database, self._rules.currency))


def _measured(read: Callable[[SqlProgress], _Read], progress: SqlProgress) -> _Read:
    """Read, in the thread that this is called in, and say what it cost."""
    began = time.thread_time()
    found = read(progress)
    found.spent = time.thread_time() - began
    return found
