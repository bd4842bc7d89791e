"""The tables in PostgreSQL over an index in a folder: copied step by step, and broken off anywhere."""

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from streams.ledger.answers import Index
from streams.ledger.progress import ReadingProgress
from streams.sql.tables import IndexReplacedError, SqlTables
from streams.sql.writer import SqlWriter
from tests.support.ledgers import Kept

T = TypeVar("T")


class BrokenOffError(Exception):
    """The process or its connection ends here."""


class HeldIndex:
    """An index as the tables see it of a follower that has read all. steps: that are taken until it breaks off."""

    def __init__(self, kept: Kept) -> None:
        self.kept, self.progress = kept, ReadingProgress()
        self.progress.whole = 1.0
        self.steps: int | None = None
        self._index: Index | None = None

    def step(self) -> None:
        if self.steps is not None:
            self.steps -= 1
            if self.steps < 0:
                self.steps = None
                raise BrokenOffError

    async def writing(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.step()
        return work(self.kept.database)

    def moments(self) -> Index:
        if self._index is None:
            self._index = Index(self.kept.path, self.kept.rules, lambda: self.kept.clock)
        return self._index

    def close(self) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None

    def replace(self, kept: Kept) -> None:
        """As a ledger that has built its index again."""
        self.close()
        self.kept.database.close()
        self.kept = kept


class Copying:
    """Tables that are kept in one database."""

    def __init__(self, held: HeldIndex, url: str, password: str) -> None:
        self.held, self._url, self._password = held, url, password
        self.schema = ""

    async def up(self, steps: int | None = None) -> bool:
        """Copy until all is there, or it breaks off after so many steps; says whether all is."""
        kept = self.held.kept
        tables: Any = SqlTables(self.held, kept.rules, self._url, self._password, clock=lambda: kept.clock)  # type: ignore[arg-type]
        writer = await SqlWriter.connect(self._url, self._password)
        self.held.steps = steps
        do, copy = writer._do, writer._copy

        async def done(statement: str, *values: Any) -> None:
            self.held.step()
            await do(statement, *values)

        async def copied(table: str, lines: str) -> None:
            await copy(table, lines)
            self.held.step()

        writer._do, writer._copy = done, copied  # type: ignore[method-assign]
        try:
            progress = await tables._begin(writer)
            self.schema = progress.schema
            while progress.phase != "following":
                await tables._fill(writer, progress)
            while not await tables._round(writer, progress):
                pass
        except (BrokenOffError, IndexReplacedError):
            return False
        finally:
            self.held.steps = None
            await writer.close()
        return True
