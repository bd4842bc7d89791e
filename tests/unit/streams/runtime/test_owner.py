"""Opening, folding, flushing and losing partitions, without a broker."""

import asyncio
from types import SimpleNamespace

import msgspec
import pytest

from metrics.view import decode_part
from producers.log_ends import EndOffsets
from streams.durable.local_store import RocksStore, set_aside
from streams.errors import OwnershipLost, WorkerError
from streams.runtime.owned import _ROOM
from streams.state.own import VERSION, Own
from streams.state.partition import COPIES_BYTES, PARTITION_KEY
from tests.support.workers import until


def meeting(offset, meeting_id=None, client="c-1", **changes):
    """A record as aiokafka gives it."""
    value = (
        f'{{"specversion":"1.0","id":"e-{offset}","source":"t://1","type":"sales.meeting.held.v1",'
        f'"time":"2026-03-02T10:00:00Z","data":{{"meeting_id":"{meeting_id or offset}","client_id":"{client}",'
        f'"manager_id":"m-1"}}}}'
    ).encode()
    fields = {
        "topic": "sales.events",
        "partition": 0,
        "offset": offset,
        "timestamp": 1_780_000_000_000,
        "timestamp_type": 1,
        "key": client.encode(),
        "value": value,
        "headers": (),
    }
    return SimpleNamespace(**{**fields, **changes})


def held(owner):
    """Everything that an owner's partition holds."""
    found = {}
    for update in owner.owned[0].partition.everything():
        for where, fields in update.cells.items():
            found.setdefault(where, {}).update(fields)
    return found


async def test_state_outlives_the_owner(unit):
    """What one owner flushed, the next one holds, and reading goes on behind it."""
    first = unit.owner()
    assert await first.open([0]) == {0: 0}
    await first.fold(0, [[meeting(0), meeting(1)]])
    before = held(first)
    await first.close([0])
    assert unit.broker.offsets[0] == 2
    second = unit.owner()
    assert await second.open([0]) == {0: 2}
    assert held(second) == before
    assert second.status.partitions[0].cells == second.owned[0].partition.cells > 0


async def test_unflushed_is_folded_again(unit):
    """A worker that died lost what was not flushed; the next owner starts before it and ends at the same state."""
    first = unit.owner(flush_interval=60)
    await first.open([0])
    await first.fold(0, [[meeting(0)]])
    await first.owned[0].flush()
    await first.fold(0, [[meeting(1), meeting(2)]])
    whole = held(first)
    second = unit.owner()
    assert await second.open([0]) == {0: 1}
    await second.fold(0, [[meeting(0), meeting(1), meeting(2)]])
    assert held(second) == whole


async def test_opening_waits_for_kafka(unit):
    """Kafka away while a partition is opened is no reason to end: it is opened again, unless another has it by then."""
    first = unit.owner()
    await first.open([0])
    await first.fold(0, [[meeting(0), meeting(1)]])
    before = held(first)
    await first.close([0])
    for away in range(1, 4):
        unit.broker.away = away
        later = unit.owner()
        assert await later.open([0]) == {0: 2}
        assert held(later) == before
        await later.close([0])
        assert not unit.broker.away
    unit.broker.away = 1
    with pytest.raises(OwnershipLost):
        await unit.owner(group=lambda: False).open([0])
    assert unit.failures == []


async def test_flush_by_timer(unit):
    """What was folded becomes durable by itself, soon."""
    owner = unit.owner()
    await owner.open([0])
    await owner.fold(0, [[meeting(0)]])
    await until(lambda: unit.broker.offsets == {0: 1}, 10, "it is durable", pause=0.01)
    assert not owner.owned[0].is_dirty
    await until(lambda: owner.status.partitions[0].cells, 10, "it is told", pause=0.01)
    assert owner.status.partitions[0].cells == owner.owned[0].partition.cells > 0


