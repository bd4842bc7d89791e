"""Nothing that the contract allows outgrows a record, of the changelogs or of Redis, and state stays exact."""

from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.view import decode_part, parse_field
from producers.events import EVENT_TYPES, wire
from streams.durable.changelog import BATCH_BYTES
from streams.durable.local_store import InMemoryStore, RocksStore
from streams.fold.page import Page
from streams.fold.spread import digit
from streams.plain import recompute
from streams.plain.parts import Parts, parts
from streams.state import bucket, clients
from streams.state.clients import Clients
from streams.state.news import Cut
from streams.state.partition import Partition
from tests.laws.replay import fold_rules, plain_rules
from tests.support.greatest import DRIVES, KINDS, Greatest, categories, entities, invoices, owners, payments, pipelines
from tests.support.stored import STORES, StoredPartition

ZONE = ZoneInfo("UTC")
OVERHEAD = 100
"""Bytes that Kafka adds to a record, and more."""
COUNTS = {categories: 1500, pipelines: 400, owners: 300, invoices: 600, payments: 900}


def fits(cut: Cut) -> None:
    """That each record of a flush goes into a batch."""
    for key, value in (*cut.cells, *cut.clients):
        assert len(key) + len(value or b"") + OVERHEAD < BATCH_BYTES


def shown(partition: Partition) -> Parts:
    """All parts, put together from their pieces; no measure may be in two."""
    found: Parts = {}
    for update in partition.everything():
        for where, fields in update.cells.items():
            for raw, payload in fields.items():
                who, part = parse_field(raw), decode_part(payload or b"\x80")
                held = found.setdefault((*where, who.manager, who.team), {})
                assert held.keys().isdisjoint(part)
                held.update(part)
    return found


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("drive", DRIVES, ids=lambda drive: drive.__name__)
def test_a_flush_always_fits(drive, kind: str, tmp_path: Path) -> None:
    """Every list and map of the state driven far, with the greatest texts, cuts and restarts anywhere."""
    make, random = Greatest(1), Random(2)
    drive(make, COUNTS.get(drive, 100))
    house = StoredPartition(kind, tmp_path / "db", fold_rules(ZONE), fits)
    log = make.records
    while house.partition.fence + 1 < len(log):
        house.fold(log[house.partition.fence + 1 :][: random.randrange(1, len(log) // 3)])
        for step in random.choices((house.partition.view, house.cut), k=random.randrange(3)):
            step()
        if random.random() < 0.4:
            house.restart()
    house.cut()
    expected = recompute((wire.decode(record.value) for record in log), plain_rules(ZONE))
    assert shown(house.partition) == parts(expected)
    house.restart()
    assert shown(house.partition) == parts(expected)
    assert house.partition.fence == len(log) - 1


def test_every_type_is_driven() -> None:
    """What the contract has, this test makes."""
    assert {f"sales.{kind}.v1" for kind in KINDS} == set(EVENT_TYPES)


def test_one_entity_of_each_kind_is_far_from_a_record() -> None:
    """Of all kinds but invoices, which are stored in chunks: the greatest that the contract allows."""
    make = Greatest(3)
    owners(make, 3)
    entities(make, 2)
    for kind in sorted(KINDS):
        make.add(kind)
    for n in range(300):
        make.add("chat.message", chat_id=make.client, author="manager" if n % 2 else "client")
    house = StoredPartition("memory", Path())
    house.fold(make.records)
    house.cut()
    largest: dict[str, int] = {}
    for held in house.remembered().values():
        for name, entity in held.items():
            largest[name[0]] = max(largest.get(name[0], 0), len(entity))
    assert set(largest) >= set("crhlydipfmgk")
    assert max(largest.values()) < 8_000


@pytest.mark.parametrize("kind", STORES)
def test_takes_back_what_was_split(kind: str, tmp_path: Path) -> None:
    """Pieces that are empty again go from changelog and view; a part that comes after them is whole once more."""
    make = Greatest(4)
    pipelines(make, 300)
    first = len(make.records)
    deals = [wire.decode(record.value).data.deal_id for record in make.records]
    for deal in deals:
        make.add("deal.deleted", 9_000, chr(0x10FFFF), deal_id=deal)
    second = len(make.records)
    pipelines(make, 3)
    house = StoredPartition(kind, tmp_path / "db", fold_rules(ZONE), fits)
    for end in (first, second, len(make.records)):
        house.fold(make.records[house.partition.fence + 1 : end])
        house.cut()
        house.restart()
        expected = parts(recompute((wire.decode(r.value) for r in make.records[:end]), plain_rules(ZONE)))
        assert shown(house.partition) == expected
        pieces = [parse_field(raw).piece for u in house.partition.everything() for f in u.cells.values() for raw in f]
        assert any(pieces) is (end == first)
    assert len(house.cells) == len(shown(house.partition))
    assert house.partition.cells == len(house.cells)


def test_the_view_follows_a_part_that_is_split() -> None:
    """What was shown as a whole is taken back when its pieces are shown, by views at any time."""
    make, seen, random = Greatest(5), {}, Random(6)
    categories(make, 3 * bucket.MOST)
    partition = Partition(0, 1, fold_rules(ZONE))
    for start in range(0, len(make.records), 100):
        partition.fold(make.records[start : start + 100])
        if random.random() < 0.5:
            partition.cut()
        if random.random() < 0.7:
            for where, fields in partition.view().cells.items():
                seen.setdefault(where, {}).update(fields)
    for where, fields in partition.view().cells.items():
        seen.setdefault(where, {}).update(fields)
    held = {where: {raw: one for raw, one in fields.items() if one} for where, fields in seen.items()}
    assert held == {where: dict(fields) for u in partition.everything() for where, fields in u.cells.items() if fields}
    assert max(len(one) for fields in held.values() for one in fields.values()) < BATCH_BYTES


@pytest.mark.parametrize("kind", STORES)
def test_an_entity_that_outgrows_a_record_is_stored_in_chunks(kind: str, tmp_path: Path) -> None:
    """It grows, shrinks and goes, among others that stay as they are; nothing is left of it."""
    random = Random(7)
    store = RocksStore(tmp_path / "db", {}) if kind == "rocksdb" else InMemoryStore()
    pool, changelog, plain = Clients(store, hot=1), {}, {}
    pool.create(b"cc-1")
    sizes = (100, clients.CHUNK, 3 * clients.CHUNK + 5, clients.CHUNK + 1, 40, 2 * clients.CHUNK, 0)
    for n, size in enumerate(sizes):
        page = pool.find(b"cc-1") or pool.create(b"cc-1")
        plain = {f"i{m}": random.randbytes(size if m == 3 else 50) for m in range(60)}
        for name, entity in plain.items():
            page.put(name, entity) if n < len(sizes) - 1 else page.drop(name)
        pool.create(b"cc-%d" % (n + 2)).put("m", b"x")
        for key, value in pool.cut():
            assert len(key) + len(value or b"") + OVERHEAD < BATCH_BYTES
            changelog.pop(key, None) if value is None else changelog.update({key: value})
        store.commit([], [], {})
        assert dict(store_of(changelog).find(b"cc-1").named("i") if n < len(sizes) - 1 else ()) == (
            {name[1:]: entity for name, entity in plain.items()} if n < len(sizes) - 1 else {}
        )
        assert set(store.keys()) == set(changelog)
        pool.find(b"cc-1")
    assert {key for key in changelog if b"cc-1" in key} == set()


@pytest.mark.parametrize("over", [1, 2, 3])
def test_a_chunk_may_be_as_short_as_a_byte(over: int) -> None:
    """What is read back does not depend on where chunks end."""
    pool, size = Clients(InMemoryStore()), 2 * clients.CHUNK + over
    page = pool.create(b"cc-1")
    page.put("i1", bytes(1 << 20))
    page.put("i1", bytes((1 << 20) + size - len(page.encode() or b"")))
    assert len(page.encode() or b"") == size
    changelog = {key: value for key, value in pool.cut() if value is not None}
    assert min(map(len, changelog.values())) == min(over, 3)
    assert store_of(changelog).find(b"cc-1").get("i1") == page.get("i1")


def store_of(changelog: dict[bytes, bytes]) -> Clients:
    restored = Clients(InMemoryStore())
    restored.restore(changelog.items(), stored=False)
    return restored


def test_names_whose_quick_hash_is_used_up_are_parted_all_the_same() -> None:
    """Names can be made whose 64 bits of hash agree: splitting goes on with a hash of which none can, and ends."""
    pool = Clients(InMemoryStore())
    page = root = pool.create(b"cc-1")
    for _ in range(40):
        page.split = True
        page.touch()
        page = pool.below(page, 0)
    assert isinstance(page, Page)
    page.entities = {f"i{n}": bytes(3000) for n in range(4)}
    page.touch()
    cut = pool.cut()
    assert max(len(value or b"") for _, value in cut) < 2 * clients.LARGEST
    assert root.split


@given(st.text(max_size=20), st.sampled_from([1, 2, 4, 8]), st.integers(0, 200))
def test_digits_are_in_range_and_those_of_one_name_differ(name: str, bits: int, level: int) -> None:
    """As many digits as anybody asks for, of bits that are used once."""
    assert 0 <= digit(name, min(level, 570 // bits), bits) < 1 << bits
    together = sum(digit(name, at, bits) << at * bits for at in range(64 // bits))
    assert together == digit(name, 0, 64)
