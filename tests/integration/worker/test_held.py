"""Which parts the view holds: the same answer from Redis and from memory."""

import pytest

from metrics.view import Keys, fenced, field
from streams.sink import InMemorySink, RedisSink

pytestmark = pytest.mark.integration


@pytest.fixture(params=["redis", "memory"])
async def sink(request, redis_url, app_id):
    found = RedisSink(redis_url, app_id) if request.param == "redis" else InMemorySink(app_id)
    yield found
    await found.close()


async def test_held(sink, app_id):
    """Fields by partition and bucket; other hashes and other partitions do not show."""
    keys = Keys(app_id)
    one, two, other = field(1, "m-1", "t"), field(1, "m-2", ""), field(3, "m-1", "t")
    part = fenced(7, b"\x81\xa1c\x01")
    days = {keys.cells("d", day): {one: part, other: part} for day in range(739_000, 739_250)}
    await sink.write({**days, keys.cells("o", 0): {two: fenced(7, b"\x80")}, keys.waiting: {b"1": part}})
    held = await sink.held({1, 2})
    assert held == {1: {**{("d", day): {one} for day in range(739_000, 739_250)}, ("o", 0): {two}}, 2: {}}