async def test_a_backlog_is_flushed_seldom(unit):
    """While many events wait, five intervals pass between two flushes; when none do, one."""
    owner = unit.owner(flush_interval=0.4)
    await owner.open([0])
    state = owner.status.partitions[0]
    state.stable = 0

    async def flushed_after():
        began = asyncio.get_running_loop().time()
        await until(lambda: not owner.owned[0].is_dirty, 10, "it is flushed", pause=0.01)
        return asyncio.get_running_loop().time() - began

    owner.owned[0].fold([meeting(0)])
    assert await flushed_after() < 1.2
    state.stable = 30_000
    owner.owned[0].fold([meeting(1)])
    assert await flushed_after() > 1.8
    owner.owned[0].fold([meeting(2)])
    await asyncio.sleep(0.5)
    state.stable = 0
    assert await flushed_after() < 1
    state.stable = 30_000
    owner.owned[0].fold([meeting(offset) for offset in range(3, 103)])
    assert await flushed_after() < 1
    await owner.close([0])


async def test_a_former_owner_is_shut_out(unit):
    """Its flush fails the process and changes nothing."""
    old, new = unit.owner(flush_interval=60, group=lambda: False), unit.owner()
    await old.open([0])
    await old.fold(0, [[meeting(0)]])
    await new.open([0])
    await new.fold(0, [[meeting(0), meeting(1)]])
    await new.owned[0].flush()
    before = dict(unit.broker.table("unit-cells-changelog", 0))
    with pytest.raises(OwnershipLost, match="another owner"):
        await old.owned[0].flush()
    assert unit.broker.table("unit-cells-changelog", 0) == before
    with pytest.raises(OwnershipLost):
        await old.close([0])
    assert old.owned == {}


async def test_a_failed_flush_ends_the_process(unit):
    """The background flush tells of it once and does not go on."""
    owner = unit.owner(group=lambda: False)
    await owner.open([0])
    unit.broker.too_slow = 1
    await owner.fold(0, [[meeting(0)]])
    await until(lambda: unit.failures, 10, "it is told", pause=0.01)
    assert [type(failure) for failure in unit.failures] == [OwnershipLost]


async def test_folding_waits_while_nothing_becomes_durable(unit):
    """Memory stays bounded when flushes do not get through."""
    owner = unit.owner(flush_interval=60, flush_records=1)
    await owner.open([0])
    release = asyncio.Event()
    written = owner.owned[0]._changelog.write

    async def slow(commit):
        await release.wait()
        return await written(commit)

    owner.owned[0]._changelog.write = slow
    for offset in range(6):
        async with asyncio.timeout(1):
            await owner.fold(0, [[meeting(offset)]])
        await asyncio.sleep(0.01)
        if not owner.owned[0]._room.is_set():
            break
    waiting = asyncio.create_task(owner.fold(0, [[meeting(20)]]))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    release.set()
    await asyncio.wait_for(waiting, 1)


async def test_folding_waits_while_large_letters_are_not_durable(unit):
    """A letter is as large as its record: a thousand in one fetch are a gigabyte, and come a part at a time."""
    owner = unit.owner(flush_interval=60)
    await owner.open([0])
    owned, seen = owner.owned[0], []
    written = owned._changelog.write

    async def noted(commit):
        seen.append(sum(len(one.value) for one in commit.letters))
        return await written(commit)

    owned._changelog.write = noted
    large = b"x" * 1_000_000
    parts = ([meeting(first + n, value=large) for n in range(4)] for first in range(0, 100, 4))
    await asyncio.wait_for(owner.fold(0, parts), 20)
    await owner.close([0])
    assert sum(seen) == 100 * len(large)
    assert max(seen) <= _ROOM * COPIES_BYTES + 4 * len(large)


async def test_a_long_fetch_gives_others_their_turns(unit):
    """Events are folded a setting's worth at a time, and decoded no sooner."""
    owner = unit.owner(flush_interval=60, batch_records=4)
    await owner.open([0])
    decoded, seen = [], []

    def parts():
        for offset in range(0, 10, 2):
            decoded.append(offset)
            yield [meeting(offset), meeting(offset + 1)]

    folding = asyncio.create_task(owner.fold(0, parts(), 12))
    while not folding.done():
        await asyncio.sleep(0)
        seen.append((owner.owned[0].partition.fence, decoded[-1]))
    assert [*dict.fromkeys(seen)] == [(3, 2), (7, 6), (11, 8)]


