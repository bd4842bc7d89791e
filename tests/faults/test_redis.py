"""Redis dies, forgets, freezes, fills up and evicts under load: folding goes on, and the view heals by itself."""

import asyncio
import json
import time
from contextlib import ExitStack
from datetime import date, timedelta

import pytest
import redis as client

from producers.publisher import SalesPublisher
from tests.faults.run import PARTITIONS
from tests.faults.seen import Server, metric

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


FIRST, LAST, EACH, MANAGERS = 95, 36, 25, 40
"""Days ago between which managers of their own held so many meetings a day: older than anything in the load."""
HELD_SECONDS, HEALS_SECONDS = 25.0, 45.0


def past(today):
    """Meetings that no event of the load changes, and how many each day has."""
    records, days = [], {}
    for ago in range(FIRST, LAST - 1, -1):
        day = today - timedelta(days=ago)
        days[day.isoformat()] = EACH
        for number in range(EACH):
            event = {
                "specversion": "1.0", "id": f"past-{ago}-{number}", "source": "test://past",
                "type": "sales.meeting.held.v1", "time": f"{day}T09:30:00Z",
                "data": {"meeting_id": f"past-{ago}-{number}", "client_id": f"past-{number}",
                         "manager_id": f"past-{(ago * EACH + number) % MANAGERS}"},
            }  # fmt: skip
            records.append((f"past-{number}".encode(), json.dumps(event).encode()))
    return records, days


async def _publish(kafka, records):
    async with SalesPublisher(kafka) as publisher:
        await publisher.publish_many_raw(records)


class ShownPast:
    """What an exporter shows of the past: by day, and of one manager on /metrics; None while it is withheld."""

    def __init__(self, exporter, days):
        first, last = min(days), max(days)
        self._exporter = exporter
        self._days = days
        self._path = f"/api/v1/history?family=sales_meetings&level=company&step=day&from={first}&to={last}"
        year = str(date.today().year)  # noqa: DTZ011 - the days are weeks old
        numbers = range(len(days) * EACH)
        order = [day for day in days for _ in range(EACH)]
        ago = [(FIRST - index // EACH) * EACH + index % EACH for index in numbers]
        self._of_one = sum(day.startswith(year) and a % MANAGERS == 1 for day, a in zip(order, ago, strict=True))

    def right(self):
        return self._days, float(self._of_one) or None

    def now(self):
        """Both; status 0 is no answer."""
        code, answer = self._exporter.get(self._path)
        by_day = None
        if code == 200:
            (series,) = answer.get("series", [answer])
            by_day = {one["from"]: sum(value["value"] for value in one["values"]) for one in series["points"]}
        else:
            assert code in {0, 503}, answer
        text = self._exporter.get("/metrics")[1]
        return by_day, metric(text or "", "sales_meetings", manager="past-1", window="year", period="current")


@pytest.mark.parametrize("policy", ["volatile-lru", "allkeys-lru"])
def test_evicting(small_run, policy):
    """Redis evicts what the view needs: withheld, written again, shown again, and no number is ever wrong."""
    run = small_run
    run.case = f"{run.case} ({policy})"
    with client.Redis.from_url(run.redis.url) as admin, ExitStack() as servers:
        admin.config_set("maxmemory-policy", policy)
        run.begin("one")
        records, days = past(date.today())  # noqa: DTZ011 - the days are weeks old
        asyncio.run(_publish(run.kafka, records))
        old = servers.enter_context(Server(run, "exporter", "old"))
        shown = ShownPast(old, days)
        run.until(lambda: old.ready() and shown.now() == shown.right(), 60, "all is shown")
        evicted = admin.info("stats")["evicted_keys"]
        began = run.fault(f"maxmemory, {policy}")
        admin.config_set("maxmemory", int(admin.info("memory")["used_memory"] * 0.93))
        wrong, withheld, new = [], 0, None
        while time.monotonic() - began < HELD_SECONDS:
            if new is None and time.monotonic() - began > HELD_SECONDS / 3:
                new = ShownPast(servers.enter_context(Server(run, "exporter", "new")), days)
            for one in (shown, new) if new else (shown,):
                for seen, right in zip(one.now(), one.right(), strict=True):
                    withheld += seen is None
                    wrong += [seen] if seen not in (None, right) else []
            run.sleep(0.2)
        evicted = admin.info("stats")["evicted_keys"] - evicted
        admin.config_set("maxmemory", "0")
        released = time.monotonic()
        while not (shown.now() == shown.right() and new.now() == new.right() and old.ready()):
            wrong += [seen for one in (shown, new) for seen, right in zip(one.now(), one.right(), strict=True)
                      if seen not in (None, right)]  # fmt: skip
            assert time.monotonic() - released < HEALS_SECONDS, (old.get("/readyz"), old.log.read_text()[-2000:])
            run.sleep(0.2)
        run.notes |= {"back": time.monotonic() - released, "evicted": evicted, "withheld": withheld}
        assert evicted, "nothing was evicted"
        assert withheld, "a loss was seen"
        assert wrong == []
        assert f"Redis evicts keys ({policy})" in (run.folder / "new.log").read_text(), "it says what is wrong at start"
    run.settle().append()
