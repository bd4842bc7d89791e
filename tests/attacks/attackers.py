"""What strangers do to a gateway, and mad readers to an exporter, for as long as they are let: raw bytes on sockets."""

import asyncio
import gzip
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress

Attack = Callable[[int], Awaitable[None]]
_POST = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_CLAIM = b"webhook-signature: v1,AAAA\r\nwebhook-id: a\r\nwebhook-timestamp: 1\r\n"


@asynccontextmanager
async def _connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _again(port: int, send: Callable[[asyncio.StreamWriter], Awaitable[None]], *, wait: bool = True) -> None:
    """Connect, send, wait for the end of the connection, and again."""
    while True:
        with suppress(OSError):
            async with _connection(port) as (reader, writer):
                await send(writer)
                while wait and await reader.read(65_536):
                    pass


def _pieces(
    first: bytes, pieces: Iterable[bytes], pause: float = 0.0
) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return send


def _many(count: int, one: Callable[[int], Awaitable[None]]) -> Attack:
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
_YEAR = b"GET /api/v1/compare?kpis=sales_calls:sum&level=manager&from=2025-12-01&to=2026-11-28 HTTP/1.1\r\n"
_READING = b"Host: localhost\r\nConnection: close\r\n\r\n"


def _two_lengths(extra: bytes) -> bytes:
    """A body that ends here by one header and there by another, and in between the head of another request."""
    return _with_length(extra + b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + _SMUGGLED * 20)


def attacks(token: str) -> dict[str, Attack]:
    """By name. token: of a sender who has gone mad, where an attack needs one."""
    bearer = f"Authorization: Bearer {token}\r\n".encode()
    sends = {
        "unsigned bodies hold the room": (252, _pieces(_with_length(_CLAIM, b" " * 139_800, 139_801), ())),
        "signed bodies that never begin": (500, _pieces(_with_length(_CLAIM, b"", 1000), ())),
        "one header value without end": (2, _pieces(b"GET / HTTP/1.1\r\nA: ", _endless(b"a" * 65_536))),
        "headers without end": (2, _pieces(b"GET / HTTP/1.1\r\n", _endless(b"h: v\r\n" * 10_000))),
        "trailers without end": (2, _pieces(_CHUNKED, _endless(b"h: v\r\n" * 9000))),
        "connections that say nothing": (3000, _pieces(b"", ())),
        "heads byte by byte": (1000, _pieces(b"GET / HTTP/1.1\r\n", _endless(b"a"), 1.0)),
        "bodies without a token": (8, _pieces(_POST + b"Content-Length: 10000000000\r\n\r\n", _endless(b"a" * 65_536))),
        "bombs of gzip": (4, _pieces(_with_length(bearer + b"Content-Encoding: gzip\r\n", _BOMB), ())),
        "batches of nonsense": (4, _pieces(_with_length(bearer + b"Connection: close\r\n", _BATCH), ())),
        "wrong tokens": (8, _pieces(_with_length(b"Authorization: Bearer no\r\nConnection: close\r\n", b"{}"), ())),
        "requests within requests": (8, _pieces(_two_lengths(bearer), ())),
        "bombs within bombs": (4, _pieces(_with_length(bearer + b"Content-Encoding: gzip, gzip\r\n", _BOMB), ())),
        "a hundred requests at once": (8, _pieces(_with_length(bearer, _BATCH) * 100, ())),
        "answers that nobody reads": (200, _pieces(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 100, ())),
    }  # fmt: skip
    return _held(sends)


def readers() -> dict[str, Attack]:
    """By name: what somebody does to an exporter who may read everything."""
    stale = (b'GET /metrics HTTP/1.1\r\nIf-None-Match: "%d"\r\n' % n + _READING for n in itertools.count())
    names = "&".join(f"window=w{n}" for n in range(6000)).encode()
    years = b"GET /api/v1/history?kpi=%s&level=manager&days=800 HTTP/1.1\r\n" % (b"x" * 60_000) + _READING
    sends = {
        "streams that stay open": (3000, _pieces(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n", ())),
        "pages asked for by old tags": (8, _each(stale)),
        "scrapes that nobody reads": (200, _pieces(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20, ())),
        "queries of 60 kB": (8, _pieces(years, ())),
        "thousands of parameters": (8, _pieces(b"GET /metrics?%s HTTP/1.1\r\n" % names + _READING, ())),
        "bodies byte by byte": (
            1000,
            _pieces(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n", _endless(b"a"), 1.0),
        ),
        "everybody's year": (16, _pieces(_YEAR + _READING, ())),
    }  # fmt: skip
    return _held(sends)


def _each(requests: Iterable[bytes]) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """Another request on each connection."""
    made = iter(requests)

    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(next(made))

    return send


def _held(sends: dict[str, tuple[int, Callable[[asyncio.StreamWriter], Awaitable[None]]]]) -> dict[str, Attack]:
    return {
        name: _many(count, lambda port, send=send, wait="nobody reads" not in name: _hold(port, send, wait=wait))
        for name, (count, send) in sends.items()
    }


async def _hold(port: int, send: Callable[[asyncio.StreamWriter], Awaitable[None]], *, wait: bool) -> None:
    if wait:
        await _again(port, send)
    async with _connection(port) as (_, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined] # of transports that read
        await send(writer)
        await asyncio.Event().wait()
