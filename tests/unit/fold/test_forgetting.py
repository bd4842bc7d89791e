"""What is forgotten is freed with either store, whenever the worker is restarted, and changes no number."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from streams import sweep
from streams.clients import Clients
from streams.local_store import InMemoryStore, LocalStore, RocksStore
from streams.own import KEY, Own
from streams.partition import Partition
from tests.support.folding import Log, LogRecord, everything, rules

BEGIN = datetime(2024, 1, 1, 9, tzinfo=UTC)
PER_DAY = 3
STORES = ["memory", "rocksdb"]


class House:
    """A worker's partition with its store and changelog: lives on after each restart as its owner would let it."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.cells: dict[bytes, bytes] = {}
        self.clients: dict[bytes, bytes] = {}
        self.store = self._open()
        self.partition = Partition(0, 1, rules(), self.store)

    def _open(self) -> LocalStore:
        return RocksStore(self.folder, {}) if self.kind == "rocksdb" else InMemoryStore()

    def fold(self, records: list[LogRecord]) -> None:
        assert not self.partition.fold(records)

    def cut(self) -> None:
        cut = self.partition.cut()
        for held, pairs in ((self.cells, cut.cells), (self.clients, cut.clients)):
            for key, value in pairs:
                if value is None:
                    held.pop(key, None)
                else:
                    held[key] = value
        self.store.commit(cut.cells, cut.clients[-1:], {"t": cut.fence})

    def restart(self) -> None:
        """Killed: what was folded since the last cut is folded again."""
        self.store.close()
        self.store = self._open()
        self.partition = Partition(0, 1, rules(), self.store)
        if (saved := self.store.saved()) is not None:
            self.partition.restore_clients(saved.clients(), stored=True)
            self.partition.restore_cells(saved.cells())
        else:
            self.partition.restore_clients(self.clients.items())
            self.partition.restore_cells(self.cells.items())

    @property
    def own(self) -> Own:
        return msgspec.msgpack.decode(self.clients[KEY], type=Own)

    def remembered(self) -> dict[bytes, dict[str, bytes]]:
        """Root → its entities, whichever pages they are in."""
        clients = Clients(InMemoryStore())
        clients.restore(((key, page) for key, page in self.clients.items() if key != KEY), stored=False)
        roots = [key for key in self.clients if key[:1] in b"ck"]
        return {root: dict(_entities(clients.find(root))) for root in roots}


def _entities(page: Any) -> Iterator[tuple[str, bytes]]:
    yield from page.entities.items()
    if page.split:
        for digit in range(4):
            yield from _entities(page.pool.below(page, digit))


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
        case 5:
            log.add("cost.booked", time, cost_id=name, category="ads", **money)
        case 6:
            log.add("call.ended", time, call_id=name, direction="inbound", outcome="missed", started_at=time, **client)
            log.add("call.started", time, call_id=f"{name}-2", direction="inbound", **client)
        case _:
            log.add("rating.given", time, rating_id=name, score=5, **client)
            log.add("meeting.held", time, meeting_id=name, **client)


def _live(house: House, log: Log, restarts: set[int]) -> None:
    """Fold a log with a cut about every day; restart after some of them, or before they are cut."""
    for start in range(0, len(log.records), PER_DAY):
        house.fold(log.records[start : start + PER_DAY])
        if start // PER_DAY % 3 or start // PER_DAY not in restarts:
            house.cut()
        if start // PER_DAY in restarts:
            house.restart()
            house.fold(log.records[house.partition.fence + 1 : start + PER_DAY])
    house.cut()


def _rest(house: House, log: Log) -> None:
    """Let a month pass, so that sweeping comes to rest as of the same day, however it went before."""
    for n in range(2):
        at = (BEGIN + timedelta(days=1100 + (sweep.DAYS + 1) * n, minutes=n)).isoformat()
        log.add("meeting.held", at, meeting_id=f"last-{n}", manager_id="m-1", client_id="cl-last")
        house.fold(log.records[house.partition.fence + 1 :])
        for _ in range(10):
            house.cut()


@pytest.mark.parametrize("often", [0.003, 0.05])
@pytest.mark.parametrize("kind", STORES)
def test_restarts_change_nothing(kind: str, often: float, tmp_path: Path) -> None:
    """Three years, restarted now and then or in every month: no end, and what counts is the same."""
    log, random = _years(1000, 1), Random(2)
    whole, broken = House("memory", tmp_path), House(kind, tmp_path / "db")
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
    house, held = House(kind, tmp_path / "db"), []
    for week in range(170):
        house.fold(log.records[week * 5 : week * 5 + 5])
        house.cut()
        house.restart()
        held.append(len(house.clients))
    assert max(held) < 5 * (800 + sweep.DAYS + 14) / 7


@pytest.mark.parametrize("kind", STORES)
def test_a_client_whose_every_page_is_forgotten_is_gone(kind: str, tmp_path: Path) -> None:
    """Pages of a split client go, and then its root."""
    log = Log()
    for n in range(2000):
        log.add("meeting.held", BEGIN.isoformat(), meeting_id=f"{n}-{'x' * 60}", manager_id="m-1")
    house = House(kind, tmp_path / "db")
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
    log.add("meeting.held", (BEGIN + timedelta(days=810)).isoformat(), meeting_id="y", manager_id="m", client_id="cl-2")
    house = House(kind, tmp_path / "db")
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
