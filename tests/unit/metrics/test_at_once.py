"""So many long streams at once: who reads on keeps his place, who does not loses it to who waits."""

import asyncio
import gc

import pytest

from metrics.at_once import AtOnce
from metrics.errors import AwayError


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
