"""Nothing stays in the view that is in no state, and nothing newer is lost, however often all is written again."""

import asyncio
from time import monotonic

import pytest

from metrics.view import Keys, decode_any, decode_part, field, split
from producers.log_ends import EndOffsets
from streams.durable.local_store import InMemoryStore, RocksStore
from streams.errors import SinkError
from tests.support.sink_in_memory import InMemorySink
from tests.unit.streams.runtime.test_owner import meeting
from tests.unit.streams.view.test_publish import publisher_of

KEYS = Keys("unit")
DAY = 739_677
"""2026-03-02."""


def held(offset, manager, number=None):
    """A meeting held by a manager; the same meeting with a later version takes it from who had it."""
    record = meeting(offset, meeting_id=str(offset if number is None else number))
    record.value = record.value.replace(b"m-1", manager.encode()).replace(
        b"T10:00", f"T10:{min(offset, 59):02}".encode()
    )
    return record


def meetings(sink, manager="m-1"):
    """The manager's meetings of the day in the view, or None."""
    value = sink.hashes.get(KEYS.cells("d", DAY, 0), {}).get(field(0, manager, ""))
    return None if value is None else decode_part(split(value)[1]).get("m")


def said(offset, author):
    """A message in a chat."""
    record = meeting(offset)
    record.value = record.value.replace(b"meeting.held", b"chat.message").replace(
        b'"meeting_id"', b'"author":"%b","chat_id"' % author.encode()
    )
    record.value = record.value.replace(b'"chat_id":"%d"' % offset, b'"chat_id":"1"')
    return record


def waiting(sink):
    """Who waits in the view."""
    return decode_any(split(sink.hashes[KEYS.waiting][b"0"])[1])


@pytest.fixture
async def owner(unit):
    found = unit.owner(flush_interval=60)
    await found.open([0])
    yield found
    await found.close([0])


async def test_emptied_while_the_view_was_out_of_reach(owner):
    """What is taken back while Redis cannot be written is gone when it can be again."""
    sink = InMemorySink("unit")
    publisher = publisher_of(owner, sink)
    await owner.fold(0, [[held(0, "m-1")]])
    await publisher.show()
    assert meetings(sink) == 1
    sink.broken = True
    await owner.fold(0, [[held(1, "m-2", 0)]])
    await owner.owned[0].flush()
    with pytest.raises(SinkError) as caught:
        await publisher.show()
    publisher._lost(caught.value)
    sink.broken = False
    await publisher.show()
    assert meetings(sink) is None
    assert meetings(sink, "m-2") == 1


async def test_emptied_before_the_next_owner(unit):
    """What was taken back and made durable, but not shown, by an owner that is gone: the next one empties it."""
    first, sink = unit.owner(flush_interval=60), InMemorySink("unit")
    await first.open([0])
    await first.fold(0, [[held(0, "m-1")]])
    await publisher_of(first, sink).show()
    assert meetings(sink) == 1
    await first.fold(0, [[held(1, "m-2", 0)]])
    await first.close([0])
    second = unit.owner(flush_interval=60)
    await second.open([0])
    await publisher_of(second, sink).show()
    assert meetings(sink) is None
    assert meetings(sink, "m-2") == 1
    await second.close([0])


@pytest.mark.parametrize("is_late", [False, True], ids=["dead", "a zombie"])
async def test_listed_by_an_owner_that_was_further(unit, is_late):
    """Who came and went between two looks of the next owner does not stay in the list of one that had shown him."""
    sink, log = InMemorySink("unit"), [held(0, "m-1"), said(1, "client"), said(2, "manager"), held(3, "m-1")]
    first, second = (unit.owner(flush_interval=60) for _ in range(2))
    for owner in (first, second):
        await owner.open([0])
    before, after = publisher_of(first, sink), publisher_of(second, sink)
    await first.fold(0, [log[:2]])
    await second.fold(0, [log[:1]])
    for publisher in (after, before) if is_late else (before, after):
        await publisher.show()
    assert len(waiting(sink)) == 1
    await second.fold(0, [log[1:]])
    after._checked_at = after._beaten_at = 0.0
    await after.show()
    assert waiting(sink) == []
    assert not second.sensors.registry.get_sample_value("sales_worker_view_lost_total")
    sink.changes.clear()
    after._checked_at = after._beaten_at = 0.0
    await after.show()
    assert not sink.changes
    await second.close([0])


async def test_what_others_show_stays(owner):
    """Only a partition's own fields are emptied."""
    sink = InMemorySink("unit")
    others = {field(1, "m-1", ""): b"0" * 16 + b"\x81\xa1m\x01"}
    await sink.write({KEYS.cells("d", DAY, 1): others})
    await owner.fold(0, [[held(0, "m-1")]])
    await publisher_of(owner, sink).show()
    assert sink.hashes[KEYS.cells("d", DAY, 1)] == others


async def test_changed_while_all_is_written_in_several_rounds(owner):
    """A part that changes in the round that writes its bucket again is shown as it is now."""
    managers, sink = 2_100, InMemorySink("unit")
    publisher = publisher_of(owner, sink)
    await owner.fold(0, [[held(number, f"m-{number}", number) for number in range(managers)]])
    await publisher.show()
    publisher._need_everything()
    for more in range(1, 7):
        await owner.fold(0, [[held(managers + more, "m-1")]])
        await publisher.show()
        assert meetings(sink) == 1 + more


