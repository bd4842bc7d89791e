"""The worker's HTTP face: three pages, and no more connections than it has descriptors for."""

import asyncio
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from deploy.stack.ports import free_port
from metrics.access.access import Access
from metrics.settings import WebSettings
from streams.runtime.health import MOST_CONNECTIONS, Health
from streams.runtime.status import Status


@asynccontextmanager
async def serving():
    """A worker's face; gives its port."""
    registry, port = CollectorRegistry(), free_port()
    Counter("sales_events", "Some", registry=registry).inc(3)
    access = Access(WebSettings(_env_file=None))
    health = Health(f"127.0.0.1:{port}", access, Status(), registry, 60.0, lambda: "restoring")
    await health.start()
    yield port
    await health.close()


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/metrics", 200, "sales_events_total 3.0"),
        ("HEAD", "/metrics", 200, ""),
        ("GET", "/healthz", 200, "ok"),
        ("GET", "/readyz", 503, "restoring"),
        ("GET", "/metric", 404, "there is no /metric"),
        ("POST", "/metrics", 405, "use GET"),
    ],
)
async def test_pages(method, path, status, text):
    async with serving() as port, httpx.AsyncClient(base_url=f"http://localhost:{port}") as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert text in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_no_connection_that_says_nothing_keeps_others_out():
    """The oldest goes for the newest, and who asks is answered."""
    async with serving() as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_CONNECTIONS + 50)]
        async with httpx.AsyncClient(base_url=f"http://localhost:{port}") as client:
            assert (await client.get("/healthz")).status_code == 200
        with suppress(ConnectionError):
            assert await asyncio.wait_for(silent[0][0].read(), 5) == b""
        assert not silent[-1][0].at_eof()
        for _, writer in silent:
            writer.transport.abort()
