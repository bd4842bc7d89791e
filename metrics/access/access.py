"""Decides who a request is of, from its address and headers, by whatever web framework it came."""

import asyncio
import base64
import binascii
import ipaddress
import ssl
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import structlog

from metrics.access.config import WebConfig, WebConfigError, load
from metrics.access.passwords import Passwords
from metrics.access.reader import EVERYBODY, AccessRefusal, Reader
from metrics.settings import WebSettings

log = structlog.get_logger(__name__)
Headers = Iterable[tuple[bytes, bytes]]
"""As ASGI has them: names in lower case."""
_RELOAD_SECONDS = 1.0
_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_PASSED_ON = (b"forwarded", b"x-forwarded-for", b"x-real-ip")
"""Headers of a request that somebody else sent on: it does not come from this machine."""
LOGIN = 'Basic realm="Sales Pulse", charset="UTF-8"'


class Access:
    """Who may read, by today's web config and settings. Raises WebConfigError when there is none that can be used."""

    def __init__(self, settings: WebSettings) -> None:
        self._path = settings.web_config
        self._hosts = _NAMES | {host.lower() for host in settings.web_hosts}
        self._header = settings.web_proxy_header.lower().encode()
        self._from = settings.web_proxy_from
        self.frame_ancestors = settings.web_frame_ancestors
        self.passwords = Passwords()
        self._config = WebConfig() if self._path is None else load(self._path)
        tls = self._config.tls_server_config
        self._tls: ssl.SSLContext | None = None if tls is None else tls.context()
        self._seen = self._stamps()

    # -- what servers need

    @property
    def tls(self) -> ssl.SSLContext | None:
        """How connections are encrypted; None where they are not. Certificates change in it."""
        return self._tls

    @property
    def headers(self) -> dict[str, str]:
        """Headers of answers that the web config wants."""
        return {str(name): value for name, value in self._config.http_server_config.headers.items()}

    def certificates(self) -> dict[str, Path]:
        """What a certificate is for → its file."""
        tls = self._config.tls_server_config
        return {"web": tls.cert_file} if tls else {}

    async def follow(self) -> None:
        """Take changes of the web config and its certificates, as long as it runs."""
        while self._path is not None:
            await asyncio.sleep(_RELOAD_SECONDS)
            self.reload()

    def reload(self) -> None:
        """Take what has changed. What cannot be used is said once, and the last that could stays."""
        if self._path is None or (seen := self._stamps()) == self._seen:
            return
        self._seen = seen
        try:
            self._config = self._changed(self._path)
        except WebConfigError as error:
            log.warning("the web config cannot be used; the last one stays", problem=str(error))
            return
        self._seen = self._stamps()
        log.info("web config read again", users=len(self._config.basic_auth_users))

    def _changed(self, path: Path) -> WebConfig:
        config = load(path)
        if (config.tls_server_config is None) is not (self._tls is None):
            raise WebConfigError(f"{path}: tls_server_config: TLS is switched on or off by a restart only")
        if config.tls_server_config is not None:
            config.tls_server_config.context()  # what cannot be used must not get into the one in use
            config.tls_server_config.context(self._tls)
        return config

    def _stamps(self) -> list[tuple[Path, int, int, int]]:
        tls = self._config.tls_server_config
        files = [] if self._path is None else [self._path, *(tls.files() if tls else ())]
        found = []
        for file in files:
            try:
                stat = file.stat()
            except OSError:
                found.append((file, 0, 0, 0))
            else:
                found.append((file, stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return found

    # -- who it is

    async def reader(self, peer: str | None, headers: Headers) -> Reader:
        """Whose request it is. peer: address of the other end of its connection. Raises Refusal."""
        found: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            found.setdefault(name, []).append(value)
        if self._header and _is_among(peer, self._from) and (named := found.get(self._header)):
            return self._named(named)
        if self._config.basic_auth_users:
            return await self._by_password(peer or "", found.get(b"authorization", []))
        tls = self._config.tls_server_config
        if self._header:
            raise AccessRefusal(401, "open this by the single-sign-on proxy")
        if tls is not None and tls.asks_everybody:
            return EVERYBODY
        return self._local(peer, found)

    def _named(self, given: list[bytes]) -> Reader:
        """The user whom a proxy names."""
        name = _text(given[0]).strip()
        if len(given) != 1 or not name:
            raise AccessRefusal(401, "the single-sign-on proxy named nobody, or several")
        config = self._config
        listed = config.users.keys() | config.basic_auth_users.keys()
        if listed and name not in listed:
            raise AccessRefusal(403, f"{name!r} is not among the users of the web config; add {name!r} to users:")
        return Reader(name, config.teams_of(name))

    async def _by_password(self, peer: str, given: list[bytes]) -> Reader:
        if len(given) != 1:
            raise AccessRefusal(401, "log in with a user of the web config")
        user, password = _credentials(given[0])
        if not await self.passwords.fits(peer, self._config.basic_auth_users, user, password):
            raise AccessRefusal(401, "the user or the password is wrong")
        return Reader(user, self._config.teams_of(user))

    def _local(self, peer: str | None, found: dict[bytes, list[bytes]]) -> Reader:
        """This machine, where nobody is configured; under no name of somebody else's pages (DNS rebinding)."""
        if not is_loopback(peer) or any(name in found for name in _PASSED_ON):
            raise AccessRefusal(401, "nobody is configured, so only this machine may read; set SALES_WEB_CONFIG")
        host = found.get(b"host", [])
        if len(host) != 1 or _host(_text(host[0])) not in self._hosts:
            raise AccessRefusal(
                403, "open this by the name localhost or 127.0.0.1, or list its name in SALES_WEB_HOSTS"
            )
        return EVERYBODY


def _is_among(peer: str | None, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    address = _address(peer)
    return address is not None and any(address in network for network in networks)


@lru_cache(maxsize=1024)
def _address(peer: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address((peer or "").partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def is_loopback(peer: str | None) -> bool:
    """Whether an address is this machine's own."""
    address = _address(peer)
    return address is not None and address.is_loopback


def _host(value: str) -> str:
    """The name in a Host header, without its port."""
    name, bracket, _ = value.strip().lower().partition("]")
    return name.removeprefix("[") if bracket else name.partition(":")[0].removesuffix(".")


def _credentials(given: bytes) -> tuple[str, bytes]:
    kind, _, packed = given.partition(b" ")
    if kind.lower() != b"basic":
        raise AccessRefusal(401, "log in with a user of the web config")
    try:
        user, colon, password = base64.b64decode(packed.strip(), validate=True).partition(b":")
    except binascii.Error:
        colon = b""
    if not colon:
        raise AccessRefusal(401, "the header Authorization is not Basic <name:password in base64>")
    return _text(user), password


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
