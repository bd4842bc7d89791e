"""HTTP as uvicorn speaks it, with bounds on what a stranger can hold, and Java's offer of HTTP/2 overlooked.

uvicorn takes a request's head of any length, and waits for ever for it and for whoever reads no answer; it takes all
requests that are sent ahead, and hands each answer to its connection whole: one client could hold memory and file
descriptors. Java's HttpClient offers HTTP/2 with its first request, and the parser (llhttp) drops the body of a request
that asks for an upgrade; a server may overlook the offer (RFC 9110).

uvicorn has no settings for this, so its protocol is extended and its version is pinned. Every name that is used of it
is asked for by `tests/unit/deploy/test_connections.py`.
"""

import asyncio
import re
import resource
import socket
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from deploy.untaken import Untaken

_LINE = b"\r\n"
_END, _NO_END = _LINE * 2, b"\n\n"
_OFFER = re.compile(rb"\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n)", re.IGNORECASE)
HEAD_BYTES = 64 * 1024
"""Of one request: its head, and what surrounds the pieces of its body."""
_HEADERS = 256
HEAD_SECONDS = 10.0
"""For a head to be whole, from a connection's first moment or the head's first byte."""
LINGER_SECONDS = 30.0
"""For the rest of a body that nobody waits for, after the answer."""
STALL_SECONDS = 120.0
"""For a client to read on."""
_TCP_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)
"""Linux has it; elsewhere the system's own, longer patience holds."""
_HANDSHAKE_SECONDS, _SHUTDOWN_SECONDS = 10.0, 120.0
"""For TLS to begin, and to end: what a client has still to read goes out in that time."""
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_NO_BODY = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 35\r\n"
    b"connection: close\r\n\r\nno body belongs here; leave it out\n"
)
_BODILESS = frozenset({b"GET", b"HEAD"})
AHEAD = 32
"""Requests that may wait on one connection while an earlier one is answered."""
_AHEAD_BYTES = 16 * 1024
"""What such a one is reckoned at: all that one connection can have of them is half a megabyte."""
_PIECE = 32 * 1024
"""Of an answer, that is handed to a connection at a time."""
_UNSENT = 4 * 1024
"""Bytes that a connection may hold without being counted among those that nobody takes."""
_SPARE = 256
"""File descriptors for all else: files, Kafka, Redis."""
_MOST = 10_000
_TENTH = 10


def most_connections() -> int:
    """How many connections are kept open, after the limit of file descriptors is raised as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST + _SPARE if hard == resource.RLIM_INFINITY else min(hard, _MOST + _SPARE)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return _MOST if soft == resource.RLIM_INFINITY else max(1, min(_MOST, soft - _SPARE))


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a process that serves HTTP, on a loop whose servers have patience of their own with TLS."""
    import uvloop

    class Loop(uvloop.Loop):
        async def create_server(self, *args: Any, ssl: Any = None, **more: Any) -> Any:
            if ssl is not None:
                more |= {"ssl_handshake_timeout": _HANDSHAKE_SECONDS, "ssl_shutdown_timeout": _SHUTDOWN_SECONDS}
            return await super().create_server(*args, ssl=ssl, **more)

    uvloop.run(main, loop_factory=Loop)


