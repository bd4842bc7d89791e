"""What the view loses by itself, in whatever way, is noticed and written again, and only that; nothing else is."""

import pytest

from metrics.view import Keys, decode_any, field, split
from tests.support.sink_in_memory import InMemorySink
from tests.unit.streams.runtime.test_owner import meeting
from tests.unit.streams.view.test_publish import DAY, meetings, publisher_of

KEYS = Keys("unit")
CELLS = KEYS.cells("d", DAY, 0)


@pytest.fixture
async def floor(unit):
    """An owner, its sink and publisher; two managers are shown."""
    owner = unit.owner(flush_interval=60)
    await owner.open([0])
    sink = InMemorySink("unit")
    publisher = publisher_of(owner, sink)
    other = meeting(1)
    other.value = other.value.replace(b"m-1", b"m-2")
    await owner.fold(0, [[meeting(0), other]])
    await publisher.show()
    await whole(publisher, sink)
    yield owner, sink, publisher
    await owner.close([0])


async def whole(publisher, sink):
    """Look, and show until nothing is left to be written again; what the view then has is what it must have."""
    publisher._beaten_at = publisher._checked_at = 0.0
    for _ in range(5):
        await publisher.show()
    beat = decode_any(split(sink.hashes[KEYS.partitions][b"0"])[1])
    check = await sink.check(0)
    assert beat["whole"]
    assert (check.hashes, check.broken) == (beat["hashes"], [])


def lose_hash(sink):
    del sink.hashes[CELLS]


def lose_field(sink):
    del sink.hashes[CELLS][field(0, "m-1", "")]


def lose_manifest(sink):
    sink.manifests.clear()


def lose_manifest_and_hash(sink):
    lose_manifest(sink)
    lose_hash(sink)


def lose_count(sink):
    sink.manifests[KEYS.manifest(0)].pop(f"d:{DAY}")


def lose_waits(sink):
    del sink.hashes[KEYS.waiting]


def go_back(sink):
    """Another server takes over that had not heard of the last writes."""
    sink.hashes[CELLS][field(0, "m-1", "")] = b"0" * 16 + b"\x81\xa1m\x09"
    sink.hashes[KEYS.partitions][b"0"] = b"0" * 16 + split(sink.hashes[KEYS.partitions][b"0"])[1]


LOSSES = [lose_hash, lose_field, lose_manifest, lose_manifest_and_hash, lose_count, lose_waits, go_back]


@pytest.mark.parametrize("lose", LOSSES)
async def test_what_was_lost_is_written_again(floor, lose):
    """Without anybody asking, and without anything happening on the floor."""
    owner, sink, publisher = floor
    lose(sink)
    await whole(publisher, sink)
    assert meetings(sink) == 1
    assert len(sink.hashes[CELLS]) == 2
    assert owner.sensors.registry.get_sample_value("sales_worker_view_lost_total") == 1


@pytest.mark.parametrize("lose", LOSSES)
async def test_a_write_after_a_loss_does_not_hide_it(floor, lose):
    """Somebody else's part of the hash changes before the loss is looked for."""
    owner, sink, publisher = floor
    lose(sink)
    other = meeting(2)
    other.value = other.value.replace(b"m-1", b"m-3")
    await owner.fold(0, [[other]])
    publisher._beaten_at = publisher._checked_at = float("inf")
    await publisher.show()
    beat = decode_any(split(sink.hashes[KEYS.partitions][b"0"])[1])
    check = await sink.check(0)
    if lose is go_back:  # seen before the first write, which says so
        assert beat["rewound"]
        assert meetings(sink) == 1
    else:
        assert check.broken or check.hashes != beat["hashes"] or not all(check.lists)
    await whole(publisher, sink)
    assert meetings(sink) == 1
    assert len(sink.hashes[CELLS]) == 3


async def test_only_what_was_lost_is_written_again(floor):
    """An evicted hash costs its own writing, not that of the whole view."""
    _, sink, publisher = floor
    lose_hash(sink)
    sink.changes.clear()
    await whole(publisher, sink)
    assert {key for change in sink.changes for key, _ in change} <= {CELLS, KEYS.waiting, KEYS.unanswered}


async def test_nothing_is_lost_while_nothing_is_lost(floor):
    """However often it is looked, and whatever is written: buckets that come, change, are emptied and go."""
    owner, sink, publisher = floor
    for number in range(3, 60):
        record = meeting(number, meeting_id=str(number % 7))
        when = f"2026-03-{2 + number // 3:02}T1{number % 10}:{number:02}".encode()
        record.value = record.value.replace(b"2026-03-02T10:00", when).replace(b"m-1", f"m-{number % 3}".encode())
        await owner.fold(0, [[record]])
        if number % 5 == 0:
            await owner.owned[0].flush()
        publisher._beaten_at = publisher._checked_at = 0.0
        await publisher.show()
        check = await sink.check(0)
        beat = decode_any(split(sink.hashes[KEYS.partitions][b"0"])[1])
        assert (check.hashes, check.broken) == (beat["hashes"], [])
    assert not owner.sensors.registry.get_sample_value("sales_worker_view_lost_total")
