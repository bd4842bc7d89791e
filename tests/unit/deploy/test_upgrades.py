"""A request that offers HTTP/2 beside its body is answered as if it had not, however it is cut into pieces."""

import asyncio
import socket

import pytest
import uvicorn

from deploy.upgrades import Protocol

OFFER = "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\nUpgrade: h2c\r\n"
BODY = b"text: \r\nUpgrade: h2c\r\n\r\n"


async def echo(scope, receive, send):
    """Give back the body."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize("piece", [1, 7, 30, 10_000])
@pytest.mark.parametrize("offer", [OFFER, ""])
async def test_an_offer_of_http2_costs_no_body(offer, piece):
    """Twice on one connection, the body arrives as it was sent."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(echo, http=Protocol, log_config=None, lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = f"POST / HTTP/1.1\r\nContent-Length: {len(BODY)}\r\nHost: x\r\n{offer}\r\n".encode() + BODY
        for _ in range(2):
            for place in range(0, len(request), piece):
                writer.write(request[place : place + piece])
                await asyncio.sleep(0)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(len(BODY)) == BODY
        writer.close()
        server.should_exit = True
        await running
