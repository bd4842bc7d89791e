"""The view: what changed, everything when needed, and nothing that waits for it."""

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest

from metrics.view import Keys, decode_any, decode_part, encode_any, fenced, field, split
from producers.log_ends import EndOffsets
from streams.errors import SinkError
from streams.view.portions import calls, entries
from streams.view.publish import ViewPublisher
from tests.support.sink_in_memory import InMemorySink
from tests.support.workers import until
from tests.unit.streams.runtime.test_owner import meeting

KEYS = Keys("unit")
DAY = 739_677
"""2026-03-02."""


@pytest.fixture
async def shown(unit):
    """An owner, its sink and publisher."""
    owner = unit.owner(flush_interval=60)
    await owner.open([0])
    sink = InMemorySink("unit")
    publisher = publisher_of(owner, sink)
    yield owner, sink, publisher
    await owner.close([0])


def publisher_of(owner, sink):
    return ViewPublisher(
        sink,
        KEYS,
        lambda: list(owner.owned.values()),
        owner.sensors,
        owner.status,
        interval=0.01,
        worker_id="w",
        zone="UTC",
        local=owner._rules.local,
    )


def meetings(sink):
    """The number of meetings of the day in the view, or None."""
    value = sink.hashes.get(KEYS.cells("d", DAY, 0), {}).get(field(0, "m-1", ""))
    return None if value is None else decode_part(split(value)[1]).get("m")


async def test_what_changed_is_shown(shown):
    """A round writes parts, heartbeat and announcement; the fence is the last record folded."""
    owner, sink, publisher = shown
    await owner.fold(0, [[meeting(0), meeting(1)]])
    await publisher.show()
    assert meetings(sink) == 2
    fence, payload = split(sink.hashes[KEYS.partitions][b"0"])
    assert fence == 1
    assert decode_any(payload)["whole"]
    assert any(key == KEYS.cells("d", DAY, 0) for change in sink.changes for key, _ in change)


async def test_a_bucket_that_was_emptied_is_not_announced(unit):
    """A hash of which nothing changed is not named: whoever follows would ask for none of its fields."""
    first = unit.owner()
    await first.open([0])
    await first.fold(0, [[meeting(0)]])
    await first.close([0])
    cells = unit.broker.records[unit.settings.cells_topic, 0]
    cells += [(key, None) for key, _ in cells]
    second = unit.owner()
    await second.open([0])
    sink = InMemorySink("unit")
    await publisher_of(second, sink).show()
    assert [key for change in sink.changes for key, fields in change if not fields] == []
    await second.close([0])


async def test_everything_after_it_was_lost(shown):
    """When the view lost what it held, all of it comes back though nothing changed."""
    owner, sink, publisher = shown
    await owner.fold(0, [[meeting(0)]])
    await publisher.show()
    sink.lose()
    publisher._beaten_at = 0
    await publisher.show()
    assert meetings(sink) == 1


async def test_everything_after_it_was_out_of_reach(shown):
    """While it cannot be written folding goes on, and then everything is written."""
    owner, sink, publisher = shown
    await owner.fold(0, [[meeting(0)]])
    sink.broken = True
    with pytest.raises(SinkError) as caught:
        await publisher.show()
    publisher._lost(caught.value)
    await owner.fold(0, [[meeting(1)]])
    sink.broken = False
    await publisher.show()
    assert meetings(sink) == 2


@pytest.mark.parametrize("arrives", [False, True])
async def test_a_write_without_an_answer_is_no_loss(shown, monkeypatch, arrives):
    """Of a write that timed out nobody knows whether it was done: the view of before it is no older server's."""
    owner, sink, publisher = shown
    await owner.fold(0, [[meeting(0)]])
    await publisher.show()
    write = sink.write

    async def unanswered(*hashes, **how):
        if arrives:
            await write(*hashes, **how)
        raise SinkError("no answer in time")

    await owner.fold(0, [[meeting(1)]])
    monkeypatch.setattr(sink, "write", unanswered)
    with pytest.raises(SinkError) as caught:
        await publisher.show()
    publisher._lost(caught.value)
    monkeypatch.undo()
    await publisher.show()
    assert meetings(sink) == 2
    beat = decode_any(split(sink.hashes[KEYS.partitions][b"0"])[1])
    assert (beat["rewound"], beat["intact"]) == (0, True)
    assert owner.sensors.registry.get_sample_value("sales_worker_view_lost_total") == 0


async def test_a_greater_fence_stays(shown):
    """What a newer owner has shown is not replaced."""
    owner, sink, publisher = shown
    await sink.write({KEYS.cells("d", DAY, 0): {field(0, "m-1", ""): fenced(100, b"\x81\xa1m\x2a")}})
    await owner.fold(0, [[meeting(0)]])
    await publisher.show()
    assert meetings(sink) == 42


