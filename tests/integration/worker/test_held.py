"""What the view holds: the same answer from Redis and from memory."""

import pytest

from metrics.view import Keys, encode_any, fenced, field
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


async def test_logs_and_forget(sink, app_id):
    """Which log a partition was shown of, where its heartbeat says so; after `forget` neither that nor its parts."""
    keys = Keys(app_id)
    beats = {b"1": {"log": "a"}, b"2": {"at": 1}, b"3": {"log": "b"}}
    part = {field(number, "m-1", "t"): fenced(7, b"\x81\xa1c\x01") for number in (1, 3)}
    await sink.write({
        keys.partitions: {number: fenced(7, encode_any(beat)) for number, beat in beats.items()},
        keys.cells("d", 739_000): part,
    })  # fmt: skip
    assert await sink.logs({1, 2, 4}) == {1: "a"}
    await sink.forget(3)
    assert await sink.logs({1, 2, 3}) == {1: "a"}
    assert await sink.held({1, 3}) == {1: {("d", 739_000): {field(1, "m-1", "t")}}, 3: {}}
