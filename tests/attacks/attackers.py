"""What strangers do to a gateway, and mad readers to an exporter, for as long as they are let: raw bytes on sockets."""

import asyncio
import gzip
import itertools
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress

Attack = Callable[[int], Awaitable[None]]
"""What one connection does, or many do, to a port of this machine, without end."""
Send = Callable[[asyncio.StreamWriter], Awaitable[None]]
_NARROW = 4096
"""Bytes that the kernel takes for who reads nothing: the rest is the server's to hold."""
_POST = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_CLAIM = b"webhook-signature: v1,AAAA\r\nwebhook-id: a\r\nwebhook-timestamp: 1\r\n"


@asynccontextmanager
async def _connection(
    port: int, window: int | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    ours = socket.socket()
    try:
        if window is not None:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        ours.setblocking(False)
        await asyncio.get_running_loop().sock_connect(ours, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=ours, limit=window or 65_536)
    except BaseException:
        ours.close()
        raise
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def _again(send: Send) -> Attack:
    """Connect, send, read until the end of the connection, and again."""

    async def attack(port: int) -> None:
        while True:
            with suppress(OSError):
                async with _connection(port) as (reader, writer):
                    await send(writer)
                    while await reader.read(65_536):
                        pass

    return attack


def _unread(send: Send) -> Attack:
    """Connect, send and read nothing; when that connection is ended, again."""

    async def attack(port: int) -> None:
        while True:
            with suppress(OSError):
                async with _connection(port, _NARROW) as (_, writer):
                    writer.transport.pause_reading()  # type: ignore[attr-defined] # of transports that read
                    await send(writer)
                    while not writer.transport.is_closing():
                        await asyncio.sleep(1)
                        writer.write(b"\r\n")

    return attack


def _sipped(send: Send) -> Attack:
    """Connect, send and read a thousand bytes a second."""

    async def attack(port: int) -> None:
        while True:
            with suppress(OSError):
                async with _connection(port, _NARROW) as (reader, writer):
                    await send(writer)
                    while await reader.read(1000):  # noqa: ASYNC110 - slowly is how it reads
                        await asyncio.sleep(1)

    return attack


def _pieces(first: bytes, pieces: Iterable[bytes] = (), pause: float = 0.0) -> Send:
    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return send


def _each(requests: Iterable[bytes]) -> Send:
    """Another request on each connection."""
    made = iter(requests)

    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(next(made))

    return send


def _many(count: int, one: Attack) -> Attack:
    async def attack(port: int) -> None:
        await asyncio.gather(*(one(port) for _ in range(count)))

    return attack


def _endless(piece: bytes) -> Iterable[bytes]:
    return iter(lambda: piece, None)


_CHUNKED = _POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
_BATCH = json.dumps(
    [{"specversion": "1.0", "id": str(n), "source": "crm://a", "type": "x"} for n in range(1000)]
).encode()
_BOMB = gzip.compress(b" " * (200 << 20))


def _with_length(extra: bytes, body: bytes, length: int | None = None) -> bytes:
    return _POST + extra + b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


_SMUGGLED = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
_HOST = b"Host: localhost\r\n"
_READING = _HOST + b"Connection: close\r\n\r\n"


def _get(target: bytes, headers: bytes = b"") -> bytes:
    return b"GET %s HTTP/1.1\r\n" % target + headers + _HOST + b"\r\n"


def _get_once(target: bytes, headers: bytes = b"") -> bytes:
    return b"GET %s HTTP/1.1\r\n" % target + headers + _READING


def _two_lengths(extra: bytes) -> bytes:
    """A body that ends here by one header and there by another, and in between the head of another request."""
    return _with_length(extra + b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + _SMUGGLED * 20)


def attacks(token: str) -> dict[str, Attack]:
    """By name. token: of a sender who has gone mad, where an attack needs one."""
    bearer = f"Authorization: Bearer {token}\r\n".encode()
    close, large = b"Connection: close\r\n", b"Content-Length: 10000000000\r\n\r\n"
    again = {
        "unsigned bodies hold the room": (252, _pieces(_with_length(_CLAIM, b" " * 139_800, 139_801))),
        "signed bodies that never begin": (500, _pieces(_with_length(_CLAIM, b"", 1000))),
        "one header value without end": (2, _pieces(b"GET / HTTP/1.1\r\nA: ", _endless(b"a" * 65_536))),
        "headers without end": (2, _pieces(b"GET / HTTP/1.1\r\n", _endless(b"h: v\r\n" * 10_000))),
        "trailers without end": (2, _pieces(_CHUNKED, _endless(b"h: v\r\n" * 9000))),
        "connections that say nothing": (3000, _pieces(b"")),
        "heads byte by byte": (1000, _pieces(b"GET / HTTP/1.1\r\n", _endless(b"a"), 1.0)),
        "bodies without a token": (8, _pieces(_POST + large, _endless(b"a" * 65_536))),
        "bombs of gzip": (4, _pieces(_with_length(bearer + b"Content-Encoding: gzip\r\n", _BOMB))),
        "batches of nonsense": (4, _pieces(_with_length(bearer + close, _BATCH))),
        "wrong tokens": (8, _pieces(_with_length(b"Authorization: Bearer no\r\n" + close, b"{}"))),
        "requests within requests": (8, _pieces(_two_lengths(bearer))),
        "bombs within bombs": (4, _pieces(_with_length(bearer + b"Content-Encoding: gzip, gzip\r\n", _BOMB))),
        "a hundred requests at once": (8, _pieces(_with_length(bearer, _BATCH) * 100)),
        "requests ahead without end": (50, _pieces(b"", _endless(b"GET /healthz HTTP/1.1\r\n\r\n" * 10_000))),
    }
    unread = {
        "answers that nobody reads": (200, _pieces(_get(b"/openapi.json") * 100)),
        "files that nobody reads": (1000, _pieces(_get(b"/docs/swagger-ui-bundle.js") * 3)),
    }
    return _named(_again, again) | _named(_unread, unread)


def readers() -> dict[str, Attack]:
    """By name: what somebody does to an exporter who may read everything."""
    packed = b"Accept-Encoding: gzip\r\n"
    stale = (_get_once(b"/metrics", b'If-None-Match: "%d"\r\n' % n) for n in itertools.count())
    names = b"/metrics?" + "&".join(f"window=w{n}" for n in range(6000)).encode()
    years = b"/api/v1/history?kpi=%s&level=manager&days=800" % (b"x" * 60_000)
    everybody = b"/api/v1/compare?kpis=sales_calls:sum&level=manager&from=2025-12-01&to=2026-11-28"
    table = b"/api/v1/history?family=sales_calls&level=manager&format=csv&from=2025-12-01&to=2026-11-28"
    again = {
        "streams that stay open": (3000, _pieces(_get(b"/api/v1/stream"))),
        "pages asked for by old tags": (8, _each(stale)),
        "queries of 60 kB": (8, _pieces(_get_once(years))),
        "thousands of parameters": (8, _pieces(_get_once(names))),
        "every choice of windows": (8, _each(_get_once(one, packed) for one in itertools.cycle(_choices()))),
        "bodies byte by byte": (
            1000, _pieces(b"GET /metrics HTTP/1.1\r\n" + _HOST + b"Content-Length: 99999\r\n\r\n", _endless(b"a"), 1.0),
        ),
        "everybody's year": (16, _pieces(_get_once(everybody))),
        "requests ahead without end": (50, _pieces(b"", _endless(_get(b"/healthz") * 5000))),
    }  # fmt: skip
    unread = {
        "scrapes that nobody reads": (200, _pieces(_get(b"/metrics") * 20)),
        "packed scrapes that nobody reads": (1000, _pieces(_get(b"/metrics", packed) * 3)),
        "tables that nobody reads": (200, _pieces(_get(table) * 3)),
        "files that nobody reads": (1000, _pieces(_get(b"/docs/swagger-ui-bundle.js") * 3)),
    }
    sipped = {"scrapes read byte by byte": (300, _pieces(_get(b"/metrics") * 3))}
    return _named(_again, again) | _named(_unread, unread) | _named(_sipped, sipped)


def _choices() -> list[bytes]:
    """Each a part of all that can be asked for, in thousands of ways."""
    windows = (b"now", b"5m", b"15m", b"1h", b"day", b"week", b"month", b"quarter", b"year", b"90d")
    chosen = itertools.chain.from_iterable(itertools.combinations(windows, n) for n in range(1, len(windows)))
    return [b"/metrics?" + b"&".join(b"window=" + window for window in some) for some in chosen]


def _named(how: Callable[[Send], Attack], sends: dict[str, tuple[int, Send]]) -> dict[str, Attack]:
    return {name: _many(count, how(send)) for name, (count, send) in sends.items()}