async def test_what_a_killed_owner_showed_is_taken_back(unit):
    """A part shown by an owner that was killed, and emptied before the next one showed it, does not stay."""
    first = unit.owner(flush_interval=60)
    await first.open([0])
    sink = InMemorySink("unit")
    await first.fold(0, [[meeting(0)]])
    await publisher_of(first, sink).show()
    assert meetings(sink) == 1
    corrected = meeting(1, meeting_id="0")
    corrected.value = corrected.value.replace(b"m-1", b"m-2").replace(b"T10:00", b"T10:01")
    second = unit.owner(flush_interval=60)
    await second.open([0])
    await second.fold(0, [[meeting(0), corrected]])
    await publisher_of(second, sink).show()
    assert meetings(sink) is None
    await second.close([0])


async def test_a_former_owner_has_shown_more(unit):
    """What it had not made durable is folded again first: until then its heartbeat says what the view has, and it has.

    It had let go of a bucket as past that is not past yet for who stands before it.
    """
    first, sink = unit.owner(flush_interval=60), InMemorySink("unit")
    await first.open([0])
    records = [meeting(n) for n in range(4)]
    records[0].value = records[0].value.replace(b"03-02T", b"03-01T")
    await first.fold(0, [records[:2]])
    await first.owned[0].flush()
    await first.fold(0, [records[2:]])
    await publisher_of(first, sink).show()
    past = KEYS.cells("d", DAY - 1, 0)
    fence, payload = split(sink.hashes[KEYS.partitions][b"0"])
    told = decode_any(payload)
    beat = fenced(fence, encode_any(told | {"hashes": told["hashes"] - 1}))
    await sink.write({past: {}, KEYS.partitions: {b"0": beat}}, gone={past})

    async def is_as_told():
        beat = decode_any(split(sink.hashes[KEYS.partitions][b"0"])[1])
        return beat["hashes"] == (await sink.check(0)).hashes

    assert await is_as_told()
    second = unit.owner(flush_interval=60)
    await second.open([0])
    publisher = publisher_of(second, sink)
    for shown_days, record in ((1, records[2]), (2, records[3])):
        await publisher.show()
        assert await is_as_told()
        assert past not in sink.hashes
        await second.fold(0, [[record]])
        await publisher.show()
        assert await is_as_told()
        assert (past in sink.hashes) is (shown_days == 2)
    assert publisher._writing[second.owned[0]].is_whole
    assert meetings(sink) == 3
    await second.close([0])


def fence_of(publisher, one):
    """Up to which record a partition is shown; None before all of it is."""
    writing = publisher._writing.get(one)
    return writing.fence if writing is not None and writing.is_whole else None


async def test_a_backlog_is_shown_seldom_and_its_end_at_once(shown):
    """While many events wait nothing is written but every five seconds; when they are folded the view follows."""
    owner, _, publisher = shown
    await owner.fold(0, [[meeting(0)]])
    running = asyncio.create_task(publisher.run())
    one = owner.owned[0]
    fence = partial(fence_of, publisher, one)
    await until(lambda: fence() == 0, 10, "all is shown", pause=0.01)
    owner.status.partitions[0].stable = 30_000
    await asyncio.sleep(0.1)
    one.fold([meeting(1)])
    await asyncio.sleep(0.3)
    assert fence() == 0
    owner.status.partitions[0].stable = 0
    await until(lambda: fence() == 1, 4, "the rest is shown, sooner than the slowest pace", pause=0.01)
    running.cancel()


async def test_a_backlog_of_long_past_is_shown_at_the_pace_of_days(shown, monkeypatch):
    """What counts by whole days alone is written as often as these are scraped; with anything younger as ever."""
    monkeypatch.setattr("streams.view.pace._BACKLOG_SECONDS", 0.2)
    owner, _, publisher = shown
    one = owner.owned[0]
    await owner.fold(0, [[meeting(0)]])
    assert one.partition.is_long_past
    running = asyncio.create_task(publisher.run())
    fence = partial(fence_of, publisher, one)
    await until(lambda: fence() == 0, 10, "all is shown", pause=0.01)
    owner.status.partitions[0].stable = 30_000
    await asyncio.sleep(0.1)
    one.fold([meeting(1)])
    await asyncio.sleep(0.5)
    assert fence() == 0
    hours_ago = datetime.fromtimestamp(1_780_000_000 - 15 * 86_400, UTC)
    recent = meeting(2)
    recent.value = recent.value.replace(b"2026-03-02T10:00:00Z", hours_ago.isoformat().encode())
    one.fold([recent])
    assert not one.partition.is_long_past
    await until(lambda: fence() == 2, 4, "what is younger is shown", pause=0.01)
    running.cancel()


