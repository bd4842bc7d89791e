"""Access in front of an ASGI application: who may not read gets no further, and every answer carries safe headers."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from metrics.access.access import LOGIN, Access, Headers
from metrics.access.reader import EVERYBODY, AccessRefusal, Reader, beyond_teams

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HEALTH = frozenset({"/healthz", "/readyz"})
_KEY = "sales_pulse.reader"


def reader_of(scope: Mapping[str, Any]) -> Reader:
    """Who reads, of a request that got through; everybody where no access stands in front."""
    found: Reader = scope.get(_KEY, EVERYBODY)
    return found


@dataclass(frozen=True)
class Paths:
    """What of an application who may reach: whole paths, or beginnings of paths that end in a slash.

    limited: people who see some teams only get there and nowhere else; the application shows them no other team.
    own, own_methods: the application itself asks who it is. either: it does, and a login of ours is as good.
    knows: says of the headers of a request that nobody here knows whether the application does; such a one gets where
    people who are limited get.
    """

    limited: Collection[str] = ()
    own: Collection[str] = ()
    either: Collection[str] = ()
    own_methods: Collection[str] = ()
    knows: Callable[[Headers], bool] = lambda _: False


class Guard:
    """The application behind access."""

    def __init__(self, app: Application, access: Access, paths: Paths) -> None:
        self._app = app
        self._access = access
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        send = self._safe(scope, send)
        path = scope["path"]
        if _is_in(path, self._paths.own) or scope["method"] in self._paths.own_methods:
            await self._app(scope, receive, send)
            return
        if _is_in(path, self._paths.either):
            await self._either(scope, receive, send)
            return
        try:
            reader = await self._access.reader(_peer(scope), scope["headers"])
            if reader.is_limited and path not in HEALTH and not _is_in(path, self._paths.limited):
                raise beyond_teams()
        except AccessRefusal as refusal:
            if path in HEALTH:
                await self._app(scope, receive, _without_details(send))
            elif _is_in(path, self._paths.limited) and self._paths.knows(scope["headers"]):
                await self._app(scope, receive, send)
            else:
                await refuse(send, refusal)
            return
        if path in HEALTH and reader.is_limited:
            send = _without_details(send)
        await self._app({**scope, _KEY: reader}, receive, send)

    async def _either(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in who has a login of ours, as its reader, and everybody else as somebody whom the application asks."""
        if not self._paths.knows(scope["headers"]):
            with suppress(AccessRefusal):
                reader = await self._access.reader(_peer(scope), scope["headers"])
                if reader.is_limited:
                    await refuse(send, beyond_teams())
                    return
                scope = {**scope, _KEY: reader}
        await self._app(scope, receive, send)

    def _safe(self, scope: Scope, send: Send) -> Send:
        """Add headers to an answer that does not have them."""

        async def safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", [])
                present = {bytes(name).lower() for name, _ in given}
                wanted = safe_headers(self._access, scope["path"])
                message = {**message, "headers": [*given, *(one for one in wanted if one[0] not in present)]}
            await send(message)

        return safe


def safe_headers(access: Access, path: str) -> list[tuple[bytes, bytes]]:
    """What every answer says to browsers, names in lower case."""
    framed = access.frame_ancestors
    headers = {
        "content-security-policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            f"base-uri 'none'; form-action 'none'; frame-ancestors {framed}"
        ),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
    }
    if framed in _FRAMES:
        headers["x-frame-options"] = _FRAMES[framed]
    if path.startswith("/api/"):
        # A proxy on the way must not show one what another may see.
        headers["cache-control"] = "no-store"
    headers |= {name.lower(): value for name, value in access.headers.items()}
    return [(name.encode(), value.encode()) for name, value in headers.items()]


_FRAMES = {"'none'": "DENY", "'self'": "SAMEORIGIN"}
"""frame-ancestors → the same for old browsers, who know no addresses."""


def _is_in(path: str, paths: Collection[str]) -> bool:
    return path in paths or any(one.endswith("/") and one != "/" and path.startswith(one) for one in paths)


def _peer(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


async def refuse(send: Send, refusal: AccessRefusal) -> None:
    """Answer with a refusal."""
    body = json.dumps({"detail": str(refusal)}, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if refusal.status == 401:
        headers.append((b"www-authenticate", LOGIN.encode()))
    elif refusal.status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _without_details(send: Send) -> Send:
    """Leave of an answer whether all is well."""
    status, is_told = 0, False

    async def plain(message: Message) -> None:
        nonlocal status, is_told
        if message["type"] == "http.response.start":
            status = message["status"]
            body = told(status)
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
            await send({**message, "headers": headers})
        elif not is_told:
            is_told = True
            await send({"type": "http.response.body", "body": told(status)})

    return plain


def told(status: int) -> bytes:
    """What everybody hears of a process."""
    return b'{"status":"ok"}' if status == 200 else b'{"status":"not ready"}'