async def test_what_is_taken_away_within_a_fetch_is_not_folded_on(unit):
    """Neither by who had it nor by who has it next, who stands before what was read."""
    owner = unit.owner(flush_interval=60, batch_records=1)
    await owner.open([0])
    folding = asyncio.create_task(owner.fold(0, [[meeting(offset)] for offset in range(5)], 5))
    await asyncio.sleep(0)
    await owner.close([0])
    assert await owner.open([0]) == {0: unit.broker.offsets[0]}
    await folding
    assert owner.owned[0].partition.fence == unit.broker.offsets[0] - 1 < 3


async def test_dead_letters_go_with_the_flush(unit):
    """A refused record is written with its reason and origin, its own headers kept but ours."""
    owner = unit.owner()
    await owner.open([0])
    await owner.fold(0, [[meeting(0), meeting(1, value=b"{", headers=(("reason", b"x"), ("trace", b"1")))]])
    await owner.close([0])
    (letter,) = unit.broker.letters
    assert (letter.key, letter.value) == (b"c-1", b"{")
    headers = dict(letter.headers)
    assert headers.pop("detail")
    assert headers == {
        "trace": b"1",
        "reason": b"not_json",
        "source_topic": b"sales.events",
        "source_partition": b"0",
        "source_offset": b"1",
        "source_timestamp": b"1780000000000",
        "event_source": b"",
        "refused_by": b"unit",
    }


async def test_other_rules_wipe_and_start_over(unit):
    """State of other rules is taken out of the changelog, and the log is folded again from its start."""
    first = unit.owner()
    await first.open([0])
    await first.fold(0, [[meeting(0), meeting(1)]])
    await first.close([0])
    assert unit.broker.table("unit-cells-changelog", 0)
    second = unit.owner(timezone="Asia/Tokyo")
    assert await second.open([0]) == {0: 0}
    assert unit.broker.table("unit-cells-changelog", 0) == {}
    assert second.owned[0].is_rebuilt


async def test_counted_again_no_letter_is_written_again(unit):
    """Each bad record keeps its one letter, also when the recount is interrupted; what counts now closes its letter."""
    bad = [meeting(0), *(meeting(offset, value=b"{") for offset in range(1, 5))]
    unit.broker.source_end = 5
    first = unit.owner()
    await first.open([0])
    await first.fold(0, [bad])
    await first.close([0])
    unit.broker.source_end = 7
    second = unit.owner(timezone="Asia/Tokyo")
    await second.open([0])
    await second.fold(0, [bad[:2]])
    await second.close([0])
    third = unit.owner(timezone="Asia/Tokyo")
    await third.open([0])
    await third.fold(0, [[*bad[2:4], meeting(4), meeting(5, value=b"{"), meeting(6)]])
    await third.close([0])
    letters = [dict(letter.headers) for letter in unit.broker.letters]
    assert [int(one["source_offset"]) for one in letters if "closed" not in one] == [1, 2, 3, 4, 5]
    assert [(one["closed"], int(one["source_offset"])) for one in letters if "closed" in one] == [(b"counted", 4)]


async def test_counting_from_the_start_is_remembered(unit):
    """What was in the log when counting began is left to count, for the next owner as well, and nothing after it."""
    unit.broker.source_end = 3
    first = unit.owner(flush_interval=60)
    await first.open([0])
    assert first.owned[0].left_to_count() == 3
    await first.fold(0, [[meeting(0)]])
    await first.close([0])
    unit.broker.source_end = 4
    second = unit.owner()
    await second.open([0])
    assert second.owned[0].left_to_count() == 2
    await second.fold(0, [[meeting(1), meeting(2)]])
    assert second.owned[0].left_to_count() == 0
    await second.close([0])
    third = unit.owner()
    await third.open([0])
    assert third.owned[0].left_to_count() == 0


