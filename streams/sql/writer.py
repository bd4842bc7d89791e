"""Writes a copy of the index into PostgreSQL: each batch and how far it goes in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

import msgspec
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.errors import LockNotAvailable

from metrics.errors import AwayError
from streams.sql import layout
from streams.sql.layout import PROGRESS, READER, SCHEMA, data_schema
from streams.sql.views import PERCENTILE, SqlView, views

_LOCK = 0x53504C31
"""One ledger writes into a database."""
_STATEMENT = "statement_timeout = '5min'"
"""What takes longer hangs; but for indexes."""
_LOCK_MS = 2_000
_PATIENCE: dict[str, str | int] = {
    "connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
    "tcp_user_timeout": 30_000, "application_name": "sales-pulse ledger",
}  # fmt: skip
Row = tuple[Any, ...]


@dataclass
class SqlProgress:
    """How far the tables are; as the table of that name says."""

    index_id: str
    version: int
    generation: int
    shown: int
    phase: str
    cursor: str
    seq: int
    views: str
    as_of: float | None = None

    @property
    def schema(self) -> str:
        """Of the tables that are written to."""
        return data_schema(self.generation)


_KEPT = ("index_id", "version", "generation", "shown", "phase", "cursor", "seq", "views")


@dataclass
class SqlBatch:
    """What is written in one transaction: table → lines of COPY.

    replaced: of entities and shares: what was there under the same keys goes first. reference: tables written whole.
    """

    added: Mapping[str, str]
    replaced: Mapping[str, str]
    reference: Mapping[str, str]


class SqlWriter:
    """One connection to PostgreSQL. Raises psycopg.Error; AwayError where another ledger writes there."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    @classmethod
    async def connect(cls, url: str, password: str | None) -> Self:
        """Connect, and be the only one who writes."""
        given = _PATIENCE | ({} if password is None else {"password": password})
        connection = await AsyncConnection.connect(make_conninfo(url, **given), autocommit=True, prepare_threshold=None)
        self = cls(connection)
        try:
            await self._own()
        except BaseException:
            await connection.close()
            raise
        return self

    async def _own(self) -> None:
        if not (await self._row("SELECT pg_try_advisory_lock(%s)", _LOCK))[0]:
            raise AwayError("another ledger writes into this database")
        # Keys that come are looked up one by one, however much the planner thinks of going through all.
        for setting in ("enable_hashjoin = off", "enable_mergejoin = off", "timezone = 'UTC'", _STATEMENT):
            await self._do(f"SET {setting}")

    async def close(self) -> None:
        """Let the next one have it."""
        await self._connection.close()

    async def progress(self) -> SqlProgress | None:
        """How far the tables are; None where there are none yet."""
        columns = ", ".join(f"{name} {kind}" for name, kind, _ in PROGRESS)
        if (await self._row("SELECT to_regclass(%s)", f"{SCHEMA}.progress"))[0] is None:
            async with self._connection.transaction():
                await self._do(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
                await self._do(f"CREATE TABLE {SCHEMA}.progress ({columns})")
                await self._comment("TABLE", f"{SCHEMA}.progress", "How far the tables are.")
                for name, _, comment in PROGRESS:
                    await self._comment("COLUMN", f"{SCHEMA}.progress.{name}", comment)
        await self._grant()
        query = f"SELECT {', '.join(_KEPT)}, extract(epoch FROM as_of)::float8 FROM {SCHEMA}.progress"  # noqa: S608 - our own text
        found = await (await self._connection.execute(query)).fetchone()
        if found is None:
            return None
        held = SqlProgress(*found)
        known = await self._row("SELECT to_regclass(%s)", f"{held.schema}.share")
        return held if known[0] is not None else None

    async def begin(self, index_id: str, seq: int) -> SqlProgress:
        """Begin to fill new tables; what is shown stays meanwhile."""
        async with self._connection.transaction():
            query = f"SELECT generation, shown, views, extract(epoch FROM as_of)::float8 FROM {SCHEMA}.progress"  # noqa: S608 - our own text
            found = await (await self._connection.execute(query)).fetchone()
            generation, shown, known, as_of = found or (0, 0, "", None)
            if generation != shown:
                await self._do(f"DROP SCHEMA IF EXISTS {data_schema(generation)} CASCADE")
            begun = SqlProgress(index_id, layout.VERSION, generation + 1, shown, "entities", "0", seq, known, as_of)
            await self._do(f"DROP SCHEMA IF EXISTS {begun.schema} CASCADE")
            await self._do(f"CREATE SCHEMA {begun.schema}")
            for statement in layout.tables(begun.schema):
                await self._do(statement)
            await self._do(f"DELETE FROM {SCHEMA}.progress")  # noqa: S608 - our own text
            marks = ", ".join(["%s"] * len(_KEPT))
            await self._do(
                f"INSERT INTO {SCHEMA}.progress ({', '.join(_KEPT)}, as_of) VALUES ({marks}, to_timestamp(%s))",  # noqa: S608 - our own text
                *(getattr(begun, name) for name in _KEPT), as_of,
            )  # fmt: skip
        return begun

    async def write(self, progress: SqlProgress, batch: SqlBatch, offsets: Mapping[int, int] | None = None) -> None:
        """Write a batch. offsets: of the log, where all of the index up to them is in the tables then."""
        schema = progress.schema
        async with self._connection.transaction():
            for table, lines in batch.reference.items():
                await self._do(f"DELETE FROM {schema}.{table}")  # noqa: S608 - our own text
                await self._copy(f"{schema}.{table}", lines)
            for table, lines in batch.added.items():
                await self._copy(f"{schema}.{table}", lines)
            for table, lines in batch.replaced.items():
                await self._replace(schema, table, lines)
            told: list[Any] = [progress.phase, progress.cursor, progress.seq, progress.views]
            changed = "phase = %s, cursor = %s, seq = %s, views = %s"
            if offsets is not None:
                changed += ", as_of = to_timestamp(%s), offsets = %s"
                told += [progress.as_of, msgspec.json.encode(offsets).decode()]
            await self._do(f"UPDATE {SCHEMA}.progress SET {changed}", *told)  # noqa: S608 - our own text

    async def numbers(self, progress: SqlProgress) -> dict[str, int]:
        """Up to which number series and people are in the tables."""
        tables = ("series", "who")
        asked = ", ".join(f"(SELECT coalesce(max(no), 0) FROM {progress.schema}.{table})" for table in tables)  # noqa: S608 - our own text
        return dict(zip(tables, await self._row(f"SELECT {asked}"), strict=True))

    async def index(self, progress: SqlProgress) -> None:
        """Make the indexes of tables that are filled."""
        await self._do("SET statement_timeout = 0")
        for statement in layout.indexes(progress.schema):
            await self._do(statement)
        await self._do(f"SET {_STATEMENT}")

    async def show(self, progress: SqlProgress) -> bool:
        """Have the views show these tables, and drop those that were shown before. False: somebody is reading them.

        Whoever came after us would wait behind us for as long as that takes, so it is tried again later.
        """
        try:
            await self._show(progress)
        except LockNotAvailable:
            return False
        return True

    async def _show(self, progress: SqlProgress) -> None:
        told = views()
        signature = sha256(repr((told, PERCENTILE)).encode()).hexdigest()
        if (progress.shown, progress.views) == (progress.generation, signature):
            return
        async with self._connection.transaction():
            await self._do(f"SET LOCAL lock_timeout = {_LOCK_MS}")
            await self._do(PERCENTILE)
            for view in told:
                await self._make(view, progress.schema)
            if progress.shown not in {0, progress.generation}:
                await self._do(f"DROP SCHEMA IF EXISTS {data_schema(progress.shown)} CASCADE")
            changed = f"UPDATE {SCHEMA}.progress SET shown = generation, views = %s"  # noqa: S608 - our own text
            await self._do(changed, signature)
            await self._grant()
        progress.shown, progress.views = progress.generation, signature

    async def _make(self, view: SqlView, schema: str) -> None:
        await self._do(f"CREATE OR REPLACE VIEW {SCHEMA}.{view.name} AS {view.text.replace('{data}', schema)}")
        await self._comment("VIEW", f"{SCHEMA}.{view.name}", view.comment)
        for column, comment in view.columns.items():
            await self._comment("COLUMN", f"{SCHEMA}.{view.name}.{column}", comment)

    async def _grant(self) -> None:
        if await self._all("SELECT 1 FROM pg_roles WHERE rolname = %s", READER):
            await self._do(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {READER}")
            await self._do(f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {READER}")

    async def _replace(self, schema: str, table: str, lines: str) -> None:
        """What has the same keys goes, and what comes is put in, but for what says that it is no longer there."""
        if not lines:
            return
        staged = f"staged_{table}"
        columns = ", ".join(f"n.{name}" for name in layout.TABLES[table])
        await self._do(
            f"CREATE TEMPORARY TABLE {staged} ON COMMIT DROP AS SELECT * FROM {schema}.{table} LIMIT 0"  # noqa: S608 - our own text
        )
        await self._copy(staged, lines)
        await self._do(
            f"DELETE FROM {schema}.{table} o USING {staged} n WHERE {_SAME[table]}"  # noqa: S608 - our own text
        )
        await self._do(
            f"INSERT INTO {schema}.{table} SELECT {columns} FROM {staged} n WHERE {_THERE[table]}"  # noqa: S608 - our own text
        )

    async def _copy(self, table: str, lines: str) -> None:
        if not lines:
            return
        async with self._connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
            await copy.write(lines.encode())

    async def _comment(self, what: str, name: str, comment: str) -> None:
        text = comment.replace("'", "''")
        await self._do(f"COMMENT ON {what} {name} IS '{text}'")

    async def _do(self, statement: str, *values: Any) -> None:
        await self._connection.execute(statement, values or None)

    async def _all(self, query: str, *values: Any) -> list[Row]:
        found: list[Row] = await (await self._connection.execute(query, values or None)).fetchall()
        return found

    async def _row(self, query: str, *values: Any) -> Row:
        return (await self._all(query, *values))[0]


_SAME = {
    "entity": "o.no = n.no",
    "share": " AND ".join(f"o.{name} = n.{name}" for name in list(layout.TABLES["share"])[:6]),
}
"""Whether a row has the same key as one that comes."""
_THERE = {"entity": "n.kind <> ''", "share": "n.n IS NOT NULL"}
"""Whether what comes is there at all."""


def gone_entity(no: int) -> str:
    """The line of an entity that is no longer there."""
    return "\t".join([str(no), "", "", "\\N", "", "\\N", "f", *("\\N" for _ in layout.FIELDS)]) + "\n"


def joined(lines: Sequence[str | None]) -> str:
    """Lines together, without those of what is not copied."""
    return "".join(one for one in lines if one is not None)
