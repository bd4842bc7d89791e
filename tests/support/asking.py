"""A client that asks an application in this process, for code that waits for its answers."""

import asyncio
from typing import Any

import httpx


def client_of(app: Any) -> httpx.Client:
    """Each request runs in a loop of its own."""

    async def ask(request: httpx.Request) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://exporter") as client:
            found = await client.request(request.method, request.url, headers=request.headers)
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)

    return httpx.Client(
        transport=httpx.MockTransport(lambda request: asyncio.run(ask(request))), base_url="http://exporter"
    )
