"""The ledger's file and its borders: whose it is, who asks, as of when it answers, which address is refused."""

import inspect
import socket
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import httpx
import pytest
from pydantic import ValidationError

from metrics.catalogue import CELL_FAMILIES
from metrics.errors import AwayError
from metrics.exporter.http.ledger import LedgerProxy
from streams.ledger import schema
from streams.ledger.answers import Index
from streams.ledger.follow import LedgerFollower
from streams.ledger.held import decode
from streams.ledger.keeper import Keeper, LeftError
from streams.ledger.owned import LOST_WAL, IndexFile
from streams.ledger.progress import ReadingProgress
from streams.ledger.schema import REFERENCE_ID, LedgerError, connect, create, fingerprint, unusable
from streams.ledger.server import create_app
from streams.ledger.settings import LedgerSettings
from streams.ledger.store import IndexStore
from tests.laws.logs import InMemoryLog
from tests.laws.mixtures import KINDS, event
from tests.laws.replay import plain_rules
from tests.laws.test_ledger import compare
from tests.support.ledgers import Kept

RULES = plain_rules(ZoneInfo("UTC"))
TOLD = fingerprint(RULES, 1)
NOW = 1_790_000_000.0


def log_of(count):
    return InMemoryLog([event(n % len(KINDS), n % 4, n % 9, n % 200, n * 7919) for n in range(count)], 1)


def test_an_index_is_gone_on_with_only_where_it_is_whole_and_of_the_same(tmp_path, monkeypatch):
    """Another number of partitions, zone or log, a family more, and pages that were overwritten."""
    kept = Kept(str(tmp_path), RULES, 1, NOW)
    kept.read(log_of(400), 400)
    kept.database.close()
    path = kept.path
    assert unusable(path, TOLD, {}) == ""
    assert "other settings" in unusable(path, fingerprint(RULES, 2), {})
    with monkeypatch.context() as patch:
        patch.setattr(schema, "CELL_FAMILIES", CELL_FAMILIES[1:])
        assert "other settings" in unusable(path, fingerprint(RULES, 1), {})
    assert "other settings" in unusable(path, fingerprint(plain_rules(ZoneInfo("Asia/Kolkata")), 1), {})
    assert "another log" in unusable(path, TOLD, {"topic id": "x"})
    assert unusable(path, TOLD, {REFERENCE_ID: "x"}) == "", "of before it was kept"
    kept.again()
    kept.keeper.note(REFERENCE_ID, "x")
    kept.database.close()
    assert "another log" in unusable(path, TOLD, {REFERENCE_ID: "y"})
    whole = path.read_bytes()
    for at in range(0, len(whole), len(whole) // 12 // 4096 * 4096):
        path.write_bytes(whole[:at] + b"\xff" * 4096 + whole[at + 4096 :])
        assert "damaged" in unusable(path, TOLD, {}), at


def tree(folder):
    """Every file and folder, with what is in it."""
    return {str(one.relative_to(folder)): one.read_bytes() if one.is_file() else None for one in folder.rglob("*")}


def somebody_elses(path, what):
    match what:
        case "folder":
            path.mkdir()
            (path / "letter.txt").write_text("mine")
        case "text":
            path.write_text("mine")
        case "empty":
            path.touch()
        case "below a file":
            path.parent.write_text("mine")
        case "database":
            with closing(sqlite3.connect(path)) as database:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("CREATE TABLE mine (a)")
                database.commit()
        case "database that crashed":
            database = sqlite3.connect(path)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE mine (a)")
            database.commit()
            return database
        case "index of another topic":
            create(path, TOLD, {"topic": "staging.events"}).close()
    return None


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("folder", "is not a file"),
        ("text", "is not an index of the ledger"),
        ("empty", "is not an index of the ledger"),
        ("below a file", "cannot be reached"),
        ("database", "is not an index of the ledger"),
        ("database that crashed", "is not an index of the ledger"),
        ("index of another topic", "is the index of another topic, staging.events"),
    ],
)
def test_what_is_not_ours_is_left_as_it_is(tmp_path, what, said):
    """A wrong SALES_LEDGER_URL is one line that names it; nothing is renamed, written or left beside."""
    path = tmp_path / "notes" / "mine.sqlite" if what == "below a file" else tmp_path / "mine.sqlite"
    held = somebody_elses(path, what)
    before = tree(tmp_path)
    with pytest.raises(LedgerError, match=said) as refused:
        LedgerFollower(LedgerSettings(_env_file=None), RULES, path)
    assert "SALES_LEDGER_URL" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert tree(tmp_path) == before
    if held is not None:
        held.close()