async def test_what_was_folded_since_the_start_is_written_once(unit, monkeypatch):
    """All of it is an update already; what the state was taken over with comes beside it, though there is always news.

    Of a part that has not changed in a bucket that has, too.
    """
    monkeypatch.setattr("streams.view.publish._CHUNK_PARTS", 1)
    first = unit.owner()
    await first.open([0])
    older = [meeting(n) for n in range(4)]
    for n, record in enumerate(older):
        record.value = record.value.replace(b"03-02T", b"03-%02dT" % (n + 2))
    await first.fold(0, [older])
    await first.close([0])
    second, sink = unit.owner(flush_interval=60), InMemorySink("unit")
    publisher = publisher_of(second, sink)
    await second.open([0])
    second.status.partitions[0].stable = 0
    for n in range(10):
        news = meeting(10 + n)
        news.value = news.value.replace(b"m-1", b"m-2").replace(b"03-02T", b"03-%02dT" % (5 + n))
        await second.fold(0, [[news]])
        await publisher.show()
    assert publisher._writing[second.owned[0]].is_whole
    assert meetings(sink) == 1
    shared = sink.hashes[KEYS.cells("d", DAY + 3, 0)]
    assert {field(0, "m-1", ""), field(0, "m-2", "")} <= shared.keys()
    await second.close([0])

    third, again = unit.owner(), InMemorySink("again")
    await third.open([0])
    await third.fold(0, [[meeting(100 + n) for n in range(3)]])
    written = []

    class ToldPartition:
        """The partition, whose own methods nobody replaces where it is compiled."""

        def __init__(self, partition):
            self._partition = partition

        def __getattr__(self, name):
            return getattr(self._partition, name)

        def everything(self, only):
            written.append(only)
            return iter(())

    third.owned[0].partition = ToldPartition(third.owned[0].partition)
    await publisher_of(third, again).show()
    assert ("d", DAY) not in written[0]
    assert ("d", DAY + 1) in written[0]
    await third.close([0])


async def test_heartbeats_go_on_in_a_backlog(shown, monkeypatch):
    """Between two rounds the owner says that it is there, as of what it has shown, not as of what it has folded."""
    monkeypatch.setattr("streams.view.publish.HEARTBEAT_SECONDS", 0.05)
    owner, sink, publisher = shown
    await owner.fold(0, [[meeting(0)]])
    running = asyncio.create_task(publisher.run())
    one = owner.owned[0]

    def beat():
        fence, payload = split(sink.hashes.get(KEYS.partitions, {}).get(b"0", fenced(-1, encode_any({"at": 0}))))
        return fence, decode_any(payload)

    await until(lambda: beat()[0] == 0 and beat()[1]["whole"], 10, "all is shown", pause=0.01)
    owner.status.partitions[0].stable = 30_000
    await asyncio.sleep(0.1)
    one.fold([meeting(1)])
    told = set()
    for _ in range(50):
        fence, state = beat()
        told.add(state["at"])
        assert fence == 0
        await asyncio.sleep(0.01)
    assert len(told) >= 4
    running.cancel()


async def test_heartbeats_tell_of_kafka(shown):
    """Each partition's heartbeat says when its leader last answered, whatever other leaders do."""
    owner, sink, publisher = shown

    async def contact():
        publisher._beaten_at = 0.0
        await publisher.show()
        beat = decode_any(split(sink.hashes[KEYS.partitions][b"0"])[1])
        return (beat["at"] - beat["contact"]) / 1000

    assert await contact() == pytest.approx(0, abs=0.5)
    owner.status.partitions[0].contact_at -= 30
    assert await contact() == pytest.approx(30, abs=0.5)
    assert owner.status.contact_age() == pytest.approx(30, abs=0.5)
    owner.lags({1: EndOffsets(5, 5)})
    assert await contact() == pytest.approx(30, abs=0.5)
    owner.lags({0: EndOffsets(5, 5)})
    assert await contact() == pytest.approx(0, abs=0.5)
    assert owner.status.contact_age() == pytest.approx(0, abs=0.5)


def test_what_is_written_at_once_is_bounded():
    """However many parts, and however large: script calls and entries of the stream, in order and none left out."""
    fields = {b"f%05d" % n + bytes(n % 7 * 400): b"v" * (n % 11 * 30_000) for n in range(1500)}
    some = list(calls(fields))
    assert [piece for pieces, _ in some for piece in pieces] == [one for pair in fields.items() for one in pair]
    assert all(size == sum(map(len, pieces)) for pieces, size in some)
    assert max(size for pieces, size in some if len(pieces) > 2) <= 1 << 20
    assert list(calls({b"f": b"v" * (5 << 20)})) == [([b"f", b"v" * (5 << 20)], (5 << 20) + 1)]
    assert list(calls({})) == []
    changes = [("a", list(fields)), ("b", [b"x"]), ("c", list(fields))]
    made = list(entries(changes))
    assert max(map(len, made)) < 300_000
    assert len(made) > 5
    named = [(key, field) for entry in made for key, some in decode_any(entry) for field in some]
    assert named == [(key, field) for key, some in changes for field in some]
    assert list(entries([("a", [b"x"])])) == [encode_any([("a", [b"x"])])]
