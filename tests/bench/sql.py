"""The tables in PostgreSQL on a simulated floor: how fast they fill and follow, disk, and what noting changes costs.

    python -m tests.bench.sql --managers 40 --days 40

Starts a PostgreSQL of its own. Rates are per second of the clock and per CPU-second of this process, which the ledger
shares with all else; PostgreSQL's own is not in it.
"""

import argparse
import asyncio
import os
import tempfile
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from metrics.settings import BusinessSettings
from streams.ledger import changes
from streams.plain import PlainRules
from streams.sql.tables import SqlTables
from streams.sql.writer import SqlWriter
from tests.bench.ledger import PARTITIONS, batches
from tests.support.copied import HeldIndex
from tests.support.ledgers import Kept
from tests.support.postgres import PostgresServer, postgres_server


def _taken(kept: Kept, some: Any) -> tuple[int, float]:
    events, began = 0, time.process_time()
    for parts in some:
        kept.keeper.take(parts)
        events += sum(map(len, parts.values()))
    return events, time.process_time() - began


def _disk(server: PostgresServer) -> dict[str, int]:
    query = (
        "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relname IN ('entity', 'share') "
        "AND relnamespace::regnamespace::text LIKE 'sales_pulse%'"
    )
    with server.connect() as connection:
        return dict(connection.execute(query).fetchall())


async def _measure(server: PostgresServer, kept: Kept, log: Any, first: int) -> None:
    events, spent = _taken(kept, islice(log, first))
    print(f"{events:,} events into the index: {events / spent:,.0f} per CPU-second, {_load()}", flush=True)
    held = HeldIndex(kept)
    tables: Any = SqlTables(held, kept.rules, server.url(), server.password)  # type: ignore[arg-type]
    writer = await SqlWriter.connect(server.url(), server.password)
    cpu, clock = time.process_time(), time.perf_counter()
    progress = await tables._begin(writer)
    while progress.phase != "following":
        await tables._fill(writer, progress)
    while not await tables._round(writer, progress):
        pass
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    disk = {name: size / events for name, size in _disk(server).items()}
    print(
        f"filled in {clock:.1f} s: {events / clock:,.0f} events a second, {events / cpu:,.0f} per CPU-second; "
        f"bytes an event { ({name: round(size) for name, size in disk.items()}) }, {_load()}",
        flush=True,
    )
    more, noted = _taken(kept, log)
    rows = changes.last(kept.database) - progress.seq
    print(f"{more:,} more with notes ({rows:,}): {more / noted:,.0f} per CPU-second, {_load()}", flush=True)
    cpu, clock = time.process_time(), time.perf_counter()
    while not await tables._round(writer, progress):
        pass
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    print(f"followed: {more / clock:,.0f} events a second, {more / cpu:,.0f} per CPU-second, {_load()}", flush=True)
    await writer.close()
    held.close()


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


def main() -> None:
    """Fill tables from an index, then follow it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sql", description=__doc__)
    parser.add_argument("--managers", type=int, default=40)
    parser.add_argument("--days", type=int, default=40)
    parser.add_argument("--first", type=int, default=4, help="batches of 10,000 events that are there before")
    asked = parser.parse_args()
    rules, now = PlainRules.of(BusinessSettings(_env_file=None)), int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())
    log = batches(asked.managers, asked.days, now)
    with tempfile.TemporaryDirectory(prefix="sales-pulse-sql-") as folder, postgres_server() as server:
        kept = Kept(str(Path(folder)), rules, PARTITIONS, now)
        asyncio.run(_measure(server, kept, log, asked.first))


if __name__ == "__main__":
    main()