def test_a_lock_file_of_somebody_else_keeps_what_is_in_it(tmp_path):
    (tmp_path / "poetry.lock").write_text("mine")
    IndexFile(tmp_path / "poetry", "sales.events").close()
    assert (tmp_path / "poetry.lock").read_text() == "mine"


@pytest.mark.parametrize("page", [0, 1])
def test_a_damaged_index_is_known_as_ours_and_nothing_that_was_set_aside_is_lost(tmp_path, page):
    path = tmp_path / "ledger.sqlite"
    for text in (b"first", b"second", b"third"):
        create(path, TOLD, {"topic": "sales.events"}).close()
        whole = bytearray(path.read_bytes())
        whole[page * 4096 : (page + 1) * 4096] = text.ljust(4096)
        path.write_bytes(whole)
        owned = IndexFile(path, "sales.events")
        assert "damaged" in unusable(path, TOLD, {"topic": "sales.events"})
        aside = owned.set_aside()
        owned.close()
        assert aside.read_bytes() == bytes(whole)
        assert not path.exists()
    assert len(list(tmp_path.glob("ledger.sqlite.aside-*"))) == 3


def test_an_index_is_begun_whole_or_not_at_all(tmp_path, monkeypatch):
    """Killed in the middle, nothing of it has the name that is looked for; the next one begins again."""
    path = tmp_path / "ledger.sqlite"
    with monkeypatch.context() as broken:

        def killed(*_):
            raise KeyboardInterrupt

        broken.setattr("pathlib.Path.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            create(path, TOLD, {})
    assert not path.exists()
    create(path, TOLD, {}).close()
    assert unusable(path, TOLD, {}) == ""


def test_a_file_that_is_gone_or_another_one_is_noticed(tmp_path):
    path = tmp_path / "ledger.sqlite"
    database = create(path, TOLD, {"topic": "sales.events"})
    database.execute("SELECT * FROM meta").fetchall()
    owned = IndexFile(path, "sales.events")
    owned.opened()
    assert owned.lost() == ""
    wal = path.with_name("ledger.sqlite-wal")
    wal.unlink()
    assert owned.lost() == LOST_WAL
    wal.touch()
    assert owned.lost() == LOST_WAL
    path.unlink()
    assert "gone" in owned.lost()
    assert "-wal" in owned.leftover()
    database.close()
    owned.close()


def test_behind_says_how_far_and_when_it_is_there():
    progress = ReadingProgress()
    assert "does not know" in progress.told(NOW)
    progress.reached({0: 0, 1: 0}, NOW)
    progress.end({0: 8_000, 1: 4_000}, NOW)
    assert "12,000 records are still to be read; how long" in progress.told(NOW)
    progress.reached({0: 1_000, 1: 1_000}, NOW + 2)
    assert progress.whole is None
    assert progress.told(NOW + 2).endswith(
        "10,000 records are still to be read, 1,000 a second; expected to be there in 10 s, at "
        f"{datetime.fromtimestamp(NOW + 12, UTC):%H:%M:%S} UTC"
    )
    progress.reached({0: 8_000, 1: 4_000}, NOW + 4)
    assert (progress.left(), progress.whole) == (0, NOW)
    # An end that was asked for earlier and is heard later does not take it back; a later one is not reached yet.
    progress.end({0: 9_000, 1: 4_000}, NOW + 5)
    progress.end({0: 8_000, 1: 4_000}, NOW + 1)
    assert (progress.left(), progress.whole) == (1_000, NOW)
    assert progress.left({0: 8_000, 1: 4_000}) == 0


async def test_away_from_kafka_it_says_as_of_when_or_nothing(tmp_path):
    """What was whole when Kafka went is told, as of then; what was not is refused."""
    follower = LedgerFollower(LedgerSettings(_env_file=None), RULES, tmp_path / "ledger.sqlite", clock=lambda: NOW)
    kept = Kept(str(tmp_path), RULES, 1, NOW)
    with pytest.raises(AwayError, match="not reached Kafka"):
        await follower.fresh(0.1)
    follower.index = Index(kept.path, RULES, lambda: NOW)
    with pytest.raises(AwayError, match="Kafka does not answer"):
        await follower.fresh(0.1)
    follower.progress.reached({0: 5}, NOW)
    follower.progress.end({0: 9}, NOW - 60)
    with pytest.raises(AwayError, match="4 records of it are still to be read"):
        await follower.fresh(0.1)
    assert "4 records" in follower.unready()
    follower.progress.reached({0: 9}, NOW)
    moment, note = await follower.fresh(0.1)
    assert moment == NOW - 60
    assert "as of" in note
    ledger = LedgerProxy("http://ledger", transport=httpx.ASGITransport(create_app(follower)))
    assert (await ledger.explain("sales_calls", window="day")).as_json()["note"] == note
    follower.close()
    kept.database.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"at": "0001-01-01T00:00:00+00:00"}, "outside the years"),
        ({"at": "9999-12-31T23:59:59-12:00"}, "outside the years"),
        ({"at": "2026-11-20T10:00:00"}, "no zone"),
        ({"at": "yesterday"}, "at='yesterday'"),
        ({"limit": "abc"}, "limit='abc' is not a whole number from 1 to 100000"),
        ({"limit": "0"}, "limit='0'"),
        ({"limit": "9" * 5000}, "limit="),
        ({"limit": "٣"}, "limit="),
        ({"window": "fortnight"}, "fortnight"),
        ({"period": "next"}, "next"),
    ],
)
async def test_what_cannot_be_answered_is_named(tmp_path, given, said):
    follower = LedgerFollower(LedgerSettings(_env_file=None), RULES, tmp_path / "ledger.sqlite", clock=lambda: NOW)
    kept = Kept(str(tmp_path), RULES, 1, NOW)
    follower.index = Index(kept.path, RULES, lambda: NOW)
    follower.progress.reached({0: 9}, NOW)
    follower.progress.end({0: 9}, NOW)
    transport = httpx.ASGITransport(create_app(follower))
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
        answer = await client.get("/api/v1/explain", params={"family": "sales_calls", "window": "day", **given})
    assert answer.status_code == 400
    assert said in answer.json()["detail"]
    follower.close()
    kept.database.close()