@pytest.mark.parametrize("tail", [1, 100, 1_000])
async def test_what_nobody_can_read_is_passed(unit, tail):
    """A log that ends in aborted records or markers is folded to its end once reading has got there, and no sooner."""
    unit.broker.source_end = 1 + tail
    owner = unit.owner(flush_interval=60)
    await owner.open([0])
    owner.lags({0: EndOffsets(1 + tail, 1 + tail)})
    await owner.fold(0, [[meeting(0)]], 1)
    assert owner.owned[0].left_to_count() == owner.status.backlog() == tail
    if tail > 1:
        await owner.fold(0, [], tail)
        assert owner.owned[0].left_to_count() == owner.status.backlog() == 1
    await owner.fold(0, [], 1 + tail)
    assert owner.owned[0].left_to_count() == owner.status.backlog() == 0
    assert owner.owned[0].partition.fence == tail
    await owner.fold(0, [[meeting(0), meeting(tail)]], tail)  # of before the position moved: nothing goes back
    assert owner.owned[0].partition.fence == tail
    await owner.close([0])
    assert unit.broker.offsets == {0: 1 + tail}
    again = unit.owner()
    assert await again.open([0]) == {0: 1 + tail}
    assert again.owned[0].left_to_count() == 0


@pytest.mark.parametrize(("begin", "end", "words"), [(0, 2, "lost the end"), (5, 9, "deleted before")])
async def test_a_log_that_is_not_the_one_that_was_folded(unit, begin, end, words):
    """A topic that lost its end, or was truncated past the fence, stops the worker with a clear line."""
    first = unit.owner()
    await first.open([0])
    await first.fold(0, [[meeting(0), meeting(1), meeting(2)]])
    await first.close([0])
    unit.broker.source_begin, unit.broker.source_end = begin, end
    with pytest.raises(WorkerError, match=words):
        await unit.owner().open([0])


async def test_a_recreated_topic_with_as_many_records(unit):
    """The topic's id is kept with the state: another one stops the worker, though the offsets would fit."""
    unit.broker.log = ""
    first = unit.owner()
    await first.open([0])
    await first.fold(0, [[meeting(0), meeting(1)]])
    await first.close([0])
    unit.broker.log = "a"
    second = unit.owner()
    assert await second.open([0]) == {0: 2}, "state of before ids were kept is taken over"
    await second.fold(0, [[meeting(2)]])
    await second.close([0])
    unit.broker.log = ""
    unknown = unit.owner()
    assert await unknown.open([0]) == {0: 3}, "brokers that know no ids"
    await unknown.close([0])
    unit.broker.log = "b"
    with pytest.raises(WorkerError, match=r"was deleted and recreated \(its id was a and is b\).*SALES_APP_ID"):
        await unit.owner().open([0])
    unit.broker.log = "a"
    again = unit.owner()
    assert await again.open([0]) == {0: 3}


async def test_recreated_while_it_runs(unit):
    """Kafka takes the partition away with the topic and gives it back with the next: one ends, and says why."""
    owner = unit.owner()
    await owner.open([0])
    await owner.fold(0, [[meeting(0), meeting(1)]])
    await owner.close([0])
    unit.broker.log, unit.broker.source_end = "b", 0
    with pytest.raises(WorkerError, match=r"was deleted and recreated \(its id was a and is b\)"):
        await owner.open([0])


