"""What Redis loses of the view, in whatever way: no exporter shows a wrong number, and all heals by itself.

A real owner folds and publishes into a real Redis all the time; exporters start again and again and load what is there.
"""

import asyncio
import random
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from metrics.exporter.board import Board
from metrics.exporter.feed.follow import ViewFollower
from metrics.exporter.feed.trust import Trust
from metrics.redis_client import connect
from metrics.settings import ExporterSettings
from metrics.view import Keys, encode_any
from streams.settings import WorkerSettings
from streams.view.publish import ViewPublisher
from streams.view.reference import ReferenceView
from streams.view.sink import RedisSink
from tests.support.boards import parts_of
from tests.support.servers import redis_server
from tests.support.workers import until
from tests.unit.streams.conftest import OwnerHouse

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

APP = "losses"
MANAGERS, DAYS = 12, 60
HEALS_SECONDS = 12.0
RATE = 200
QUIET_SECONDS, LOADS = 90.0, 50
DAY_MS = 86_400_000


class LosingFloor:
    """An owner of one partition that counts meetings, a publisher, and exporters that come and go."""

    def __init__(self, owner, url: str) -> None:
        self.owner = owner
        self.keys = Keys(APP)
        self.redis = connect(url)
        self.url = url
        self.sink = RedisSink(url, APP)
        self.sent = 0
        self.publisher = ViewPublisher(
            self.sink, self.keys, lambda: list(owner.owned.values()), owner.sensors, owner.status,
            interval=0.05, worker_id="w", zone="UTC", local=owner._rules.local,
        )  # fmt: skip

    def meeting(self, days_ago: int) -> SimpleNamespace:
        """One meeting, each of its own, so that the number of meetings is the number of events."""
        number, self.sent = self.sent, self.sent + 1
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days_ago * 86_400))
        value = (
            f'{{"specversion":"1.0","id":"e-{number}","source":"t://1","type":"sales.meeting.held.v1","time":"{at}",'
            f'"data":{{"meeting_id":"{number}","client_id":"c-1","manager_id":"m-{number % MANAGERS}"}}}}'
        ).encode()
        return SimpleNamespace(
            topic="sales.events", partition=0, offset=number, timestamp=int(time.time() * 1000), timestamp_type=1,
            key=b"c-1", value=value, headers=(),
        )  # fmt: skip

    async def history(self) -> None:
        await self.owner.fold(0, [[self.meeting(day) for day in range(DAYS, 0, -1) for _ in range(MANAGERS)]])

    async def busy(self) -> None:
        """Fold and publish, for ever."""
        running = asyncio.create_task(self.publisher.run())
        try:
            while True:
                await self.owner.fold(0, [[self.meeting(0) for _ in range(RATE // 10)]])
                self.owner.owned[0].partition.counts.folded.clear()
                await asyncio.sleep(0.1)
        finally:
            running.cancel()

    @asynccontextmanager
    async def exporter(self):
        """A freshly started one."""
        client = connect(self.url)
        follower = ViewFollower(Board(ExporterSettings(_env_file=None, app_id=APP)), client, APP)
        task = asyncio.create_task(follower.run())
        try:
            yield follower
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await client.aclose()

    def shown(self, follower: ViewFollower) -> int | None:
        """Meetings of the last 400 days before today; None when numbers are withheld."""
        if Trust(follower, time.time, 60).problem():
            return None
        board, today = follower._board, int(time.time()) // 86_400 + 719_163
        days = (bucket for bucket in board._parts.buckets() if bucket[0] == "d" and bucket[1] < today)
        return sum(part.get("m", 0) for day in days for part in parts_of(board, day).values())


@pytest.fixture
async def floor(tmp_path):
    """A floor at work, on a Redis of its own, of which everything is shown."""
    with redis_server(tmp_path) as server:
        house = OwnerHouse(tmp_path)
        house.broker.source_end = 0
        owner = house.owner(flush_interval=1)
        await owner.open([0])
        found = LosingFloor(owner, server.url)
        await found.history()
        working = asyncio.create_task(found.busy())
        try:
            async with found.exporter() as follower:
                await until(lambda: found.shown(follower) == DAYS * MANAGERS, 20, "all is shown", pause=0.01)
            yield found
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await owner.close([0])
            await found.sink.close()
            await found.redis.aclose()


async def keys_of(floor: LosingFloor, kind: str) -> list[bytes]:
    return sorted([key async for key in floor.redis.scan_iter(match=floor.keys.cells(kind, 0, 0)[:-3] + "*")])


async def evict_days(floor: LosingFloor) -> None:
    await floor.redis.delete(*random.Random(1).sample(await keys_of(floor, "d"), 20))


async def evict_today(floor: LosingFloor) -> None:
    await floor.redis.delete((await keys_of(floor, "d"))[-1], *(await keys_of(floor, "m")))


async def take_fields(floor: LosingFloor) -> None:
    for key in (await keys_of(floor, "d"))[:5]:
        await floor.redis.hdel(key, (await floor.redis.hkeys(key))[0])


async def replace_by_strings(floor: LosingFloor) -> None:
    for key in (await keys_of(floor, "d"))[:5]:
        await floor.redis.set(key, "something else")


async def let_expire(floor: LosingFloor) -> None:
    for key in (await keys_of(floor, "d"))[:5]:
        await floor.redis.pexpire(key, 1)


async def lose_manifest(floor: LosingFloor) -> None:
    await floor.redis.delete(floor.keys.manifest(0))


async def lose_manifest_and_days(floor: LosingFloor) -> None:
    await floor.redis.delete(floor.keys.manifest(0), *(await keys_of(floor, "d"))[:20])


async def lose_heartbeats(floor: LosingFloor) -> None:
    await floor.redis.delete(floor.keys.partitions)


async def lose_waiting(floor: LosingFloor) -> None:
    await floor.redis.delete(floor.keys.waiting)


async def lose_unanswered(floor: LosingFloor) -> None:
    await floor.redis.delete(floor.keys.unanswered)


async def lose_stream(floor: LosingFloor) -> None:
    await floor.redis.delete(floor.keys.changes)


async def lose_generation(floor: LosingFloor) -> None:
    await floor.redis.delete(floor.keys.generation)


async def flush(floor: LosingFloor) -> None:
    await floor.redis.flushdb()


async def flush_half(floor: LosingFloor) -> None:
    """Every second key, as a client does that deletes what it scans and is stopped."""
    every = sorted([key async for key in floor.redis.scan_iter()])
    await floor.redis.delete(*every[::2])


async def evict_by_itself(floor: LosingFloor, policy: str) -> None:
    """A memory limit that it has to evict for."""
    before = (await floor.redis.info("stats"))["evicted_keys"]
    await floor.redis.config_set("maxmemory-policy", policy)
    used = (await floor.redis.info("memory"))["used_memory"]
    for share in (0.99, 0.97, 0.95, 0.92, 0.9, 0.87, 0.85):
        await floor.redis.config_set("maxmemory", int(used * share))
        await asyncio.sleep(0.3)
        if (await floor.redis.info("stats"))["evicted_keys"] - before >= 5:
            break
    await floor.redis.config_set("maxmemory", 0)
    assert (await floor.redis.info("stats"))["evicted_keys"] > before


def policy(name: str):
    async def evict(floor: LosingFloor) -> None:
        await evict_by_itself(floor, name)

    evict.__name__ = name
    return evict


LOSSES = [
    evict_days, evict_today, take_fields, replace_by_strings, let_expire, lose_manifest, lose_manifest_and_days,
    lose_heartbeats, lose_waiting, lose_unanswered, lose_stream, lose_generation, flush, flush_half,
    *map(policy, ("volatile-lru", "allkeys-lru", "volatile-ttl", "allkeys-random", "volatile-random")),
]  # fmt: skip


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
async def test_no_wrong_number_and_it_heals(floor, lose):
    """An exporter that was there, and ones that start meanwhile, show the right number or none; soon all show it."""
    right = DAYS * MANAGERS
    wrong: list[tuple[str, int]] = []
    async with floor.exporter() as old:
        await until(lambda: floor.shown(old) == right, 20, "the first exporter shows all", pause=0.01)
        await lose(floor)
        began = time.monotonic()
        healed = None
        while time.monotonic() - began < HEALS_SECONDS and healed is None:
            async with floor.exporter() as new:
                for _ in range(20):
                    await asyncio.sleep(0.02)
                    seen = {"old": floor.shown(old), "new": floor.shown(new)}
                    wrong += [(which, number) for which, number in seen.items() if number not in {right, None}]
                    if seen == {"old": right, "new": right} and not (await new._manifests.holes()).hashes:
                        healed = time.monotonic() - began
                        break
        assert wrong == []
        assert healed is not None, (old.lacking, (await old._manifests.holes()).what)
        print(f"{lose.__name__}: healed after {healed:.1f} s")


async def go_back(floor: LosingFloor, kept: dict[bytes, bytes]) -> None:
    """Another server takes over, which has not heard of what was written since: at once, and no connection ends."""
    pipe = floor.redis.pipeline(transaction=True)
    pipe.flushdb()
    for key, value in kept.items():
        pipe.restore(key, 0, value)
    await pipe.execute()


async def kept(floor: LosingFloor) -> dict[bytes, bytes]:
    """All that is in Redis, at one moment."""
    names = [key async for key in floor.redis.scan_iter()]
    pipe = floor.redis.pipeline(transaction=True)
    for name in names:
        pipe.dump(name)
    return {name: value for name, value in zip(names, await pipe.execute(), strict=True) if value is not None}


async def test_an_older_copy_takes_over(floor, monkeypatch):
    """Numbers of then may be seen, as of then, until the worker writes; never a mixture of then and now."""
    monkeypatch.setattr("streams.view.publish._CHUNK_PARTS", 100)
    then, wrong = DAYS * MANAGERS, []
    right = 2 * then
    async with floor.exporter() as old:
        old.pace.watchers = 1
        await until(lambda: floor.shown(old) == then, 20, "the first exporter shows all", pause=0.01)
        before = await kept(floor)
        await floor.history()
        await until(lambda: floor.shown(old) == right, 20, "what is new is shown", pause=0.01)
        floor.publisher._interval = 1.5
        await asyncio.sleep(0.3)
        await go_back(floor, before)
        async with floor.exporter() as new:
            new.pace.watchers = 1
            await until(lambda: new.loaded, 10, "an exporter has started before the worker writes", pause=0.001)
            floor.publisher._interval = 0.1
            began, healed = time.monotonic(), False
            while time.monotonic() - began < 2 * HEALS_SECONDS and not healed:
                await asyncio.sleep(0.01)
                seen = {"old": floor.shown(old), "new": floor.shown(new)}
                wrong += [(which, n) for which, n in seen.items() if n not in {right, then, None}]
                healed = seen == {"old": right, "new": right} and not (await new._manifests.holes()).hashes
            assert wrong == []
            assert healed, (old.lacking, new.lacking, (await old._manifests.holes()).what)


def rate(offset, number, *, deleted=False):
    """A record of the reference topic."""
    day = f"2026-01-{number + 1:02}"
    value = (
        f'{{"specversion":"1.0","id":"r-{number}","source":"t://1","type":"sales.rate.set.v1",'
        f'"time":"2026-01-31T10:00:00Z","data":{{"currency":"USD","date":"{day}","rate":"90"}}}}'
    ).encode()
    return SimpleNamespace(
        offset=offset, timestamp=int(time.time() * 1000), timestamp_type=1, headers=(), key=f"rate:USD:{day}".encode(),
        value=None if deleted else value,
    )  # fmt: skip


async def test_reference_records_deleted_and_lost(floor):
    """One that somebody deletes is no loss: nothing is withheld. One that Redis loses is, until it is there again."""
    workers = [ReferenceView(WorkerSettings(app_id=APP, worker_id=name), floor.sink, "a") for name in ("w", "v")]
    for worker in workers:
        for number in range(20):
            worker.take(rate(number, number))
        await worker.show()
    async with floor.exporter() as follower:
        follower.pace.watchers = 1
        trust = Trust(follower, time.time, 60)
        await until(lambda: not trust.problem(), 20, "all is shown", pause=0.01)
        problems = []
        for number in range(5):
            for worker in workers:
                worker.take(rate(20 + number, number, deleted=True))
                await worker.show()
                began = time.monotonic()
                while time.monotonic() - began < 0.5:
                    problems += [problem] if (problem := trust.problem()) else []
                    await asyncio.sleep(0.005)
        assert problems == []
        assert (await follower._manifests.holes()).hashes == 0
        await floor.redis.hdel(floor.keys.reference, rate(0, 7).key)
        assert (await follower._manifests.holes()).what == "1 reference records"
        await workers[0].show()
        assert (await follower._manifests.holes()).hashes == 0


class Meddled:
    """A client of Redis: when fields are asked for that are not there, something happens before the next command."""

    def __init__(self, redis, meddle):
        self._redis, self._meddle = redis, meddle

    def __getattr__(self, name):
        return getattr(self._redis, name)

    def pipeline(self, **named):
        pipe = self._redis.pipeline(**named)
        execute = pipe.execute

        async def execute_and_meddle(*some, **more):
            asked = any(command[0][0] == "HMGET" for command in pipe.command_stack)
            answers = await execute(*some, **more)
            if asked and any(isinstance(one, list) and None in one for one in answers):
                await self._meddle()
            return answers

        pipe.execute = execute_and_meddle
        return pipe


@pytest.mark.parametrize("days", [1, 20])
async def test_healed_while_it_is_looked_at(floor, days):
    """What is not there when it is fetched, and is again when it is asked whether it was lost, was not taken away."""
    right, wrong, healed = DAYS * MANAGERS, [], 0
    async with floor.exporter() as follower:
        follower.pace.watchers = 1
        await until(lambda: floor.shown(follower) == right, 20, "all is shown", pause=0.01)
        keys = (await keys_of(floor, "d"))[:days]
        copies = {key: await floor.redis.dump(key) for key in keys}
        names = [(key.decode(), await floor.redis.hkeys(key)) for key in keys]

        async def heal():
            nonlocal healed
            for key, copy in copies.items():
                healed += 1
                await floor.redis.restore(key, 0, copy, replace=True)

        follower._redis = Meddled(follower._redis, heal)
        pipe = floor.redis.pipeline(transaction=True)
        pipe.delete(*keys)
        pipe.xadd(floor.keys.changes, {"b": encode_any(names)})
        await pipe.execute()
        began = time.monotonic()
        while time.monotonic() - began < 3:
            wrong += [number] if (number := floor.shown(follower)) not in {right, None} else []
            await asyncio.sleep(0.002)
        assert healed >= days
        assert wrong == []
        assert floor.shown(follower) == right


async def test_counted_again_from_its_start(floor):
    """What an owner takes away, as it counts the log again, is not shown half: by nobody, however it looks."""
    right, wrong, withheld = DAYS * MANAGERS, [], 0
    async with floor.exporter() as follower:
        follower.pace.watchers = 1
        await until(lambda: floor.shown(follower) == right, 20, "all is shown", pause=0.01)
        # As a new owner whose partition was counted from the log.
        floor.owner.owned[0].is_rebuilt = True
        floor.publisher._writing.clear()
        began = time.monotonic()
        while time.monotonic() - began < HEALS_SECONDS and not (withheld and floor.shown(follower) == right):
            await follower.catch_up(hours=True)
            number = floor.shown(follower)
            withheld += number is None
            wrong += [number] if number not in {right, None} else []
            await asyncio.sleep(0.002)
        assert wrong == []
        assert withheld
        assert floor.shown(follower) == right


@pytest.mark.slow
async def test_no_false_alarm_under_load(floor):
    """While nothing is lost nothing is withheld or written again, whatever is written meanwhile."""
    right, loads, began = DAYS * MANAGERS, 0, time.monotonic()
    async with floor.exporter() as old:
        while loads < LOADS or time.monotonic() - began < QUIET_SECONDS:
            async with floor.exporter() as new:
                await until(lambda: new.loaded, 60, "it is loaded", pause=0.005)
                assert new.lacking == ""
                assert floor.shown(new) == right
            assert (await old._manifests.holes()).hashes == 0
            assert old.lacking == ""
            loads += 1
    assert floor.owner.sensors.registry.get_sample_value("sales_worker_view_lost_total") == 0
    print(f"{loads} loads in {time.monotonic() - began:.0f} s, {floor.sent} events")