async def test_a_ledger_that_hangs_is_away_within_seconds():
    """As one that was stopped: it is connected to, and never answers."""
    assert inspect.signature(LedgerProxy).parameters["seconds"].default <= 5
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ledger = LedgerProxy(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=0.1)
        with pytest.raises(AwayError, match="does not answer in time"):
            await ledger.explain("sales_calls", window="day")
        await ledger.close()


@pytest.mark.parametrize("every", [0, 40])
def test_many_misses_of_one_client_are_not_all_read(tmp_path, monkeypatch, every):
    """Of 2,000 misses (and a contact after every so many), a call looks at the few that depend on it."""
    read = 0

    def counted(*given):
        nonlocal read
        read += 1
        return decode(*given)

    monkeypatch.setattr("streams.ledger.near.decode", counted)
    calls = [
        call_of(n, datetime(2026, 10, 24, 6, tzinfo=UTC) + timedelta(seconds=60 * n), bool(every and n % every == 0))
        for n in range(2_000)
    ]
    log, kept = InMemoryLog(calls, 1), Kept(str(tmp_path), RULES, 1, NOW)
    for _ in range(0, 2_000, 20):
        kept.read(log, 20)
    assert read < 3 * 2_000
    compare(kept, log)


ODD_DAYS = [
    ("America/St_Johns", datetime(2006, 10, 29, 2, 31, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 11, 1, 5, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 2, 18, 2, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 24, 22, tzinfo=UTC)),
]
"""Midnights that clocks go over, back and forth, and one that they leave alone."""


