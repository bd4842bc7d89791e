"""What one connection may hold of a server, and for how long; and that an offer of HTTP/2 costs no body."""

import asyncio
import socket
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from deploy import connections
from deploy.connections import Protocol

OFFER = "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\nUpgrade: h2c\r\n"
BODY = b"text: \r\nUpgrade: h2c\r\n\r\n"
LARGE = 40 << 20
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"


USED = {
    HttpToolsProtocol: (
        "_unset_keepalive_if_required", "app", "connection_lost", "connection_made", "connections", "cycle",
        "data_received", "flow", "headers", "loop", "on_body", "on_headers_complete", "on_message_begin",
        "on_message_complete", "on_response_complete", "parser", "pause_writing", "pipeline", "resume_writing",
        "send_400_response", "transport",
    ),
    RequestResponseCycle: (
        "disconnected", "keep_alive", "message_event", "more_body", "response_complete", "response_started",
    ),
}  # fmt: skip
"""Class of uvicorn → what we use of it that its documentation does not name."""


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in USED.items() for name in names])
def test_what_we_use_of_uvicorn_is_there(kind, name):
    """An upgrade fails here, by the name that is gone."""
    assert hasattr(kind, name) or name in kind.__init__.__code__.co_names


async def application(scope, receive, send):
    """Give back the body; at /at-once answer before it is read, at /large with much, at /wait only when it ends."""
    body, more = b"", scope["path"] != "/at-once"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    if scope["path"] == "/large":
        body = b"x" * LARGE
    if scope["path"] == "/slowly":
        await asyncio.sleep(1)
    if scope["path"] == "/wait":
        await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving():
    """A server, and a function that connects to it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(application, http=Protocol, log_config=None, lifespan="off", timeout_keep_alive=1)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        writers = []

        async def connect():
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            writers.append(writer)
            return reader, writer

        connect.server = server
        yield connect
        for writer in writers:
            writer.transport.abort()
        server.should_exit = True
        await running


async def flood(writer, piece):
    """Send without end, until the connection is closed."""
    with suppress(ConnectionError):
        while not writer.transport.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)


async def ended(reader):
    """All that comes until the connection is closed."""
    got = b""
    with suppress(ConnectionError):
        while piece := await asyncio.wait_for(reader.read(65_536), 20):
            got += piece
    return got


async def answered(reader, writer, request):
    """The head of the answer to a request."""
    writer.write(request)
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 0\r\n", b"Content-Length: 5, 5\r\n", b"Content-Length: +5\r\n",
        b"Content-Length: 0x5\r\n", b"Transfer-Encoding: chunked, identity\r\n", b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n", b"Content-Length: 5\n\r\n", b"X: a\r\n Content-Length: 5\r\n",
    ],
)  # fmt: skip
async def test_a_body_whose_end_two_would_see_differently_hides_no_request(framing):
    """What a proxy before us would take for a body must be no request of its own here: refused, and closed."""
    async with serving() as connect:
        reader, writer = await connect()
        writer.write(POST + framing + b"\r\n0\r\n\r\n" + GET.replace(b"/ ", b"/hidden ") + b"\r\n")
        said = await ended(reader)
    assert said.count(b"HTTP/1.1") <= 1
    assert not said.startswith(b"HTTP/1.1 200"), said


@pytest.mark.parametrize("piece", [1, 7, 30, 10_000])
@pytest.mark.parametrize("offer", [OFFER, ""])
async def test_an_offer_of_http2_costs_no_body(offer, piece):
    """Twice on one connection, the body arrives as it was sent, however it is cut into pieces."""
    request = f"POST / HTTP/1.1\r\nContent-Length: {len(BODY)}\r\nHost: x\r\n{offer}\r\n".encode() + BODY
    async with serving() as connect:
        reader, writer = await connect()
        for _ in range(2):
            for place in range(0, len(request), piece):
                writer.write(request[place : place + piece])
                await asyncio.sleep(0)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(len(BODY)) == BODY


async def test_requests_that_are_sent_ahead_are_answered_in_order():
    async with serving() as connect:
        reader, writer = await connect()
        writer.write(b"".join(POST + b"Content-Length: 1\r\n\r\n%d" % number for number in range(5)))
        for number in range(5):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert await reader.readexactly(1) == b"%d" % number


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (GET, b"A: " + b"a" * 65_536),
        (GET, b"h: v\r\n"),
        (GET + b"\r\n" + GET, b"h: v\r\n" * 1000),
        (POST + b"Content-Length: 1\r\n\r\n1" + GET, b"a" * 65_536),
        (GET + b"B: ", b"a" * 1000),
        (b"\r\n\r\n" + GET, b"h: v\r\n" * 1000),
        (b"GET /", b"a" * 10_000),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"t: v\r\n" * 1000),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n5;", b"a" * 10_000),
    ],
    ids=["value", "headers", "second", "after a body", "pieces", "blank first", "address", "trailers", "extension"],
)
async def test_a_head_without_end_is_refused(monkeypatch, begin, piece):
    """Whatever of a request has no end, but its body; who sends on is told all the same."""
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.2)
    async with serving() as connect:
        reader, writer = await connect()
        writer.write(begin)
        sending = asyncio.create_task(flood(writer, piece))
        assert b" 431 " in await ended(reader)
        sending.cancel()


async def test_many_headers_are_refused_in_words():
    async with serving() as connect:
        reader, writer = await connect()
        assert b" 200 " in await answered(reader, writer, GET + b"h: v\r\n" * 200 + b"\r\n")
        assert b" 431 " in await answered(reader, writer, GET + b"h: v\r\n" * 300 + b"\r\n")


@pytest.mark.parametrize("begin", [b"", GET, GET + b"\r\n" + GET], ids=["nothing", "half", "half of the second"])
async def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch, begin):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    async with serving() as connect:
        reader, writer = await connect()
        writer.write(begin)
        await ended(reader)


async def test_one_byte_now_and_then_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    async with serving() as connect:
        reader, writer = await connect()
        closed = asyncio.create_task(ended(reader))
        for byte in GET * 100:
            if closed.done():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)
        assert closed.done()


@pytest.mark.parametrize("length", [b"Content-Length: 100000000000\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_a_body_that_nobody_reads_is_not_taken_for_ever(monkeypatch, length):
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.3)
    async with serving() as connect:
        reader, writer = await connect()
        head = await answered(reader, writer, b"POST /at-once HTTP/1.1\r\nHost: x\r\n" + length + b"\r\n")
        assert b" 200 " in head
        sending = asyncio.create_task(flood(writer, b"1000\r\n" + b"a" * 0x1000 + b"\r\n"))
        await ended(reader)
        sending.cancel()


async def test_after_a_body_that_nobody_read_the_connection_goes_on():
    async with serving() as connect:
        reader, writer = await connect()
        head = b"POST /at-once HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
        assert b" 200 " in await answered(reader, writer, head)
        assert b" 200 " in await answered(reader, writer, b"a" * 100_000 + GET + b"\r\n")


async def test_who_does_not_read_is_left(monkeypatch):
    """Of two that ask for much, the one that reads slowly has it all."""
    monkeypatch.setattr(connections, "STALL_SECONDS", 1.0)
    async with serving() as connect:
        (_, asleep), (reader, writer) = await connect(), await connect()
        for one in (asleep, writer):
            one.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        asleep.transport.pause_reading()
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        got = 0
        while got < LARGE:
            got += len(await asyncio.wait_for(reader.read(1 << 18), 10))
            await asyncio.sleep(0.01)
        async with asyncio.timeout(20):
            while len(connect.server.server_state.connections) > 1:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.1)


async def test_an_early_answer_does_not_end_the_next_request(monkeypatch):
    """What comes in one piece with the rest of a body that nobody waited for is answered, however long that takes."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    async with serving() as connect:
        reader, writer = await connect()
        early = b"POST /at-once HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        assert b" 200 " in await answered(reader, writer, early)
        slow = b"GET /slowly HTTP/1.1\r\nHost: x\r\n\r\n"
        assert b" 200 " in await answered(reader, writer, b"a" * 100 + slow)


