"""What the view holds: the same answer from Redis and from memory."""

import pytest

from metrics.view import Keys, encode_any, fenced, field
from streams.view.sink import RedisSink
from tests.support.sink_in_memory import InMemorySink

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
    wheres = [(day, number, name) for day in range(739_000, 739_250) for number, name in ((1, one), (3, other))]
    days = {keys.cells("d", day, number): {name: part} for day, number, name in wheres}
    await sink.write(
        {
            **days,
            keys.cells("o", 0, 1): {two: fenced(7, b"\x80")},
            keys.waiting: {b"1": part},
            keys.unanswered: {b"1": part},
        }
    )
    held = await sink.held({1, 2})
    assert held == {1: {**{("d", day): {one} for day in range(739_000, 739_250)}, ("o", 0): {two}}, 2: {}}


async def test_beats_and_forget(sink, app_id):
    """Heartbeats as they were written; after `forget` neither that nor the partition's parts."""
    keys = Keys(app_id)
    beats = {b"1": {"log": "a"}, b"2": {"at": 1}, b"3": {"log": "b"}}
    parts = {
        keys.cells("d", 739_000, number): {field(number, "m-1", "t"): fenced(7, b"\x81\xa1c\x01")} for number in (1, 3)
    }
    await sink.write({
        keys.partitions: {number: fenced(7, encode_any(beat)) for number, beat in beats.items()},
        **parts,
    })  # fmt: skip
    assert await sink.beats({1, 2, 4}) == {number: fenced(7, encode_any(beats[b"%d" % number])) for number in (1, 2)}
    await sink.forget(3)
    assert set(await sink.beats({1, 2, 3})) == {1, 2}
    assert await sink.held({1, 3}) == {1: {("d", 739_000): {field(1, "m-1", "t")}}, 3: {}}


async def test_dropped_as_a_whole(sink, app_id):
    """Of a bucket that is past nothing is left, whatever is said of its fields; the manifest no longer counts it."""
    keys = Keys(app_id)
    past, kept = keys.cells("h", 3600, 1), keys.cells("h", 7200, 1)
    parts = {field(1, f"m-{number}", "t"): fenced(7, b"\x81\xa1c\x01") for number in range(500)}
    await sink.write({past: parts, kept: parts, keys.waiting: {b"1": b""}}, whole={past, kept})
    assert (await sink.check(1)).hashes == 2
    some = dict.fromkeys(list(parts)[:3], fenced(9, b""))
    await sink.write({past: some, kept: some}, gone={past})
    assert (await sink.size(past), await sink.size(kept)) == (0, 497)
    assert (await sink.check(1))[:2] == (1, [])
    assert await sink.held({1}) == {1: {("h", 7200): parts.keys() - some.keys()}}


async def test_lists_say_as_of_when_they_are(sink, app_id):
    """The fence of each list; none of what is not there, or is something else."""
    keys = Keys(app_id)
    assert (await sink.check(1)).lists == (b"", b"")
    await sink.write({keys.waiting: {b"1": fenced(7, b"\x90")}, keys.unanswered: {b"2": fenced(9, b"\x90")}})
    assert (await sink.check(1)).lists == (fenced(7, b""), b"")
    assert (await sink.check(2)).lists == (b"", fenced(9, b""))
