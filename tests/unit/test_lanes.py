"""Batches per partition: order kept, memory bounded, failures told."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from producers.lanes import Budget, Lane, size_of


class InMemoryBatch:
    """Holds three records."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.closed = False

    def append(self, *, timestamp: int, key: bytes, value: bytes, headers: Any) -> object | None:
        if self.closed or len(self.values) == 3:
            return None
        self.values.append(value)
        return object()

    def close(self) -> None:
        self.closed = True


class InMemorySender:
    """Acknowledges at once, fails, or stays silent."""

    def __init__(self, error: Exception | None = None, *, silent: bool = False) -> None:
        self.log: list[bytes] = []
        self.batches = 0
        self._error = error
        self._silent = silent

    def create_batch(self) -> InMemoryBatch:
        return InMemoryBatch()

    async def send_batch(self, batch: InMemoryBatch, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.batches += 1
        if self._error:
            outcome.set_exception(self._error)
        elif not self._silent:
            outcome.set_result(SimpleNamespace(offset=len(self.log)))
            self.log += batch.values
        return outcome


def lane(sender: InMemorySender, budget: Budget, timeout: float = 5.0) -> Lane:
    return Lane(sender, "t", 0, budget, linger=0.001, timeout=timeout)


async def test_order_and_places():
    """Records arrive in the order of `append`, and each knows its offset."""
    sender, budget = InMemorySender(), Budget(1000)
    way = lane(sender, budget)
    added = []
    for n in range(10):
        assert budget.try_take(10)
        added.append(way.append(b"k", b"%d" % n, 0, [], 10))
    offsets = [await batch.done + place for batch, place in added]
    assert offsets == list(range(10))
    assert sender.log == [b"%d" % n for n in range(10)]
    assert sender.batches == 4
    await asyncio.sleep(0)
    assert budget.used == 0
    assert not way.outstanding


@pytest.mark.parametrize(
    ("sender", "error"), [(InMemorySender(OSError("gone")), OSError), (InMemorySender(silent=True), TimeoutError)]
)
async def test_failures_are_told_and_give_back(sender: InMemorySender, error: type[Exception]):
    """A batch that fails or gets no answer tells who waits, and its bytes are free again."""
    budget = Budget(1000)
    assert budget.try_take(10)
    batch, _ = lane(sender, budget, timeout=0.05).append(b"k", b"v", 0, [], 10)
    with pytest.raises(error):
        await batch.done
    await asyncio.sleep(0)
    assert budget.used == 0


async def test_stopping_fails_what_has_not_left():
    """Nobody waits for ever for a batch of a stopped lane."""
    budget = Budget(1000)
    assert budget.try_take(10)
    way = Lane(InMemorySender(), "t", 0, budget, linger=60, timeout=60)
    batch, _ = way.append(b"k", b"v", 0, [], 10)
    await asyncio.sleep(0)
    way.stop()
    with pytest.raises(ConnectionError):
        await batch.done


async def test_budget_is_a_bound_and_fair():
    """No more than the limit is out, those who wait are served in turn, who gives up leaves the queue."""
    budget = Budget(100)
    await budget.take(80)
    big, quitter, small = (asyncio.ensure_future(budget.take(size)) for size in (60, 10, 10))
    await asyncio.sleep(0)
    assert not budget.try_take(1)
    quitter.cancel()
    await asyncio.sleep(0)
    assert (big.done(), small.done(), budget.used) == (False, False, 80)
    budget.give(80)
    await asyncio.gather(big, small)
    assert budget.used == 70
    budget.give(70)
    await budget.take(500)
    assert budget.used == 500


async def test_many_give_up_at_once():
    """Whoever gives up just when room appears leaves quietly, and the next ones are served."""
    budget = Budget(100)
    await budget.take(100)
    waiting = [asyncio.ensure_future(budget.take(10)) for _ in range(20)]
    await asyncio.sleep(0)
    for quitter in waiting[:19]:
        quitter.cancel()
    budget.give(100)
    gone = await asyncio.gather(*waiting[:19], return_exceptions=True)
    assert {type(one) for one in gone} == {asyncio.CancelledError}
    await waiting[19]
    assert budget.used == 10


@pytest.mark.parametrize("parts", [[1], [3], [4], [7, 2], [2, 2, 2], [3, 3], [1, 8]])
async def test_many_at_once(parts):
    """Records that come together lie as those that come one by one, in as many batches, and all room is given back."""
    names = [b"%d" % number for number in range(sum(parts))]
    sent = []
    for is_together in (True, False):
        sender, budget = InMemorySender(), Budget(10_000)
        way, left, found = lane(sender, budget), list(names), []
        for count in parts:
            records, left = [(b"k", name) for name in left[:count]], left[count:]
            size = size_of(records)
            assert budget.try_take(size)
            if is_together:
                found += way.extend(records, 0, [])
            else:
                found += [way.append(key, value, 0, [], size_of([(key, value)]))[0] for key, value in records]
        assert sum(batch.records for batch in dict.fromkeys(found)) == len(names)
        assert all(batch.records for batch in found)
        await asyncio.gather(*(batch.done for batch in dict.fromkeys(found)))
        assert (sender.log, budget.used) == (names, 0)
        sent.append(sender.batches)
    assert sent[0] == sent[1]
