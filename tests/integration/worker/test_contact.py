"""Kafka dead is not healthy: the worker says so within ten seconds, everywhere that it is asked; it recovers."""

import re
import time
from collections import Counter

import httpx
import pytest

from metrics.view import Keys, decode_any, split
from tests.support.servers import kafka_cluster
from tests.support.workers import floor, house, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

_WITHIN = 10.0


@pytest.fixture
def broker(tmp_path):
    """A Kafka node to break."""
    with kafka_cluster(tmp_path, 1) as cluster:
        yield cluster.nodes[0]


def _ready(worker):
    """Status and reason of /readyz."""
    answer = httpx.get(f"http://127.0.0.1:{worker.port}/readyz", timeout=5)
    return answer.status_code, answer.json().get("reason", "")


def _numberless(line):
    return re.sub(r"[0-9a-f]{8,}|[0-9]+", "#", line)


def _alive(worker):
    return httpx.get(f"http://127.0.0.1:{worker.port}/healthz", timeout=5).status_code


async def _contacts(redis, app_id):
    """Age (s) of the last contact with Kafka by heartbeats that are fresh."""
    beats = [decode_any(split(value)[1]) for value in (await redis.hgetall(Keys(app_id).partitions)).values()]
    now = time.time() * 1000
    assert all(now - beat["at"] < 5_000 for beat in beats), "the worker itself goes on reporting"
    return [(now - beat["contact"]) / 1000 for beat in beats]


@pytest.mark.parametrize("how", [pytest.param("killed", marks=pytest.mark.slow), "frozen"])
async def test_without_kafka(how, broker, redis_url, topic_prefix, app_id, tmp_path):
    """Killed or frozen for 75 s, longer than the stall time-out: not ready, alive, not noisy, and back by itself."""
    from redis.asyncio import Redis

    redis = Redis.from_url(redis_url)
    with house(broker.server, redis_url, topic_prefix, app_id, tmp_path) as found:
        worker = found.worker()
        await until(lambda: worker.owned() == {0, 1, 2}, 60, "the worker owns all")
        events = floor(400)
        await found.publish(events[:300])
        await found.verdict()
        assert _ready(worker)[0] == 200
        assert max(await _contacts(redis, app_id)) < 3

        said = len(worker.log)
        broke = time.monotonic()
        (broker.kill if how == "killed" else broker.pause)()
        await until(lambda: _ready(worker)[0] == 503, _WITHIN, "the worker is not ready")
        assert "Kafka has not answered" in _ready(worker)[1]
        age = worker.total("sales_worker_kafka_contact_age_seconds")
        assert 5 < age < time.monotonic() - broke + 2
        assert min(await _contacts(redis, app_id)) > 5
        await until(lambda: time.monotonic() - broke > 75, 80, "75 s pass", pause=1)
        assert _ready(worker)[0] == 503
        assert _alive(worker) == 200, "a restart would not bring Kafka back"
        assert worker.total("sales_worker_kafka_contact_age_seconds") > 65
        assert min(await _contacts(redis, app_id)) > 65

        lines = Counter(_numberless(line) for line in worker.log[said:].splitlines())
        assert lines, "it is said"
        assert max(lines.values()) <= 3, lines.most_common(3)
        assert lines.total() < 60, "a page says it all"

        if how == "killed":
            broker.start()
        else:
            broker.resume()
        await until(lambda: _ready(worker)[0] == 200, 30, "the worker is ready again")
        assert _alive(worker) == 200
        await found.publish(events[300:])
        report = await found.verdict()
        assert report.is_equal
        assert sum(report.outcomes.values()) + sum(report.refused.values()) == 400
        assert worker.process.poll() is None, "the same process goes on"
        assert max(await _contacts(redis, app_id)) < 3
    await redis.aclose()
