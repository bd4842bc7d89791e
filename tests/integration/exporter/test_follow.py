"""The exporter on a real Redis: what a worker writes is shown at once, and every loss heals by itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest

from metrics import view
from metrics.exporter.board import Board
from metrics.exporter.feed.follow import ViewFollower
from metrics.exporter.http.server import Exporter, create_app
from metrics.measure import key
from metrics.redis_client import connect
from metrics.settings import ExporterSettings
from tests.support.servers import redis_server
from tests.support.views import ViewWriter

pytestmark = pytest.mark.integration


def today() -> int:
    return datetime.now(UTC).toordinal()


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 40) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what happens elsewhere sets no event
            await asyncio.sleep(0.02)


class FollowedFloor(ViewWriter):
    """A worker's side of the view, and the exporter's endpoints."""

    def __init__(self, url: str, app_id: str) -> None:
        super().__init__(url, app_id)
        self.settings = ExporterSettings(_env_file=None, app_id=app_id)
        self.redis = connect(url)
        self.board = Board(self.settings)
        self.follower = ViewFollower(self.board, self.redis, app_id)
        self.exporter = Exporter(self.settings, self.board, self.follower)

    async def work(self, calls: int, kind: str = "d", bucket: int | None = None) -> None:
        """Calls of one manager in one part, as a worker writes them."""
        part = view.encode_part({key("c", "inbound", "answered"): calls}) if calls else b"\x80"
        cells = self.keys.cells(kind, today() if bucket is None else bucket, 0)
        await self.write({cells: {view.field(0, "m-1", "north"): part}})

    async def report(self, ago: float = -3600.0, count: int = 1) -> None:
        """The heartbeat of partition 0, and when Kafka last answered; by default one that stays fresh."""
        self.count = count
        at = int((time.time() - ago) * 1000)
        await self.write(at=at, contact=at)

    async def shown(self, client: httpx.AsyncClient, **query: str) -> float | None:
        """Calls of today on /metrics; None when there is no such sample."""
        text = (await client.get("/metrics", params=query)).text
        for line in text.splitlines():
            if line.startswith("sales_calls{") and 'window="day",period="current"' in line:
                return float(line.rsplit(" ", 1)[1])
        return None

    async def eventually(self, client: httpx.AsyncClient, calls: float | None) -> None:
        """Wait until so many calls are shown."""

        async def seen() -> bool:
            return await self.shown(client) == calls

        await eventually(seen)


async def holds(client: httpx.AsyncClient, path: str, text: str) -> bool:
    """Whether an answer has some text."""
    return text in (await client.get(path)).text


@asynccontextmanager
async def running(url: str, app_id: str):
    floor = FollowedFloor(url, app_id)
    app = create_app(floor.exporter)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://exporter") as client,
    ):
        yield floor, client
    await floor.close()
    await floor.redis.aclose()


async def test_what_a_worker_writes_is_shown_at_once(redis_url, app_id):
    """The first scrape after a write has it, whatever the pace; a part that goes takes its sample with it."""
    async with running(redis_url, app_id) as (floor, client):
        await floor.sink.generation()
        await floor.report()
        await floor.work(1)
        await floor.eventually(client, 1)
        for calls in range(2, 30):
            await floor.work(calls)
            assert await floor.shown(client) == calls
        await floor.work(0)
        assert await floor.shown(client) is None


async def test_a_flushed_redis_heals(redis_url, app_id):
    """Another generation: what was held is dropped, and what workers write again is shown."""
    async with running(redis_url, app_id) as (floor, client):
        await floor.sink.generation()
        await floor.report()
        await floor.work(3)
        await floor.eventually(client, 3)
        async for name in floor.redis.scan_iter(match="{" + app_id + "}*"):
            await floor.redis.delete(name)
        floor.lost()
        await floor.sink.generation()
        await floor.work(5)
        await floor.eventually(client, 5)


async def test_a_view_that_begins_again_is_settled_again(redis_url, app_id):
    """A log that was recreated, or has lost its end: offsets of now are less, and the board is as of these."""
    async with running(redis_url, app_id) as (floor, client):
        await floor.sink.generation()
        floor.fence = 1_000
        await floor.report()
        await floor.work(3)
        await floor.eventually(client, 3)
        assert await floor.follower.settle() == {0: floor.fence}
        await asyncio.sleep(2)  # heartbeats are looked at every second
        await floor.sink.forget(0)
        floor.lost()
        floor.fence = 5
        await floor.report()
        await floor.work(4)
        await floor.eventually(client, 4)

        async def is_settled() -> bool:
            return await floor.follower.settle() == {0: floor.fence}

        await eventually(is_settled, 10)
        await floor.eventually(client, 4)


async def test_what_nobody_can_read_is_got_over(redis_url, app_id):
    """An entry of the stream of changes in a form that this release does not know: all is loaded again."""
    async with running(redis_url, app_id) as (floor, client):
        await floor.sink.generation()
        await floor.report()
        await floor.work(3)
        await floor.eventually(client, 3)
        follower = floor.exporter.follower
        await floor.redis.xadd(floor.keys.changes, {"b": view.encode_any(7)})
        await asyncio.sleep(1)
        before = follower.version
        await floor.work(5)

        async def followed() -> bool:
            return follower.version > before  # by itself, while nobody looks

        await eventually(followed)
        await floor.eventually(client, 5)


async def test_changes_that_were_trimmed_away_are_read_from_the_hashes(redis_url, app_id):
    """Entries gone before they were read: everything is read again."""
    async with running(redis_url, app_id) as (floor, client):
        await floor.sink.generation()
        await floor.report()
        await floor.work(1)
        await floor.eventually(client, 1)
        pipeline = floor.redis.pipeline(transaction=True)
        part = view.encode_part({key("c", "inbound", "answered"): 9})
        pipeline.hset(floor.keys.cells("d", today(), 0), view.field(0, "m-1", "north"), view.fenced(99, part))
        pipeline.xadd(floor.keys.changes, {"b": view.encode_any([])}, maxlen=1, approximate=False)
        pipeline.xadd(floor.keys.changes, {"b": view.encode_any([])}, maxlen=1, approximate=False)
        await pipeline.execute()
        await floor.eventually(client, 9)


async def test_the_running_hour_is_there_when_asked_for(redis_url, app_id):
    """Live windows leave the running hour's cells aside; ?at= has them all the same."""
    async with running(redis_url, app_id) as (floor, client):
        await floor.sink.generation()
        await floor.report()
        await floor.work(1)
        await floor.eventually(client, 1)
        now = int(time.time())
        await floor.work(4, "h", now // 3600 * 3600)
        assert await floor.shown(client, at=datetime.fromtimestamp(now, UTC).isoformat()) == 4
        assert await floor.shown(client) == 1


async def test_numbers_are_withheld_while_nobody_vouches_for_them(redis_url, app_id):
    """A silent partition, or one that never reported: no sales families, readyz says why, the age is shown."""
    async with running(redis_url, app_id) as (floor, client):
        await floor.sink.generation()
        await floor.report(ago=120)
        await floor.work(1)
        await eventually(lambda: holds(client, "/metrics", "sales_view_age_seconds"))
        text = (await client.get("/metrics")).text
        assert "sales_calls{" not in text
        assert "sales_view_age_seconds 1" in text
        await eventually(lambda: holds(client, "/readyz", "silent"))
        assert (await client.get("/readyz")).status_code == 503
        await floor.report(count=2)
        await eventually(lambda: holds(client, "/readyz", "partitions [1]"))
        await floor.report()
        await floor.eventually(client, 1)
        assert (await client.get("/readyz")).status_code == 200


async def test_redis_may_come_late_and_go(tmp_path, app_id):
    """No Redis at the start, then one, then none: the exporter answers all the time and says what is wrong."""
    server = redis_server(tmp_path)
    server.start()
    url = server.url
    server.stop()
    async with running(url, app_id) as (floor, client):
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        assert "sales_view_up 0.0" in (await client.get("/metrics")).text
        server.start()
        try:
            await floor.sink.generation()
            await floor.report()
            await floor.work(2)
            await floor.eventually(client, 2)
            assert "sales_view_up 1.0" in (await client.get("/metrics")).text
        finally:
            server.stop()
        await eventually(lambda: holds(client, "/metrics", "sales_view_up 0.0"))
        assert (await client.get("/readyz")).status_code == 503
