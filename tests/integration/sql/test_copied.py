"""The law of the tables: whatever happens on the way, they hold what the plain definition says of the log."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from metrics.catalogue import BY_CODE
from producers.events import wire
from streams.ledger.held import KINDS
from streams.plain import PlainPartition
from streams.plain.exact import moment
from streams.plain.kept import kept_from
from streams.plain.reference import PlainReference
from streams.sql import tables as sql_tables
from streams.sql.layout import COPIED, fields
from streams.sql.lines import places_of
from streams.sql.views import views
from tests.laws.logs import InMemoryLog
from tests.laws.mixtures import Json, encode, mixtures, zones
from tests.laws.replay import plain_rules
from tests.laws.test_explained import REFERENCES, moments
from tests.laws.test_ledger import told
from tests.laws.test_streamed import LAW
from tests.support.copied import Copying, HeldIndex
from tests.support.ledgers import Kept
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.integration
REFERENCE = PlainReference.of([wire.decode_reference(encode(one)) for one in REFERENCES], "RUB")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def of_view(name: str, schema: str, now: datetime | None = None) -> str:
    """The text of a view, over some tables, as of a moment."""
    (text,) = [view.text.replace("{data}", schema) for view in views() if view.name == name]
    return text if now is None else text.replace("now()", f"'{now.isoformat()}'::timestamptz")


def contributed(kept: Kept, log: InMemoryLog, now: datetime) -> Counter[Any]:
    """What the plain definition says that entities add, as of a moment, as the view has it."""
    found: Counter[Any] = Counter()
    for number, plain in plains(kept, log).items():
        first_day = kept_from(plain.time, kept.rules) if plain.time else 0
        assert number >= 0
        for one in plain.contributions():
            day, family, shown = (
                kept.rules.day(one.time),
                BY_CODE.get(one.code),
                one.as_of(moment(now), kept.rules.calendar),
            )
            if day < first_day or family is None or shown is None:
                continue
            rate = REFERENCE.rate(one.currency, day) if one.currency else Fraction(1)
            value = Fraction(one.value, 10 ** places_of(family))
            labels = dict(zip(family.labels, shown.labels, strict=True))
            found[
                family.name, day, EPOCH + timedelta(microseconds=one.time), one.manager,
                REFERENCE.team(one.manager, one.team), one.kind, one.entity, one.client or None,
                tuple(sorted(labels.items())), value, one.currency, None if rate is None else value * rate,
            ] += 1  # fmt: skip
    return found


def plains(kept: Kept, log: InMemoryLog) -> dict[int, PlainPartition]:
    return {
        number: told(records[: kept.keeper.next("sales.events", number)], number, kept.partitions, kept.rules)
        for number, records in log.topics["sales.events"].items()
    }


def shown(rows: list[Any]) -> Counter[Any]:
    """Rows of the view of contributions likewise."""
    found: Counter[Any] = Counter()
    for (
        family,
        day,
        at,
        manager,
        _,
        team,
        kind,
        entity,
        client,
        _,
        labels,
        value,
        count,
        currency,
        converted,
        *_,
    ) in rows:
        one, worth = Fraction(value) / count, None if converted is None else Fraction(converted) / count
        told_labels = tuple(sorted(labels.items()))
        key = (family, day.toordinal(), at, manager, team, kind, entity, client, told_labels, one, currency, worth)
        found[key] += count
    return found


def known(kept: Kept, log: InMemoryLog) -> Counter[Any]:
    """Entities as the plain definition has them: client, kind, id and fields."""
    found: Counter[Any] = Counter()
    for plain in plains(kept, log).values():
        for client in plain.clients.values():
            latest = dict(client.latest) | {("lead", lead): held.latest for lead, held in client.leads.items()}
            for (kind, identifier), event in latest.items():
                if isinstance(event, COPIED[kind]):
                    said = tuple(_plain(name, getattr(event.data, name)) for name in fields(kind))  # type: ignore[attr-defined]
                    whose = None if kind == "cost" else client.client
                    found[kind, identifier, whose, event.time, said] += 1
            for identifier, chat in client.chats.items():
                manager, team = chat.writer
                said = (manager, team or None, _at(chat.waiting_since))
                found["chat", identifier, client.client, _at(chat.last), said] += 1
    return found


def _at(us: int | None) -> datetime | None:
    return None if us is None else EPOCH + timedelta(microseconds=us)


def _plain(name: str, value: Any) -> Any:
    is_number = name in {"amount", "cost", "probability", "score"} and value is not None
    return Fraction(str(value)) if is_number else value


def entities(postgres: PostgresServer, database: str, schema: str) -> Counter[Any]:
    """The same from the table."""
    found: Counter[Any] = Counter()
    with postgres.connect(database) as connection:
        for kind in (*COPIED, "chat"):
            columns = ", ".join(("id", "client_id", "time", *fields(kind)))
            query = f"SELECT {columns} FROM {schema}.entity WHERE kind = '{kind}' AND NOT deleted"  # noqa: S608
            for identifier, client, time, *rest in connection.execute(query):
                found[kind, identifier, client, time, tuple(map(_as_said, rest))] += 1
    return found


def _as_said(value: Any) -> Any:
    return Fraction(value) if isinstance(value, Decimal) else value


def compare(postgres: PostgresServer, database: str, copying: Copying, log: InMemoryLog, now: datetime) -> None:
    kept = copying.held.kept
    with postgres.connect(database) as connection:
        rows = connection.execute(of_view("contributions", copying.schema, now)).fetchall()
        offsets = connection.execute("SELECT offsets FROM sales_pulse.progress").fetchall()
    expected = contributed(kept, log, now)
    assert shown(rows) == expected
    assert entities(postgres, database, copying.schema) == known(kept, log)
    told_offsets = {str(number): after for number, after in kept.database.execute("SELECT number, next FROM partition")}
    assert offsets == [(told_offsets,)]
    held = {
        (KINDS[kind], identifier, source)
        for kind, identifier, source in kept.database.execute(
            "SELECT kind, entity.id, name FROM entity JOIN source ON source.no = source"
        )
    }
    assert {(row[6], row[7], row[9]) for row in rows} <= held


ACTIONS = ("go on", "go on", "break off", "break off", "lose tables", "older tables", "lose index")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of few rows, so that little has many of them."""
    for name in ("_ENTITIES", "_SHARES", "_CHANGES"):
        monkeypatch.setattr(sql_tables, name, 3)
    monkeypatch.setattr(sql_tables, "_BEAT", 0)