@pytest.mark.parametrize(("now", "left"), [("b", None), ("a", 2), ("", 2)])
async def test_shown_of_another_log(unit, now, left):
    """What was shown of a deleted topic goes, though its fence is greater; of what may be the same it stays."""
    first, sink = unit.owner(flush_interval=60), InMemorySink("unit")
    await first.open([0])
    await first.fold(0, [[held(0, "m-1"), held(7, "m-1")]])
    await publisher_of(first, sink).show()
    assert meetings(sink) == 2
    unit.broker.records.clear()
    unit.broker.log = now
    second = unit.owner(flush_interval=60)
    await second.open([0])
    await second.fold(0, [[held(0, "m-2")]])
    await publisher_of(second, sink).show()
    assert meetings(sink) == left
    assert meetings(sink, "m-2") == (1 if left is None else None), "not before it has come as far"


@pytest.mark.parametrize("why", ["lost", "to come", "moved", "silent"])
async def test_shown_of_records_that_the_log_does_not_have(unit, monkeypatch, why):
    """A broker that had not all of the log leads: what was shown of its end goes, and is not waited for, for ever.

    While there is more to fold, a former owner goes on, or Kafka does not say where the log ends, it is waited for.
    """
    first, sink = unit.owner(flush_interval=60), InMemorySink("unit")
    await first.open([0])
    await first.fold(0, [[held(0, "m-1")]])
    await first.owned[0].flush()
    await first.fold(0, [[held(3, "m-1"), held(4, "m-1")]])
    await publisher_of(first, sink).show()
    second = unit.owner(flush_interval=60)
    await second.open([0])
    await second.fold(0, [[held(1, "m-1")]])
    publisher = publisher_of(second, sink)
    for seconds in (0, 6, 12):
        monkeypatch.setattr("streams.view.writing.monotonic", lambda seconds=seconds: monotonic() + seconds)
        monkeypatch.setattr("streams.runtime.partition_state.monotonic", lambda seconds=seconds: monotonic() + seconds)
        if why != "silent" or not seconds:
            second.lags({0: EndOffsets(5 if why == "to come" else 2, 5)})
        if why == "moved":
            await asyncio.sleep(0.002)  # heartbeats tell milliseconds
            await publisher_of(first, sink).show()
        await publisher.show()
        assert meetings(sink) == (2 if why == "lost" and seconds == 12 else 3)
    if why != "to come":
        return
    await second.fold(0, [[held(3, "m-1"), held(4, "m-1"), held(5, "m-1")]])
    await publisher.show()
    assert meetings(sink) == 5


async def test_what_waits_to_be_shown_is_not_listed_meanwhile(unit):
    """While a former owner has shown more, what changes is in all that is written then; no list of it grows."""
    first, sink = unit.owner(flush_interval=60), InMemorySink("unit")
    await first.open([0])
    await first.fold(0, [[held(0, "m-1"), held(9, "m-1")]])
    await publisher_of(first, sink).show()
    second = unit.owner(flush_interval=60)
    await second.open([0])
    await second.fold(0, [[held(0, "m-1"), held(1, "m-1")]])
    await publisher_of(second, sink).show()
    assert second.owned[0].partition.view().cells == {}
    assert second.owned[0].take_timestamps() == []


@pytest.mark.parametrize("kind", ["memory", "rocksdb"])
async def test_emptied_parts_leave_with_their_bucket(unit, tmp_path, kind):
    """Emptied by an owner that is gone, they keep their fence until their bucket is past, and no longer."""

    def store(number):
        return InMemoryStore() if kind == "memory" else RocksStore(tmp_path / str(number), {})

    first, sink = unit.owner(store, flush_interval=60), InMemorySink("unit")
    await first.open([0])
    publisher = publisher_of(first, sink)
    await first.fold(0, [[held(0, "m-1")]])
    await publisher.show()
    later = held(1, "m-1", 0)
    later.value = later.value.replace(b"03-02T10", b"03-03T10")
    await first.fold(0, [[later]])
    await publisher.show()
    day = KEYS.cells("d", DAY, 0)
    assert [split(value)[1] for value in sink.hashes[day].values()] == [b"\x80"]
    await first.close([0])
    second = unit.owner(store, flush_interval=60)
    await second.open([0])
    publisher = publisher_of(second, sink)
    await publisher.show()
    assert day in sink.hashes
    years = held(2, "m-1", 2)
    years.value = years.value.replace(b"2026-03-02", b"2029-03-02")
    years.timestamp += 4 * 366 * 86_400_000
    await second.fold(0, [[years]])
    await publisher.show()
    assert day not in sink.hashes
    assert (await sink.check(0)).hashes == len(publisher._writing[second.owned[0]].there)
    await second.close([0])


async def test_nothing_expires_that_is_needed(owner, monkeypatch):
    """Each hash of the view that is not written all the time is kept from expiring while its owner is there."""
    monkeypatch.setattr("streams.view.publish._REFRESH_SECONDS", 0.0)
    monkeypatch.setattr("streams.view.publish.HEARTBEAT_SECONDS", 0.0)
    sink = InMemorySink("unit")
    await sink.write({KEYS.reference: {b"rate:USD:2026-01-05": b"0" * 16 + b"\x80"}})
    publisher = publisher_of(owner, sink)
    await owner.fold(0, [[held(0, "m-1")]])
    for _ in range(2):
        await publisher.show()
    written = {KEYS.partitions}
    assert sink.refreshed == (sink.hashes.keys() | {KEYS.manifest(0)}) - written