class Protocol(HttpToolsProtocol):
    """One connection."""

    most = _MOST
    """Connections at once; beyond, those that have waited longest without a request are closed."""
    untaken = Untaken()
    """What all of them hold of answers that nobody reads."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._application, self.app = self.app, self._answer
        self._rest = 0
        """Bytes of an answer that are not handed to the connection yet."""
        self._begun = bytearray()
        self._between = 0
        self._is_in_head = False
        """Whether the parser has a part of a head: only then does it get the rest as it comes."""
        self._is_refused = False
        self._is_last = False
        """Whether it is closed after the answer that is under way."""
        self._timer: asyncio.TimerHandle | None = None
        self.since = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request; make room first."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=_UNSENT)
        if _TCP_USER_TIMEOUT is not None and (sock := transport.get_extra_info("socket")) is not None:
            # The kernel knows whether a client reads on, whatever lies in buffers on the way.
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, int(STALL_SECONDS * 1000))
        self._close_in(HEAD_SECONDS)
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer, and what nobody took."""
        self._keep_open()
        self.untaken.forget(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Know that the client does not read as fast as it is answered."""
        super().pause_writing()
        self._reckon(took=True)

    def resume_writing(self) -> None:
        """Know that it reads on."""
        super().resume_writing()
        self._reckon(took=True)

    def data_received(self, data: bytes) -> None:
        """Hand on to the parser: a head when it is whole, without the offer."""
        self._unset_keepalive_if_required()
        if self._is_refused:
            return
        if self.is_idle and not self._is_in_head:
            found = self._head(data)
            if found is None:
                return
            data = found
        self._between += len(data)
        super().data_received(data)
        if self._between > HEAD_BYTES:
            self._refuse()

    def _head(self, data: bytes) -> bytes | None:
        """What came from a head's beginning on, once the head is whole."""
        if self._timer is None:
            self._close_in(HEAD_SECONDS)
        searched = len(self._begun)
        self._begun += data
        while self._begun.startswith(_LINE):
            # Empty lines before a request are overlooked (RFC 9112).
            del self._begun[: len(_LINE)]
            searched = 0
        end = self._begun.find(_END, max(0, searched - len(_END)))
        if (len(self._begun) if end < 0 else end) > HEAD_BYTES or self._begun.count(_LINE, 0, end) > _HEADERS:
            self._refuse()
            return None
        if end < 0 and _NO_END not in self._begun:
            return None
        # What has other line ends the parser refuses in words.
        end = len(self._begun) if end < 0 else end
        head, rest = bytes(self._begun[:end]), bytes(self._begun[end + len(_LINE) :])
        self._begun.clear()
        return _OFFER.sub(b"", head + _LINE) + rest

    def on_message_begin(self) -> None:
        """Know that a head has begun."""
        self._is_in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to answer, or refuse: who sends a body where none belongs, or too many requests ahead."""
        self._is_in_head = False
        self._between = 0
        self._keep_open()
        if self.parser.get_method() in _BODILESS and any(map(_is_body, self.headers)):
            self._refuse(_NO_BODY)
            raise ValueError(_NO_BODY)
        if len(self.pipeline) >= AHEAD:
            # Whoever sends more without waiting gets the answer that is under way, and no other.
            self.pipeline.clear()
            self._is_refused = self._is_last = True
            raise ValueError(AHEAD)
        super().on_headers_complete()
        self._reckon()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request; what was refused before is answered already."""
        if not self._is_refused:
            super().send_400_response(msg)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._between = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Know the end of a body, also of one that nobody waited for."""
        self._between = 0
        super().on_message_complete()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.more_body and cycle.response_complete:
            cycle.more_body = False
            self._close_in(HEAD_SECONDS)

    def on_response_complete(self) -> None:
        """Wait for the next request, or a while for the rest of this one."""
        self.since = self.loop.time()
        super().on_response_complete()
        self._reckon(took=True)
        if self._is_last:
            self.transport.close()
        if self.cycle.response_complete and self.cycle.more_body:
            self._close_in(LINGER_SECONDS)
        elif self._is_in_head and not self.pipeline:
            self._close_in(HEAD_SECONDS)

    @property
    def is_idle(self) -> bool:
        """Whether the next byte belongs to a head, and no answer is under way."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or (cycle.response_complete and not cycle.more_body)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        """Have the application answer a request."""
        await self._application(scope, receive, partial(self._hand_on, send))

    async def _hand_on(self, send: Callable[[Any], Awaitable[None]], message: Any) -> None:
        """A large part of an answer in pieces, each when the client has taken nearly all before it."""
        body = message.get("body", b"")
        if len(body) <= _PIECE:
            await send(message)
            return
        try:
            for place in range(0, len(body), _PIECE):
                self._rest = len(body) - place
                self._reckon(took=True)
                if self.transport.is_closing():
                    return
                more = self._rest > _PIECE or message.get("more_body", False)
                await send({**message, "body": body[place : place + _PIECE], "more_body": more})
        finally:
            self._rest = 0
            self._reckon()

    def _reckon(self, *, took: bool = False) -> None:
        """Count what this connection holds. took: its client has just taken something."""
        if self.transport.is_closing():
            return
        unsent = self.transport.get_write_buffer_size() if self.flow.write_paused else 0
        self.untaken.note(self, self._rest + unsent + _AHEAD_BYTES * len(self.pipeline), took=took)

    def cut_off(self) -> None:
        """Close it without another word."""
        self.connections.discard(self)
        self.transport.abort()

    def _close_in(self, seconds: float) -> None:
        self._keep_open()
        if not self.transport.is_closing():
            self._timer = self.loop.call_later(seconds, self.transport.close)

    def _keep_open(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, answer: bytes = _TOO_LARGE) -> None:
        """Say so, and overlook a while what is still sent: TCP drops an answer to who is cut off while he sends."""
        self._is_refused = True
        cycle: RequestResponseCycle | None = self.cycle
        if self.transport.is_closing():
            return
        if self.pipeline or (cycle is not None and cycle.response_started and not cycle.response_complete):
            self.transport.close()
            return
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(answer)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._close_in(LINGER_SECONDS)

    def _make_room(self) -> None:
        """Close those that have waited longest, a tenth at once: looking for them costs more than closing them."""
        idle = [one for one in self.connections if isinstance(one, Protocol) and one is not self and one.is_idle]
        idle.sort(key=lambda one: one.since)
        most = max(1, self.most // _TENTH)
        for one in idle[:most] or self.untaken.longest(most) or [self]:
            one.cut_off()


def _is_body(header: tuple[bytes, bytes]) -> bool:
    """Whether a header says that a body follows."""
    name, value = header
    return name == b"transfer-encoding" or (name == b"content-length" and value.strip(b" \t0") != b"")