@settings(LAW, max_examples=6, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    mixtures(40, least=5), zones(), st.sampled_from([1, 3]), st.lists(st.sampled_from(ACTIONS), max_size=5), st.data()
)
def test_tables_are_the_plain_definition(
    postgres: PostgresServer,
    database: str,
    small: None,
    mixture: list[Json],
    zone: ZoneInfo,
    partitions: int,
    actions: list[str],
    data: st.DataObject,
) -> None:
    """Broken off at any step, and after either side was lost; also as of a moment after the index was written."""
    begun, steps = data.draw(moments), data.draw(st.lists(st.integers(0, 120), min_size=6, max_size=6))
    now = begun + timedelta(days=data.draw(st.sampled_from([0, 0, 1, 3, 40])))
    log = InMemoryLog(mixture, partitions, REFERENCES)
    with TemporaryDirectory() as folder:
        held = HeldIndex(Kept(folder, plain_rules(zone), partitions, begun.timestamp()))
        copying = Copying(held, postgres.url("sales", database), "writes")
        for action, broken in zip(["go on", *actions], steps, strict=False):
            held.kept.read(log, data.draw(st.integers(1, 12)))
            happens(action, postgres, database, copying)
            whole = asyncio.run(copying.up(broken if action == "break off" else None))
            if whole:
                compare(postgres, database, copying, log, now)
        held.kept.read(log, len(mixture))
        assert asyncio.run(copying.up())
        compare(postgres, database, copying, log, now)
        held.close()


def happens(action: str, postgres: PostgresServer, database: str, copying: Copying) -> None:
    match action:
        case "lose tables":
            postgres.do("DROP SCHEMA sales_pulse CASCADE", database=database)
        case "older tables":
            # As a backup of them that was put back: what has changed since is noted nowhere any more.
            some = f"SELECT ctid FROM {copying.schema}.share LIMIT 9"  # noqa: S608
            query = f"DELETE FROM {copying.schema}.share WHERE ctid IN ({some})"  # noqa: S608
            postgres.do(query, "UPDATE sales_pulse.progress SET seq = -1", database=database)
        case "lose index":
            kept = copying.held.kept
            folder = Path(kept.path.parent) / "anew"
            folder.mkdir(exist_ok=True)
            for left in folder.iterdir():
                left.unlink()
            copying.held.replace(Kept(str(folder), kept.rules, kept.partitions, kept.clock))