@pytest.mark.parametrize(("zone", "midnight"), ODD_DAYS)
@pytest.mark.parametrize("seed", range(3))
def test_misses_around_odd_midnights(tmp_path, zone, midnight, seed):
    """The first miss of a local day between two contacts counts, whatever comes late, at one moment or again."""
    rng = Random(seed)
    minutes = [-1500, -1440, -90, -61, -60, -45, -31, -30, -29, -1, 0, 1, 5, 29, 30, 59, 60, 61, 90, 120, 1380, 1440]
    calls = [
        call_of(rng.randrange(60), midnight + timedelta(minutes=rng.choice(minutes)), rng.random() < 0.3, version=n)
        for n in range(100)
    ]
    log, kept = InMemoryLog(calls, 1), Kept(str(tmp_path), plain_rules(ZoneInfo(zone)), 1, midnight.timestamp() + 9e6)
    while kept.keeper.next("sales.events", 0) < len(calls):
        kept.read(log, rng.randrange(1, 9))
        compare(kept, log)


def call_of(number, at, is_contact, version=0):
    told = {"direction": "outbound", "outcome": "busy"} if is_contact else {"direction": "inbound", "outcome": "missed"}
    began = at - timedelta(seconds=30 if number % 5 else 0)  # who hangs up at once is no miss
    data = {"call_id": f"c{number}", "client_id": "cl-1", "manager_id": "m-1", "started_at": began.isoformat(), **told}
    about = {"specversion": "1.0", "id": f"e{number}-{version}", "source": "pbx://a", "sequence": str(version)}
    return {**about, "type": "sales.call.ended.v1", "time": at.isoformat(), "data": data}


@pytest.mark.parametrize("where", ["flush", "settle", "save_clients"])
def test_a_batch_that_fails_leaves_nothing(tmp_path, monkeypatch, where):
    """What failed in its middle is taken again, by the same process and by the next, and counts once."""
    log, kept = log_of(300), Kept(str(tmp_path), RULES, 1, NOW)
    kept.read(log, 100)
    with monkeypatch.context() as broken:

        def fail(*_):
            raise sqlite3.OperationalError("disk full")

        broken.setattr(f"streams.ledger.store.IndexStore.{where}", fail)
        with pytest.raises(sqlite3.OperationalError):
            kept.read(log, 100)
    compare(kept, log)
    kept.read(log, 100)
    kept.again()
    kept.read(log, 100)
    compare(kept, log)
    # The same records again, as after a fetch from further back, change nothing.
    kept.keeper.take({("sales.events", 0): log.topics["sales.events"][0]})
    compare(kept, log)


