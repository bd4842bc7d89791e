"""Rows as PostgreSQL's COPY wants them, the views' texts, and the notes of what changes in an index."""

import sqlite3
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from metrics.catalogue import BY_CODE
from producers.events import wire
from streams.ledger import changes
from streams.ledger.held import KINDS as HELD_KINDS
from streams.plain import PlainRules
from streams.plain.calendar import PlainCalendar
from streams.plain.contribution import Pending
from streams.plain.exact import moment
from streams.plain.reference import PlainReference
from streams.sql import layout, lines, views
from streams.sql.writer import gone_entity
from tests.laws.logs import InMemoryLog
from tests.laws.mixtures import ANCHORS, KINDS, encode, event
from tests.laws.replay import plain_rules
from tests.laws.test_explained import REFERENCES
from tests.support.ledgers import Kept

ZONE = ZoneInfo("Europe/Berlin")
RULES = PlainRules(ZONE, PlainCalendar(ZONE))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """An index of a few hundred events."""
    log = InMemoryLog([event(n % len(KINDS), n % 7, n % 9, n * 13 % 900, n * 7919) for n in range(300)], 1)
    found = Kept(str(tmp_path), plain_rules(ZoneInfo("Europe/Berlin")), 1, ANCHORS[-1].timestamp())
    changes.begin(found.database)
    found.read(log, 300)
    return found


def test_texts_are_escaped_and_numbers_exact():
    assert lines.line(("a\tb\\c\nd\r\x00", None)) == "a\\tb\\\\c\\nd\\r\ufffd\t\\N\n"
    assert [lines.scaled(*one) for one in ((-5, 4), (12345, 4), (7, 0), (10**25, 6))] == [
        "-0.0005", "1.2345", "7", "10000000000000000000.000000",
    ]  # fmt: skip
    assert lines.instant(1 << 62) == "infinity"
    assert lines.instant(1_700_000_000_123_456) == "2023-11-14T22:13:20.123456+00:00"


def test_every_entity_has_a_line_of_all_columns(kept: Kept):
    rows = kept.database.execute(
        "SELECT entity.no, kind, id, key, source.name, body FROM entity JOIN client ON client.no = client "
        "JOIN source ON source.no = source"
    ).fetchall()
    told = {HELD_KINDS[row[1]]: lines.entity_line(row, kept.rules) for row in rows}
    assert {kind for kind, line in told.items() if line is None} == {"message", "ring"} & told.keys()
    assert {*layout.KINDS} <= {*told}
    widths = {line.count("\t") for line in told.values() if line is not None}
    assert widths == {len(layout.TABLES["entity"]) - 1} == {gone_entity(3).count("\t")}


def test_every_share_has_a_line_of_all_columns(kept: Kept):
    shares = lines.SqlShares(kept.rules)
    shares.know(kept.database)
    rows = kept.database.execute("SELECT series, day, who, entity, time, value, n, pending FROM share").fetchall()
    told = [shares.line(row[:6], *row[6:]) for row in rows]
    assert {line.count("\t") for line in told if line is not None} == {len(layout.TABLES["share"]) - 1}
    series = kept.database.execute("SELECT no, code, labels, currency FROM series").fetchall()
    named = {BY_CODE[code].name for _, code, *_ in series if code in BY_CODE}
    assert named == {line.split("\t")[1] for line in (lines.series_line(*row) for row in series) if line}


@pytest.mark.parametrize("code", ["mc", "cd"])
def test_the_clock_turns_a_share_when_it_is_due(code: str):
    """Twenty minutes of working time after 17:50 of a Friday are over on Monday at 09:10, and then by a microsecond."""
    since = moment(datetime(2026, 11, 27, 17, 50, tzinfo=RULES.zone))
    until = since + 30 * 86_400 * 10**6
    wait = Pending(until, since, 20 * 60 * 10**6, "")
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE series (no INTEGER, code TEXT)")
    database.execute("INSERT INTO series VALUES (1, ?)", (code,))
    shares = lines.SqlShares(RULES)
    shares.know(database)
    told = shares.line((1, 739_000, 1, 1, since, 1), 1, msgspec.msgpack.encode(wait)) or ""
    expected = until if code == "mc" else moment(datetime(2026, 11, 30, 9, 10, tzinfo=RULES.zone)) + 1
    assert told.rstrip("\n").split("\t")[-1] == lines.instant(expected)


def test_what_is_never_due_turns_when_it_ends():
    wait = Pending(1 << 62, moment(ANCHORS[0]), 1 << 60, "")
    assert lines.SqlShares(RULES)._turns(BY_CODE["ld"], wait) == "infinity"


def test_reference_data_have_lines():
    reference = PlainReference.of([wire.decode_reference(encode(one)) for one in REFERENCES], "RUB")
    told = lines.reference_lines(reference)
    assert told.keys() == {"manager", "rate", "stage", "plan"}
    for table, text in told.items():
        assert {line.count("\t") for line in text.splitlines()} <= {len(layout.TABLES[table]) - 1}
    assert "RUB\t-infinity\tinfinity\t1\n" in told["rate"]


def test_views_name_each_kind_and_each_kpi_that_days_make_up():
    told = {view.name: view for view in views.views()}
    assert len(told) == len(views.views()) == len(layout.KINDS) + 9
    page = (Path(__file__).parents[3] / "deploy/docs/sql.md").read_text()
    assert [name for name in told if f"`{name}`" not in page] == []
    assert told["deals"].columns["manager"]
    assert "sales_win:ratio" in told["kpi_days"].text
    assert "sales_response_seconds:p90" not in told["kpi_days"].text
    assert len(layout.tables("x")) == len(layout.TABLES)
    assert all("x." in text for text in layout.indexes("x"))


def test_every_change_is_noted_until_it_is_taken_out(kept: Kept):
    """Of an index that nobody copies any more nothing is noted."""
    noted = changes.noted(kept.database)
    assert noted is not None
    assert changes.begin(kept.database) == noted
    found = changes.some(kept.database, 0, 1 << 30)
    assert [one.seq for one in found] == list(range(1, changes.last(kept.database) + 1))
    entities = {no for (no,) in kept.database.execute("SELECT no FROM entity")}
    assert entities <= {one.entity for one in found if one.share is None}
    shares = set(kept.database.execute("SELECT series, day, who, entity, time, value FROM share").fetchall())
    assert shares <= {one.share for one in found}
    changes.take_out(kept.database, 10)
    assert changes.some(kept.database, 0, 1)[0].seq == 11
    told = changes.noted(kept.database)
    assert told is not None
    assert told.done == 10
    changes.end(kept.database)
    assert changes.noted(kept.database) is None
    assert not kept.database.execute("SELECT 1 FROM sqlite_master WHERE name LIKE 'change%'").fetchall()
