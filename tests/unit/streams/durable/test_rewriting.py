"""A transaction that failed is written again, unless somebody else has the partition or has written."""

import asyncio

import pytest

from streams.errors import ChangelogError, OwnershipLost, WorkerError
from tests.unit.streams.runtime.test_owner import held, meeting


def table(unit):
    """What the changelogs hold."""
    return [unit.broker.table(f"unit-{name}-changelog", 0) for name in ("cells", "clients")]


async def durable(owner):
    """Wait until nothing that was folded is unflushed."""
    for _ in range(1000):
        if not owner.owned[0].is_dirty and not owner.owned[0]._lock.locked():
            return
        await asyncio.sleep(0.005)
    pytest.fail("not durable within 5 s")


async def test_written_again(unit):
    """Failures pass without an end of the process; folding goes on meanwhile, and every letter is there once."""
    owner = unit.owner(flush_interval=0.001)
    await owner.open([0])
    unit.broker.failures = 5
    await owner.fold(0, [[meeting(0), meeting(1, value=b"{")]])
    await asyncio.sleep(0.01)
    await owner.fold(0, [[meeting(2)]])
    whole = held(owner)
    await durable(owner)
    assert unit.failures == []
    assert unit.broker.failures == 0
    assert unit.broker.offsets == {0: 3}
    assert len(unit.broker.letters) == 1
    again = unit.owner()
    assert await again.open([0]) == {0: 3}
    assert held(again) == whole


async def test_the_same_as_without_failures(unit, tmp_path):
    """What failures leave in the changelog is what would be there without them."""
    tables = []
    for failures in (0, 3):
        unit.broker.records.clear()
        owner = unit.owner(flush_interval=60)
        await owner.open([0])
        for offset in range(6):
            unit.broker.failures = failures if offset % 2 else 0
            await owner.fold(0, [[meeting(offset)]])
            await owner.owned[0].flush()
        tables.append(table(unit))
        await owner.close([0])
    assert tables[0] == tables[1]


async def test_the_new_owner_is_left_alone(unit):
    """When the group gave the partition away, the changelog is not opened again: that would shut the new owner out."""
    old, new = unit.owner(flush_interval=60, group=lambda: False), unit.owner(flush_interval=60)
    await old.open([0])
    await old.fold(0, [[meeting(0)]])
    unit.broker.failures = 1
    writing = asyncio.create_task(old.owned[0].flush())
    with pytest.raises(OwnershipLost):
        await writing
    await new.open([0])
    epoch = unit.broker.epochs[0]
    await new.fold(0, [[meeting(0)]])
    await new.owned[0].flush()
    assert unit.broker.epochs[0] == epoch


async def test_a_zombie_whose_group_is_out_of_date(unit):
    """The group's word may be old: what another committed is seen after opening, and nothing is written over it."""
    old, new = unit.owner(flush_interval=60), unit.owner(flush_interval=60)
    await old.open([0])
    await old.fold(0, [[meeting(0)]])
    await old.owned[0].flush()
    await old.fold(0, [[meeting(1)]])

    async def frozen(commit):
        # While it is away, another one takes over and writes.
        await new.open([0])
        await new.fold(0, [[meeting(1), meeting(2)]])
        await new.owned[0].flush()
        raise ChangelogError("no leader")

    old.owned[0]._changelog._inner.write = frozen
    with pytest.raises(WorkerError, match="must start again"):
        await old.owned[0].flush()
    after = table(unit)
    third = unit.owner()
    assert await third.open([0]) == {0: 3}
    assert table(unit) == after


async def test_a_zombie_before_the_new_owner_wrote(unit):
    """Shutting out a new owner that has written nothing yet changes no number: that one finds more than it knows of."""
    old, new = unit.owner(flush_interval=60), unit.owner(flush_interval=60)
    await old.open([0])
    await old.fold(0, [[meeting(0), meeting(1)]])

    async def frozen(commit):
        await new.open([0])
        await new.fold(0, [[meeting(0)]])
        raise ChangelogError("no leader")

    old.owned[0]._changelog._inner.write = frozen
    await old.owned[0].flush()
    with pytest.raises(WorkerError, match="must start again"):
        await new.owned[0].flush()
    third = unit.owner()
    assert await third.open([0]) == {0: 2}
    assert held(third) == held(old)


async def test_too_slow_for_the_broker(unit):
    """What the broker aborted because it took too long is written again, with ever more time, and is there once."""
    owner = unit.owner(flush_interval=60)
    await owner.open([0])
    await owner.fold(0, [[meeting(0), meeting(1, value=b"{")]])
    unit.broker.too_slow = 3
    await owner.owned[0].flush()
    assert unit.broker.transaction_seconds == [10, 20, 40, 80]
    assert unit.broker.offsets == {0: 2}
    assert len(unit.broker.letters) == 1
    await owner.fold(0, [[meeting(2)]])
    await owner.owned[0].flush()
    again = unit.owner()
    assert await again.open([0]) == {0: 3}
    assert held(again) == held(owner)


async def test_fenced_by_a_new_owner(unit):
    """Fenced, and the group names another: nothing is opened or written, and the worker starts again."""
    old, new = unit.owner(flush_interval=60, group=lambda: False), unit.owner(flush_interval=60)
    await old.open([0])
    await old.fold(0, [[meeting(0)]])
    await new.open([0])
    epoch = unit.broker.epochs[0]
    with pytest.raises(OwnershipLost):
        await old.owned[0].flush()
    assert unit.broker.epochs[0] == epoch
    await new.fold(0, [[meeting(0)]])
    await new.owned[0].flush()


async def test_a_commit_that_nobody_answered(unit):
    """It is not written twice: the worker starts again from what the broker holds, and letters stay single."""
    owner = unit.owner(flush_interval=60)
    await owner.open([0])
    await owner.fold(0, [[meeting(0), meeting(1, value=b"{")]])
    unit.broker.unanswered = 1
    with pytest.raises(WorkerError, match="must start again"):
        await owner.owned[0].flush()
    again = unit.owner()
    assert await again.open([0]) == {0: 2}
    assert held(again) == held(owner)
    assert len(unit.broker.letters) == 1


async def test_asked_again_while_the_group_changes(unit):
    """While the group cannot say whose the partition is, nothing is opened; then it is written."""
    answers = iter([None, None, True])
    owner = unit.owner(flush_interval=60, group=lambda: next(answers))
    await owner.open([0])
    await owner.fold(0, [[meeting(0)]])
    unit.broker.failures = 1
    epoch = unit.broker.epochs[0]
    await owner.owned[0].flush()
    assert unit.broker.epochs[0] == epoch + 1
    assert unit.broker.offsets == {0: 1}


async def test_taken_away_while_it_fails(unit):
    """A partition that is taken away is let go of in time although nothing gets through; the next owner folds again."""
    owner = unit.owner(flush_interval=0.001)
    await owner.open([0])
    unit.broker.failures = 1 << 30
    await owner.fold(0, [[meeting(0)]])
    await asyncio.sleep(0.02)
    owner.owned[0].patience = 0.05
    async with asyncio.timeout(1):
        await owner.close([0])
    assert owner.owned == {}
    assert unit.failures == []
    unit.broker.failures = 0
    again = unit.owner()
    assert await again.open([0]) == {0: 0}
