"""What is wrong with PostgreSQL is told in a line without a password, tried again, and holds nobody up."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from pydantic import ValidationError

from deploy.cli import _settings_line
from streams.ledger import changes
from streams.ledger.settings import LedgerSettings
from streams.sql import tables as sql_tables
from streams.sql.tables import SqlTables
from tests.laws.logs import InMemoryLog
from tests.laws.mixtures import ANCHORS, event
from tests.laws.replay import plain_rules
from tests.support.copied import HeldIndex
from tests.support.ledgers import Kept
from tests.support.postgres import PostgresServer
from tests.support.workers import until

pytestmark = pytest.mark.integration
LATE = ANCHORS[-1].timestamp() + 40 * 86_400


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HeldIndex:
    """An index of a few deals and calls."""
    monkeypatch.setattr(sql_tables, "_PAUSE", 0.1)
    monkeypatch.setattr(sql_tables, "_POLL", 0.05)
    monkeypatch.setattr(sql_tables, "_BEAT", 0.1)
    mixture = [event(kind, kind, 1, kind, kind * 7) for kind in range(12)]
    kept = Kept(str(tmp_path), plain_rules(ZoneInfo("UTC")), 1, LATE)
    kept.read(InMemoryLog(mixture, 1), 5)
    return HeldIndex(kept)


@asynccontextmanager
async def keeping(held: HeldIndex, url: str, password: str | None) -> AsyncIterator[SqlTables]:
    tables = SqlTables(held, held.kept.rules, url, password, clock=time.time)  # type: ignore[arg-type]
    task = asyncio.create_task(tables.run())
    try:
        yield tables
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        held.close()


async def test_away_and_back(postgres: PostgresServer, database: str, held: HeldIndex) -> None:
    """The server ends and comes again: what came meanwhile is there then; the index was never held up."""
    log = InMemoryLog([event(kind, kind, 1, kind, kind * 7) for kind in range(12)], 1)
    async with keeping(held, postgres.url("sales", database), "writes") as tables:
        await until(lambda: tables.status.is_up and tables.status.as_of is not None, 30, "all is copied")
        postgres.stop()
        try:
            await until(lambda: not tables.status.is_up, 30, "it is seen to be away")
            assert "refused" in tables.status.problem or "closed" in tables.status.problem
            held.kept.read(log, 20)
        finally:
            postgres.start()
        await until(lambda: tables.status.is_up, 30, "it goes on")
        await until(lambda: _offset(postgres, database) == {"0": 12}, 30, "the rest is there")


def _offset(postgres: PostgresServer, database: str) -> Any:
    with postgres.connect(database) as connection:
        return connection.execute("SELECT offsets FROM sales_pulse.progress").fetchall()[0][0]


@pytest.mark.parametrize(
    ("user", "password", "before", "said"),
    [
        ("sales", "my-secret", "", "password authentication failed"),
        ("nobody", "my-secret", "", "password authentication failed"),
        ("sales_reader", "reads", "", "permission denied"),
        ("sales", "writes", "ALTER DATABASE {database} SET default_transaction_read_only = on", "read-only"),
    ],
)
async def test_refusals_are_one_line(
    postgres: PostgresServer, database: str, held: HeldIndex, user: str, password: str, before: str, said: str
) -> None:
    if before:
        postgres.do(before.format(database=database))
    url = postgres.url(user, database).replace("@", f":{password}@")
    async with keeping(held, url, None) as tables:
        await until(lambda: said in tables.status.problem, 30, said)
    assert not tables.status.is_up
    assert password not in tables.status.problem
    assert "\n" not in tables.status.problem


async def test_two_do_not_write(postgres: PostgresServer, database: str, held: HeldIndex) -> None:
    url = postgres.url("sales", database)
    async with keeping(held, url, "writes") as first:
        await until(lambda: first.status.is_up, 30, "the first writes")
        async with keeping(held, url, "writes") as second:
            await until(lambda: "another ledger" in second.status.problem, 30, "the second is told")
        assert first.status.is_up


async def test_who_reads_for_long_holds_nobody_up(
    postgres: PostgresServer, database: str, held: HeldIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New tables are shown after a long question; until then the old ones are, to everybody, and all is kept up."""
    monkeypatch.setattr("streams.sql.writer._LOCK_MS", 100)
    url = postgres.url("sales", database)
    async with keeping(held, url, "writes") as tables:
        await until(lambda: tables.status.as_of is not None and tables.status.is_up, 30, "all is copied")
    with postgres.connect(database, "sales_reader", "reads") as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM sales_pulse.deals")
        changes.end(held.kept.database)
        async with keeping(held, url, "writes") as tables:
            await until(lambda: tables.status.is_up and tables.status.phase == "following", 30, "refilled")
            before = tables.status.as_of or 0.0
            await until(lambda: (tables.status.as_of or 0.0) > before, 30, "it goes on")
            assert await asyncio.to_thread(_shown, postgres, database) == (1, 2)
            await asyncio.to_thread(reader.execute, "ROLLBACK")
            for _ in range(100):
                await asyncio.sleep(0.2)
                if (found := await asyncio.to_thread(_shown, postgres, database)) == (2, 2):
                    break
            assert found == (2, 2)


