"""The ledger's file and its borders: what is set aside, who asks, which address of a file is refused."""

import sqlite3
from zoneinfo import ZoneInfo

import httpx
import pytest
from pydantic import ValidationError

from metrics.errors import AwayError
from metrics.exporter.ledger import Ledger
from streams.ledger.follow import Follower
from streams.ledger.keeper import Keeper
from streams.ledger.schema import LedgerError, connect, create, fingerprint, set_aside, unusable
from streams.ledger.server import create_app
from streams.ledger.settings import LedgerSettings
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


def test_an_index_is_gone_on_with_only_where_it_is_whole_and_of_the_same(tmp_path):
    """Another number of partitions, zone or log, and pages that were overwritten."""
    kept = Kept(str(tmp_path), RULES, 1, NOW)
    kept.read(log_of(400), 400)
    kept.database.close()
    path = kept.path
    assert unusable(path, TOLD, {}) == ""
    assert "other settings" in unusable(path, fingerprint(RULES, 2), {})
    assert "other settings" in unusable(path, fingerprint(plain_rules(ZoneInfo("Asia/Kolkata")), 1), {})
    assert "another log" in unusable(path, TOLD, {"topic id": "x"})
    whole = path.read_bytes()
    for at in range(0, len(whole), len(whole) // 12 // 4096 * 4096):
        path.write_bytes(whole[:at] + b"\xff" * 4096 + whole[at + 4096 :])
        assert "damaged" in unusable(path, TOLD, {}), at
    aside = set_aside(path)
    assert aside.exists()
    assert not path.exists()


@pytest.mark.parametrize("where", ["flush", "settle", "save_clients"])
def test_a_batch_that_fails_leaves_nothing(tmp_path, monkeypatch, where):
    """What failed in its middle is taken again, by the same process and by the next, and counts once."""
    log, kept = log_of(300), Kept(str(tmp_path), RULES, 1, NOW)
    kept.read(log, 100)
    with monkeypatch.context() as broken:

        def fail(*_):
            raise sqlite3.OperationalError("disk full")

        broken.setattr(f"streams.ledger.store.Store.{where}", fail)
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


def test_one_file_has_one_writer(tmp_path):
    """A second ledger says so instead of writing over the first one."""
    settings = LedgerSettings(_env_file=None)
    first = Follower(settings, RULES, tmp_path / "ledger.sqlite")
    with pytest.raises(LedgerError, match="another ledger"):
        Follower(settings, RULES, tmp_path / "ledger.sqlite")
    assert first.unready()
    first.close()
    Follower(settings, RULES, tmp_path / "ledger.sqlite").close()


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
    """An answer whole; what does not exist, as a refusal; while it is built, and when nobody is there, as away."""
    follower = Follower(LedgerSettings(_env_file=None), RULES, tmp_path / "ledger.sqlite", clock=lambda: NOW)
    kept = Kept(str(tmp_path), RULES, 1, NOW)
    kept.read(log_of(300), 300)
    ledger = Ledger("http://ledger", transport=httpx.ASGITransport(create_app(follower)))
    with pytest.raises(AwayError, match="not reached Kafka"):
        await ledger.explain("sales_calls", window="day")
    follower._answer_alone()
    found = (await ledger.explain("sales_calls", {"direction": "inbound"}, window="year", limit=2)).as_json()
    assert found["labels"] == {"direction": "inbound"}
    assert len(found["entities"]) <= 2
    with pytest.raises(ValueError, match="no label 'colour'"):
        await ledger.explain("sales_calls", {"colour": "red"}, window="day")
    follower.behind = 10**6
    with pytest.raises(AwayError, match="still to be read"):
        await ledger.explain("sales_calls", window="day")
    nobody = Ledger("http://127.0.0.1:9")
    follower.close()
    kept.database.close()
    with pytest.raises(AwayError, match="sales-pulse ledger"):
        await nobody.explain("sales_calls", window="day")


def test_a_new_index_begins_at_the_start_of_the_log(tmp_path):
    database = create(tmp_path / "a" / "ledger.sqlite", TOLD, {"topic": "sales.events"})
    assert Keeper(database, RULES, 1, "sales.events", clock=lambda: NOW).next("sales.events", 0) == 0
    database.close()
    assert connect(tmp_path / "a" / "ledger.sqlite").execute("SELECT value FROM meta WHERE name = 'topic'").fetchone()
