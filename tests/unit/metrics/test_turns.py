"""So many costly answers and long streams at once; who reads on keeps his place, who does not loses it to who waits."""

import asyncio
import gc

import pytest

from metrics.errors import AwayError
from metrics.turns import AtOnce, NobodyWaitsError, Turns


class Source:
    """Counts for ever. is_closed: whether it was let go of."""

    def __init__(self, most=1000):
        self.most, self.is_closed = most, False

    async def read(self):
        try:
            for n in range(self.most):
                await asyncio.sleep(0)
                yield n
        finally:
            self.is_closed = True


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


async def test_where_all_read_on_one_more_is_told():
    """And the place of who has ended, or left, is free again."""
    places, sources = AtOnce(2, "streams of x", Clock()), [Source(3), Source()]
    first, second = [await places.begin(one.read()) for one in sources]
    with pytest.raises(AwayError, match="2 streams of x are read already"):
        await places.begin((late := Source()).read())
    assert [one async for one in first] == [0, 1, 2]
    third = await places.begin(Source().read())
    assert await anext(second) == 0
    await second.aclose()
    fourth = await places.begin(Source().read())
    assert [await anext(third), await anext(fourth)] == [0, 0]
    assert sources[1].is_closed
    assert not late.is_closed  # it was never begun


async def test_who_does_not_read_loses_his_place():
    """What he read from is let go of at once, and he sees that it was not all; who read since keeps his."""
    clock = Clock()
    places, idle, busy = AtOnce(2, "streams", clock), Source(), Source()
    one, other = await places.begin(idle.read()), await places.begin(busy.read())
    await anext(one)
    clock.now = 60.0
    assert [await anext(other) for _ in range(3)] == [0, 1, 2]
    new = await places.begin(Source().read())
    assert idle.is_closed
    assert not busy.is_closed
    with pytest.raises(AwayError, match="was not read for a while"):
        await anext(one)
    assert [await anext(other), await anext(new)] == [3, 0]


async def test_who_leaves_before_he_hears_anything_holds_no_place():
    places, source = AtOnce(1, "streams", Clock()), Source()
    unheard = await places.begin(source.read())
    del unheard
    gc.collect()
    await asyncio.sleep(0.01)
    assert source.is_closed
    await places.begin(Source().read())


async def test_what_fails_at_once_holds_no_place():
    async def broken():
        raise ValueError("no such label")
        yield b""

    places = AtOnce(1, "streams", Clock())
    for _ in range(3):
        with pytest.raises(ValueError, match="no such label"):
            await places.begin(broken())
    assert [one async for one in await places.begin(Source(0).read())] == []


async def here():
    return False


async def gone():
    return True


async def test_so_many_are_worked_out_at_once():
    """The others wait; where too many do, or for too long, they are told, and those that wait are not forgotten."""
    turns, most, now = Turns(2, most=3, patience=0.1), [0], [0]

    async def ask(seconds):
        async with turns.one(here):
            now[0] += 1
            most[0] = max(most[0], now[0])
            await asyncio.sleep(seconds)
            now[0] -= 1

    asked = [asyncio.create_task(ask(0.02)) for _ in range(5)]
    await asyncio.sleep(0.001)
    with pytest.raises(AwayError, match="3 questions of this kind wait already"):
        await ask(0)
    await asyncio.gather(*asked)
    assert most == [2]
    long = [asyncio.create_task(ask(0.3)) for _ in range(3)]
    *done, late = await asyncio.gather(*long, return_exceptions=True)
    assert (done, type(late)) == ([None, None], AwayError)
    await ask(0)


async def test_for_who_has_left_nothing_is_worked_out():
    """Neither begun nor gone on with, and his turn is free again."""
    turns, steps, left = Turns(1), [], [False]

    async def has_left():
        return left[0]

    def working():
        for n in range(1000):
            steps.append(n)
            left[0] = n > 100
            yield n

    with pytest.raises(NobodyWaitsError):
        async with turns.one(gone):
            pytest.fail("it was begun")
    with pytest.raises(NobodyWaitsError):
        async with turns.one(has_left) as turn:
            await turn.through(working())
    assert len(steps) < 200
    async with turns.one(here) as turn:
        assert await turn.through(iter("abc")) == "c"
        assert await turn.through(()) is None