def _shown(postgres: PostgresServer, database: str) -> Any:
    with postgres.connect(database, "sales_reader", "reads") as reader:
        reader.execute("SELECT * FROM sales_pulse.deals")
        return reader.execute("SELECT shown, generation FROM sales_pulse.progress").fetchone()


@pytest.fixture
def small_disk(postgres: PostgresServer, database: str) -> Iterator[Path]:
    """A tablespace of half a megabyte, nearly full, for all that is made in the database."""
    if os.geteuid() != 0:
        pytest.skip("a small disk is a tmpfs of its own, and only root may mount one")
    small = postgres.folder / "small"
    small.mkdir(exist_ok=True)
    options = f"size=512k,mode=700,uid={small.parent.stat().st_uid},gid={small.parent.stat().st_gid}"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", small], check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        postgres.do(f"CREATE TABLESPACE small LOCATION '{small}'", "GRANT CREATE ON TABLESPACE small TO sales")
        postgres.do(f"ALTER DATABASE {database} SET default_tablespace = small")
        (small / "filler").write_bytes(b"x" * 440_000)
        yield small
    finally:
        postgres.do(f"DROP DATABASE {database} WITH (FORCE)", "DROP TABLESPACE small")
        subprocess.run(["umount", small], check=True)


async def test_a_full_disk(postgres: PostgresServer, database: str, held: HeldIndex, small_disk: Path) -> None:
    """It is told, and goes on when there is room again."""
    async with keeping(held, postgres.url("sales", database), "writes") as tables:
        await until(lambda: "No space left on device" in tables.status.problem, 30, "it is full")
        command = ["mount", "-o", "remount,size=64m", str(small_disk)]
        await asyncio.to_thread(subprocess.run, command, check=True)
        await until(lambda: tables.status.is_up and tables.status.as_of is not None, 30, "it goes on")


async def test_the_reader_reads_and_nothing_more(postgres: PostgresServer, database: str, held: HeldIndex) -> None:
    """Every view has a comment, as has every column that does not speak for itself."""
    async with keeping(held, postgres.url("sales", database), "writes") as tables:
        await until(lambda: tables.status.as_of is not None and tables.status.is_up, 30, "all is copied")
    errors = psycopg.errors
    refused = errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState, errors.FeatureNotSupported
    with postgres.connect(database, "sales_reader", "reads") as reader:
        names = reader.execute(
            "SELECT relname, obj_description(oid) FROM pg_class WHERE relnamespace = 'sales_pulse'::regnamespace "
            "AND relkind IN ('v', 'r')"
        ).fetchall()
        assert len(names) == 20
        for name, comment in names:
            assert comment, name
            reader.execute(f"SELECT * FROM sales_pulse.{name} LIMIT 1")  # noqa: S608
        for statement in (
            "DELETE FROM sales_pulse.progress",
            "DELETE FROM sales_pulse.deals",
            "INSERT INTO sales_pulse.rates VALUES ('USD', NULL, NULL, 1)",
            "DROP VIEW sales_pulse.deals",
            "CREATE TABLE sales_pulse.mine (a integer)",
            "SELECT * FROM sales_pulse_1.share",
        ):
            with pytest.raises(refused):
                reader.execute(statement)


@pytest.mark.parametrize(
    "url", ["mysql://a:my-secret@b/c", "postgresql://a:my-secret@b", "postgresql://a:my-secret@b:x/c?y=z", "my-secret"]
)
def test_a_wrong_address_is_told_without_it(url: str) -> None:
    with pytest.raises(ValidationError) as raised:
        LedgerSettings(ledger_postgres=url, _env_file=None)  # type: ignore[call-arg]
    told = _settings_line(raised.value)
    assert "SALES_LEDGER_POSTGRES" in told
    assert "postgresql://user@host:5432/database" in told
    assert "my-secret" not in told
    assert "\n" not in told
