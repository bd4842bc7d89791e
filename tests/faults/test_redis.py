"""Redis dies, forgets, freezes and fills up under load: folding goes on, and the view heals by itself."""

import time

import pytest
import redis as client

from tests.faults.run import PARTITIONS

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


def test_killed(run, redis):
    """SIGKILL of Redis, which comes back empty after five seconds."""
    run.begin("one", "two")
    began = run.fault("SIGKILL of Redis")
    redis.kill()
    before = run.fences()
    run.sleep(5)
    assert run.moved(before), "folding went on without Redis"
    redis.start()
    run.notes["back"] = run.shown(40) - began
    row = run.settle()
    assert row.standstill < 5
    row.append()


def test_flushed(run):
    """FLUSHALL, three times."""
    run.begin("one", "two")
    back = []
    for _ in range(3):
        began = run.fault("FLUSHALL")
        run.flush_redis()
        back.append(run.shown(30) - began)
        run.sleep(2)
    run.notes["back"] = max(back)
    row = run.settle()
    assert row.standstill < 5
    row.append()


def test_paused(run, redis):
    """Redis paused for 30 s."""
    run.begin("one", "two")
    began = run.fault("SIGSTOP of Redis")
    redis.pause()
    before = run.fences()
    run.sleep(30)
    assert run.moved(before), "folding went on without Redis"
    redis.resume()
    run.notes["back"] = run.shown(30) - began
    row = run.settle()
    assert row.standstill < 5
    row.append()


def test_full(run):
    """Redis full: it refuses every write for ten seconds."""
    run.begin("one", "two")
    with client.Redis.from_url(run.redis.url) as admin:
        began = run.fault("maxmemory")
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("maxmemory", "1mb")
        run.sleep(10)
        with pytest.raises(client.exceptions.OutOfMemoryError):
            admin.set("one", "more")
        assert sum(len(worker.ready) for worker in run.workers) == PARTITIONS
        admin.config_set("maxmemory", "0")
    run.notes["back"] = run.shown(30) - began
    row = run.settle()
    assert row.standstill < 5
    row.append()


def test_dies_with_a_worker(run, redis):
    """Redis and a worker killed together: the new owner writes the whole view into an empty Redis."""
    one, two = run.begin("one", "two")
    run.until(lambda: one.ready and two.ready, 40, "both own some")
    run.fault("SIGKILL of both")
    redis.kill()
    one.down()
    run.until(lambda: len(two.ready) == PARTITIONS, 40, "the other one owns all, without Redis")
    began = time.monotonic()
    redis.start()
    run.notes["view_back"] = round(run.shown(30) - began, 1)
    run.settle().append()
