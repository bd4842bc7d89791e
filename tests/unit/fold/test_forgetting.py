"""What is forgotten is freed with either store, whenever the worker is restarted, and changes no number."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from streams.fold.page import decode_page
from streams.state import sweep
from streams.state.own import KEY
from tests.support.folding import Log, everything, total
from tests.support.stored import STORES, StoredPartition

BEGIN = datetime(2024, 1, 1, 9, tzinfo=UTC)
PER_DAY = 3


def _years(days: int, seed: int) -> Log:
    """Entities of every kind, some of them corrected years later, and one client who has many."""
    log, random = Log(), Random(seed)
    for day in range(days):
        for n in range(PER_DAY):
            at = BEGIN + timedelta(days=day, minutes=n)
            _some(log, random, f"{day}-{n}", at.isoformat())
            if random.random() < 0.1:
                _some(log, random, f"{random.randrange(day + 1)}-{n}", at.isoformat())
    return log


def _some(log: Log, random: Random, name: str, time: str) -> None:
    """Of one name always the same kinds and the same client, or its client would change."""
    which = sum(map(ord, name)) % 8
    client = {"client_id": "cl-busy" if which == 0 else f"cl-{name}", "manager_id": "m-1"}
    money = {"amount": "5", "currency": "RUB"}
    match which:
        case 0 | 1:
            deal = {"pipeline": "p", "stage": "s", "created_at": time, **money}
            status = random.choice(["open", "won", "lost", "lost"])
            closed = {} if status == "open" else {"closed_at": time}
            log.add("deal.changed", time, deal_id=name, status=status, **client, **deal, **closed)
        case 2:
            status = random.choice(["issued", "cancelled"])
            log.add("invoice.changed", time, invoice_id=name, status=status, issued_at=time, due_at=time, **client,
                    **money)  # fmt: skip
            log.add("payment.received", time, payment_id=name, invoice_id=name, **client, **money)
        case 3:
            log.add("chat.message", time, chat_id=name, author=random.choice(["client", "system"]), **client)
        case 4:
            log.add("lead.changed", time, lead_id=name, temperature="cold", created_at=time, **client)
            if random.random() < 0.3:
                log.add("lead.deleted", time, lead_id=name, client_id=client["client_id"])
            if random.random() < 0.5:
                log.add("chat.message", time, chat_id=f"{name}-3", author="manager", **client)
        case 5:
            log.add("cost.booked", time, cost_id=name, category="ads", **money)
        case 6:
            log.add("call.ended", time, call_id=name, direction="inbound", outcome="missed", started_at=time, **client)
            log.add("call.started", time, call_id=f"{name}-2", direction="inbound", **client)
        case _:
            log.add("rating.given", time, rating_id=name, score=5, **client)
            log.add("meeting.held", time, meeting_id=name, **client)


def _live(house: StoredPartition, log: Log, restarts: set[int]) -> None:
    """Fold a log with a cut about every day; restart after some of them, or before they are cut."""
    for start in range(0, len(log.records), PER_DAY):
        house.fold(log.records[start : start + PER_DAY])
        if start // PER_DAY % 3 or start // PER_DAY not in restarts:
            house.cut()
        if start // PER_DAY in restarts:
            house.restart()
            house.fold(log.records[house.partition.fence + 1 : start + PER_DAY])
    house.cut()


def _rest(house: StoredPartition, log: Log) -> None:
    """Let a month pass, so that sweeping comes to rest as of the same day, however it went before."""
    for n in range(2):
        at = (BEGIN + timedelta(days=1100 + (sweep.DAYS + 1) * n, minutes=n)).isoformat()
        log.add("meeting.held", at, meeting_id=f"last-{n}", manager_id="m-1", client_id="cl-last")
        house.fold(log.records[house.partition.fence + 1 :])
        for _ in range(10):
            house.cut()


@pytest.mark.parametrize("often", [pytest.param(0.003, marks=pytest.mark.slow), 0.05])
@pytest.mark.parametrize("kind", STORES)
def test_restarts_change_nothing(kind: str, often: float, tmp_path: Path) -> None:
    """Three years, restarted now and then or in every month: no end, and what counts is the same."""
    log, random = _years(1000, 1), Random(2)
    whole, broken = StoredPartition("memory", tmp_path), StoredPartition(kind, tmp_path / "db")
    _live(whole, log, set())
    days = len(log.records) // PER_DAY
    _live(broken, log, {day for day in range(days) if random.random() < often})
    assert everything(broken.partition) == everything(whole.partition)
    for house in (whole, broken):
        _rest(house, Log(records=list(log.records)))
    assert everything(broken.partition) == everything(whole.partition)
    assert broken.cells == whole.cells
    assert broken.remembered() == whole.remembered()
    assert broken.own == whole.own
    if kind == "rocksdb":
        assert set(broken.store.keys()) == broken.clients.keys() - {KEY}


@pytest.mark.parametrize("kind", STORES)
def test_restarted_within_every_month_it_forgets_all_the_same(kind: str, tmp_path: Path) -> None:
    """What is remembered is what is kept: pages do not grow with the years."""
    log = Log()
    for week in range(170):
        at = BEGIN + timedelta(weeks=week)
        for n in range(5):
            log.add(
                "meeting.held", at.isoformat(), meeting_id=f"{week}-{n}", client_id=f"cl-{week}-{n}", manager_id="m"
            )
    house, held = StoredPartition(kind, tmp_path / "db"), []
    for week in range(170):
        house.fold(log.records[week * 5 : week * 5 + 5])
        house.cut()
        house.restart()
        held.append(len(house.clients))
    assert max(held) < 5 * (831 + sweep.DAYS + 14) / 7


@pytest.mark.parametrize("kind", STORES)
def test_a_client_whose_every_page_is_forgotten_is_gone(kind: str, tmp_path: Path) -> None:
    """Pages of a split client go, and then its root."""
    log = Log()
    for n in range(2000):
        log.add("meeting.held", BEGIN.isoformat(), meeting_id=f"{n}-{'x' * 60}", manager_id="m-1")
    house = StoredPartition(kind, tmp_path / "db")
    house.fold(log.records)
    house.cut()
    assert len(house.clients) > 50
    log.add("meeting.held", (BEGIN + timedelta(days=900)).isoformat(), meeting_id="x", manager_id="m", client_id="cl-2")
    house.fold(log.records)
    for _ in range(10):
        house.cut()
    assert set(house.clients) == {b"ccl-2", KEY}
    assert set(house.store.keys()) == {b"ccl-2"}
    log.add("meeting.held", (BEGIN + timedelta(days=901)).isoformat(), meeting_id="y", manager_id="m")
    house.fold(log.records)
    house.cut()
    assert set(house.remembered()[b"ccl-1"]) == {"my"}


@pytest.mark.parametrize("kind", STORES)
def test_a_record_of_before_sweeps_were_noted_makes_one_due(kind: str, tmp_path: Path) -> None:
    """State of an earlier worker has no `swept`: it is swept now, not in a month."""
    log = Log()
    log.add("meeting.held", BEGIN.isoformat(), meeting_id="x", manager_id="m-1")
    log.add("meeting.held", (BEGIN + timedelta(days=841)).isoformat(), meeting_id="y", manager_id="m", client_id="cl-2")
    house = StoredPartition(kind, tmp_path / "db")
    house.fold(log.records)
    house.cut()
    assert b"ccl-1" in house.clients
    own = house.own
    house.clients[KEY] = msgspec.msgpack.encode(msgspec.structs.astuple(own)[:6])
    house.store.commit((), [(KEY, house.clients[KEY])], {"t": own.fence})
    house.restart()
    house.cut()
    assert b"ccl-1" not in house.clients
    assert house.own.swept


@pytest.mark.parametrize("kind", STORES)
def test_killed_before_any_sweep_is_over_it_forgets_all_the_same(kind: str, tmp_path: Path) -> None:
    """A cut a day, and then a restart: all is looked at within the month, whatever is looked at first."""
    log = Log()
    deal = {"pipeline": "p", "stage": "s", "amount": "5", "currency": "RUB", "created_at": BEGIN.isoformat()}
    for n in range(1500):  # kept for ever, and looked at first
        log.add("deal.changed", BEGIN.isoformat(), deal_id=f"{n}", status="open", client_id=f"a-{n}", manager_id="m-1",
                **deal)  # fmt: skip
    for n in range(1000):
        log.add("meeting.held", BEGIN.isoformat(), meeting_id=f"{n}", client_id=f"cl-{n}", manager_id="m-1")
    house = StoredPartition(kind, tmp_path / "db")
    house.fold(log.records)
    house.cut()
    for day in range(sweep.DAYS * 2 + 5):
        at = BEGIN + timedelta(days=800 + day)
        log.add("meeting.held", at.isoformat(), meeting_id=f"day-{day}", client_id=f"day-{day}", manager_id="m-1")
        house.fold(log.records[house.partition.fence + 1 :])
        house.cut()
        house.restart()
    assert not any(key.startswith(b"ccl-") for key in house.clients)
    assert sum(key.startswith(b"ca-") for key in house.clients) == 1500


@pytest.mark.parametrize("kind", STORES)
def test_a_sweep_goes_on_after_a_restart(kind: str, tmp_path: Path, monkeypatch: Any) -> None:
    """Killed after each cut, it still ends when as many cuts are over as it takes without, and looks at each page."""
    monkeypatch.setattr(sweep, "PAGES", 10)
    monkeypatch.setattr(sweep, "OVERDUE_PAGES", 10)
    log = Log()
    for n in range(200):
        log.add("meeting.held", BEGIN.isoformat(), meeting_id=f"{n}", client_id=f"cl-{n}", manager_id="m-1")
    house = StoredPartition(kind, tmp_path / "db")
    house.fold(log.records)
    house.cut()
    for hour in range(26):
        at = BEGIN + timedelta(days=840 + sweep.DAYS, hours=hour)
        log.add("meeting.held", at.isoformat(), meeting_id=f"{hour}", client_id=f"new-{hour}", manager_id="m-1")
        house.fold(log.records[house.partition.fence + 1 :])
        house.cut()
        house.restart()
        assert hour > 18 or any(key.startswith(b"ccl-") for key in house.clients), "it is under way"
    assert not any(key.startswith(b"ccl-") for key in house.clients)
    assert not house.own.sweeping
    assert not house.own.place


@pytest.mark.parametrize("kind", STORES)
def test_a_page_that_is_split_before_a_sweep_gets_to_it_is_swept(kind: str, tmp_path: Path, monkeypatch: Any) -> None:
    """The sweep began before the new pages were there, and the old one has nothing any more."""
    monkeypatch.setattr(sweep, "PAGES", 10)
    log = Log()
    for n in range(500):  # looked at first
        log.add("meeting.held", (BEGIN + timedelta(days=100)).isoformat(), meeting_id=f"{n}", client_id=f"a-{n}",
                manager_id="m-1")  # fmt: skip
    for n in range(20):
        log.add("meeting.held", BEGIN.isoformat(), meeting_id=f"old-{n}", manager_id="m-1")
    for n in range(25):
        log.add("meeting.held", (BEGIN + timedelta(days=100)).isoformat(), meeting_id=f"kept-{n}", manager_id="m-1")
    house = StoredPartition(kind, tmp_path / "db")
    begun = BEGIN + timedelta(days=825 + sweep.DAYS)
    log.add("meeting.held", (begun - timedelta(days=sweep.DAYS)).isoformat(), meeting_id="before", manager_id="m-1")
    house.fold(log.records)
    house.cut()
    assert sum(name.startswith("mold") for name in house.remembered()[b"ccl-1"]) == 20
    assert not any(key[:1] == b"s" for key in house.clients)
    for hour in range(3):
        for n in range(100):
            log.add("meeting.held", (begun + timedelta(hours=hour)).isoformat(), meeting_id=f"{hour}-{n}-{'x' * 60}",
                    manager_id="m-1")  # fmt: skip
        house.fold(log.records[house.partition.fence + 1 :])
        house.cut()
    assert any(key[:1] == b"s" for key in house.clients)
    assert house.own.swept < house.partition._out.horizon_day - sweep.DAYS, "the sweep is under way"
    for hour in range(60):
        log.add("meeting.held", (begun + timedelta(hours=5, minutes=hour)).isoformat(), meeting_id=f"end-{hour}",
                manager_id="m-1")  # fmt: skip
        house.fold(log.records[house.partition.fence + 1 :])
        house.cut()
    assert house.own.swept >= house.partition._out.horizon_day - sweep.DAYS, "it is over"
    names = house.remembered()[b"ccl-1"]
    assert sum(name.startswith("mkept") for name in names) == 25
    assert not [name for name in names if name.startswith("mold")]


def test_what_is_past_its_time_does_not_split_a_page(tmp_path: Path) -> None:
    """A page that is too large only with what can go loses that, and stays one."""
    log = Log()
    for n in range(40):
        log.add("meeting.held", (BEGIN + timedelta(days=21)).isoformat(), meeting_id=f"old-{n}-{'x' * 60}",
                manager_id="m-1")  # fmt: skip
    log.add(
        "meeting.held", (BEGIN + timedelta(days=846)).isoformat(), meeting_id="swept", manager_id="m", client_id="a"
    )
    house = StoredPartition("memory", tmp_path)
    house.fold(log.records)
    house.cut()
    swept = house.own.swept
    for n in range(40):
        log.add(
            "meeting.held", (BEGIN + timedelta(days=853)).isoformat(), meeting_id=f"{n}-{'x' * 60}", manager_id="m-1"
        )
    house.fold(log.records[41:])
    house.cut()
    assert house.own.swept == swept, "no sweep was due"
    assert not any(key[:1] == b"s" for key in house.clients)
    assert sum(name[0] == "m" for name in house.remembered()[b"ccl-1"]) == 40


def _waits(house: StoredPartition) -> int:
    return sum(len(decode_page(page)[0]) for key, page in house.clients.items() if key != KEY)


@pytest.mark.parametrize("kind", STORES)
def test_what_has_left_the_lists_leaves_the_pages(kind: str, tmp_path: Path) -> None:
    """A miss, a lead, a call under way and one that rings of clients who never come again, swept within two months.

    A call back that comes to light later closes the miss all the same.
    """
    log, start = Log(), BEGIN - timedelta(minutes=1)
    who = {"manager_id": "m-1"}
    log.add("call.ended", BEGIN.isoformat(), call_id="a", direction="inbound", outcome="missed",
            started_at=start.isoformat(), client_id="cl-1", **who)  # fmt: skip
    log.add("lead.changed", BEGIN.isoformat(), lead_id="l", temperature="cold", created_at=BEGIN.isoformat(),
            client_id="cl-2", **who)  # fmt: skip
    log.add("call.started", BEGIN.isoformat(), call_id="b", direction="outbound", client_id="cl-2", **who)
    log.add("call.started", BEGIN.isoformat(), call_id="c", direction="inbound", client_id="cl-3", **who)
    log.add("chat.message", BEGIN.isoformat(), chat_id="d", author="client", client_id="cl-4")
    house = StoredPartition(kind, tmp_path / "db")
    house.fold(log.records)
    house.cut()
    assert _waits(house) == 5
    for day in range(65):
        at = (BEGIN + timedelta(days=1 + day)).isoformat()
        log.add("meeting.held", at, meeting_id=f"{day}", client_id="cl-5", **who)
        house.fold(log.records[house.partition.fence + 1 :])
        house.cut()
    assert _waits(house) == 1  # who writes waits for ever
    house.restart()
    back = BEGIN + timedelta(hours=1)
    log.add("call.ended", (back + timedelta(minutes=1)).isoformat(), call_id="e", direction="outbound",
            outcome="answered", started_at=back.isoformat(), client_id="cl-1", **who)  # fmt: skip
    house.fold(log.records[house.partition.fence + 1 :])
    assert total(everything(house.partition), "d")["mc", "called_back"] == 1


def test_a_client_missed_every_day_has_few_misses_that_wait(tmp_path: Path) -> None:
    """Those that nothing can close any more go, as calls come in."""
    log = Log()
    for day in range(400):
        at = BEGIN + timedelta(days=day)
        log.add("call.ended", at.isoformat(), call_id=f"{day}", direction="inbound", outcome="missed",
                started_at=(at - timedelta(minutes=1)).isoformat(), manager_id="m-1")  # fmt: skip
    house = StoredPartition("memory", tmp_path)
    house.fold(log.records)
    house.cut()
    assert _waits(house) < 6
    assert total(everything(house.partition), "d")["mc", "lost"] == 400