@pytest.mark.parametrize("cut", range(1, len(GET) + 2))
async def test_a_head_may_begin_before_the_last_answer_ends(cut):
    """Wherever it is cut."""
    second = GET + b"\r\n"
    async with serving() as connect:
        reader, writer = await connect()
        assert b" 200 " in await answered(reader, writer, GET + b"\r\n" + second[:cut])
        await asyncio.sleep(0.01)
        assert b" 200 " in await answered(reader, writer, second[cut:])


async def test_empty_lines_before_a_request_keep_nothing_open(monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    async with serving() as connect:
        reader, writer = await connect()
        assert b" 200 " in await answered(reader, writer, b"\r\n\r\n" + GET + b"\r\n")
        reader, writer = await connect()
        closed = asyncio.create_task(ended(reader))
        for _ in range(100):
            if closed.done():
                break
            writer.write(b"\r\n\r\n")
            await asyncio.sleep(0.05)
        assert closed.done()


async def test_other_line_ends_are_refused_in_words():
    async with serving() as connect:
        assert b" 400 " in await answered(*await connect(), b"GET / HTTP/1.1\nHost: x\n\n")


async def test_the_newest_is_served_however_many_wait(monkeypatch):
    monkeypatch.setattr(Protocol, "most", 20)
    async with serving() as connect:
        busy = [await connect() for _ in range(3)]
        for _, writer in busy:
            writer.write(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        idle = [await connect() for _ in range(60)]
        reader, writer = await connect()
        assert b" 200 " in await answered(reader, writer, GET + b"\r\n")
        assert await ended(idle[0][0]) == b""
        assert not any(reader.at_eof() for reader, _ in busy)


async def test_where_all_are_busy_one_more_is_closed(monkeypatch):
    monkeypatch.setattr(Protocol, "most", 3)
    async with serving() as connect:
        for _ in range(3):
            _, writer = await connect()
            writer.write(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(0.1)
        reader, _ = await connect()
        assert await ended(reader) == b""