async def test_recreated_changelogs(unit):
    """What a worker wrote to those that took their place while it ran is a part of the state: all is counted again."""
    first = unit.owner()
    await first.open([0])
    await first.fold(0, [[meeting(0), meeting(1)]])
    await first.owned[0].flush()
    unit.broker.records.clear()
    await first.fold(0, [[meeting(2)]])
    whole = held(first)
    await first.close([0])
    second = unit.owner(kept_in=("x", "z"))
    assert await second.open([0]) == {0: 0}
    await second.fold(0, [[meeting(0), meeting(1), meeting(2)]])
    assert held(second) == whole
    await second.close([0])
    third = unit.owner(kept_in=("x", "z"))
    assert await third.open([0]) == {0: 3}
    assert held(third) == whole
    await third.close([0])
    unknown = unit.owner(kept_in=("", ""))
    assert await unknown.open([0]) == {0: 3}, "brokers that know no ids"


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
async def test_another_version_is_counted_again(unit, version):
    """State that this worker cannot read is taken out of the changelog, and the log folded from its start."""
    first = unit.owner()
    await first.open([0])
    await first.fold(0, [[meeting(0), meeting(1)]])
    whole = held(first)
    await first.close([0])
    clients = unit.broker.records["unit-clients-changelog", 0]
    (own,) = [value for key, value in clients if key == PARTITION_KEY][-1:]
    later = msgspec.structs.replace(msgspec.msgpack.decode(own, type=Own), version=version)
    clients.append((PARTITION_KEY, msgspec.msgpack.encode(later)))
    second = unit.owner()
    assert await second.open([0]) == {0: 0}
    assert second.owned[0].is_rebuilt
    await second.fold(0, [[meeting(0), meeting(1)]])
    assert held(second) == whole
    await second.close([0])
    # The changelog is not compacted yet. It was counted again once, and is not by each owner that comes.
    third = unit.owner()
    assert await third.open([0]) == {0: 2}
    assert not third.owned[0].is_rebuilt
    assert held(third) == whole


async def test_rules_there_and_back(unit):
    """Counting again under the rules of before goes on where it was left, not where it was before they changed."""
    zones = ("UTC", "Asia/Tokyo", "UTC")
    for zone, folded in zip(zones, (3, 2, 1), strict=True):
        owner = unit.owner(timezone=zone)
        assert await owner.open([0]) == {0: 0}
        await owner.fold(0, [[meeting(n) for n in range(folded)]])
        await owner.close([0])
    last = unit.owner()
    assert await last.open([0]) == {0: 1}
    await last.fold(0, [[meeting(1), meeting(2)]])
    days = [part for (kind, _), parts in held(last).items() if kind == "d" for part in parts.values()]
    assert [decode_part(part) for part in days] == [{"m": 3}]


async def test_an_owner_that_dies_before_anything_is_counted_again(unit):
    """Nothing of the state before is left in what the next one holds: neither its fence nor what it had forgotten."""
    first = unit.owner()
    await first.open([0])
    await first.fold(0, [[meeting(0), meeting(1)]])
    await first.close([0])
    second = unit.owner(timezone="Asia/Tokyo")
    await second.open([0])
    third = unit.owner(timezone="Asia/Tokyo")
    assert await third.open([0]) == {0: 0}
    partition = third.owned[0].partition
    assert (partition.fence, partition.time, partition.cells, partition.live) == (-1, 0, 0, 0)


async def test_dropped_when_not_owned(unit):
    """A batch that arrives after the partition was taken away is dropped."""
    owner = unit.owner()
    await owner.fold(0, [[meeting(0)]])
    assert owner.owned == {}


async def test_on_disk(unit, tmp_path):
    """A restart reads the disk and only what the changelog has more; damaged files are set aside."""
    folder = tmp_path / "state" / "0"

    def disk(number):
        return RocksStore(folder, {})

    first = unit.owner(store=disk)
    await first.open([0])
    await first.fold(0, [[meeting(0), meeting(1)]])
    before = held(first)
    await first.close([0])
    second = unit.owner(store=disk)
    assert await second.open([0]) == {0: 2}
    assert held(second) == before
    assert second.status.partitions[0].restored == 0
    await second.close([0])
    for file in folder.iterdir():
        if file.suffix in {".log", ".sst"} or file.name.startswith("MANIFEST"):
            file.write_bytes(b"\x00" * file.stat().st_size)
    third = unit.owner(store=disk, set_aside=lambda _: set_aside(folder))
    assert await third.open([0]) == {0: 2}
    assert held(third) == before
    await third.close([0])