async def test_what_is_being_written_is_left_before_it_is_closed(tmp_path, monkeypatch):
    """Cancelled in the middle of a batch: its thread ends with nothing of it kept, and only then the file is closed."""
    follower = LedgerFollower(LedgerSettings(_env_file=None), RULES, tmp_path / "ledger.sqlite", clock=lambda: NOW)
    log, begun, ended = log_of(300).topics["sales.events"][0], threading.Event(), []
    create(follower._path, TOLD, {"topic": "sales.events"}).close()
    keeper = follower._keep(1)
    first = IndexStore.client

    def slow(self, *given):
        begun.set()
        time.sleep(0.05)
        return first(self, *given)

    monkeypatch.setattr(IndexStore, "client", slow)

    def take():
        try:
            follower._take(keeper, {("sales.events", 0): log}, {})
        except LeftError:
            ended.append(follower._database is not None)

    writing = threading.Thread(target=take)
    writing.start()
    begun.wait(10)
    follower.close()
    writing.join(10)
    assert ended == [True]
    with closing(connect(tmp_path / "ledger.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM client").fetchone() == (0,)


def test_one_file_has_one_writer(tmp_path):
    """A second ledger says so instead of writing over the first one."""
    settings = LedgerSettings(_env_file=None)
    first = LedgerFollower(settings, RULES, tmp_path / "ledger.sqlite")
    with pytest.raises(LedgerError, match="another ledger"):
        LedgerFollower(settings, RULES, tmp_path / "ledger.sqlite")
    assert first.unready()
    first.close()
    LedgerFollower(settings, RULES, tmp_path / "ledger.sqlite").close()


@pytest.mark.parametrize(
    "url", ["postgresql://u:secret@db/sales", "sqlite://host/x", "sqlite:", "ledger.sqlite", "sqlite:///x?a=1"]
)
def test_other_addresses_are_refused_without_showing_them(url):
    with pytest.raises(ValidationError) as refused:
        LedgerSettings(_env_file=None, ledger_url=url)
    (error,) = refused.value.errors()
    assert "sqlite:///" in error["msg"]
    assert "secret" not in error["msg"]


def test_paths_of_the_file():
    assert (
        str(LedgerSettings(_env_file=None, ledger_url="sqlite:////data/a%20b.sqlite").ledger_file) == "/data/a b.sqlite"
    )
    assert str(LedgerSettings(_env_file=None).ledger_file) == ".local/ledger/ledger.sqlite"


async def test_the_exporter_asks_and_passes_on(tmp_path):
    """An answer whole, and as of when it is; what does not exist, as a refusal; when nobody is there, as away."""
    follower = LedgerFollower(LedgerSettings(_env_file=None), RULES, tmp_path / "ledger.sqlite", clock=lambda: NOW)
    kept = Kept(str(tmp_path), RULES, 1, NOW)
    kept.read(log_of(300), 300)
    ledger = LedgerProxy("http://ledger", transport=httpx.ASGITransport(create_app(follower)))
    with pytest.raises(AwayError, match="not reached Kafka"):
        await ledger.explain("sales_calls", window="day")
    follower.index = Index(kept.path, RULES, lambda: NOW)
    follower.progress.reached({0: 300}, NOW)
    follower.progress.end({0: 300}, NOW)
    found = (await ledger.explain("sales_calls", {"direction": "inbound"}, window="year", limit=2)).as_json()
    assert found["labels"] == {"direction": "inbound"}
    assert found["as_of"] == datetime.fromtimestamp(NOW, UTC).isoformat()
    assert len(found["entities"]) <= 2
    with pytest.raises(ValueError, match="no label 'colour'"):
        await ledger.explain("sales_calls", {"colour": "red"}, window="day")
    nobody = LedgerProxy("http://127.0.0.1:9")
    follower.close()
    kept.database.close()
    with pytest.raises(AwayError, match="sales-pulse ledger"):
        await nobody.explain("sales_calls", window="day")


def test_a_new_index_begins_at_the_start_of_the_log(tmp_path):
    database = create(tmp_path / "a" / "ledger.sqlite", TOLD, {"topic": "sales.events"})
    assert Keeper(database, RULES, 1, "sales.events", clock=lambda: NOW).next("sales.events", 0) == 0
    database.close()
    assert connect(tmp_path / "a" / "ledger.sqlite").execute("SELECT value FROM meta WHERE name = 'topic'").fetchone()
