"""Who may send what: bearer tokens kept as hashes, or Standard Webhooks signatures, each for one source."""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import math
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from producers.errors import ProducersError
from producers.gateway.reading import body
from producers.gateway.settings import GatewaySettings

_HASHED = re.compile(r"sha256:([0-9a-f]{64})")
_SHORTEST_KEY = 16
_SIGNED = ("id", "timestamp", "signature")
_CLOCK_SECONDS = 300
"""Between the sender's clock and ours, by Standard Webhooks."""
_MILLISECONDS = 10**11
"""No time in seconds for the next 3,000 years."""
ANYBODY = ""
"""The sender when nobody is configured and the request comes from this machine: any source."""


class Unauthorized(ProducersError):  # noqa: N818 - named as HTTP names it
    """The request does not prove who sends it (401)."""


class Forbidden(ProducersError):  # noqa: N818 - named as HTTP names it
    """The sender is known, and may not send for this source (403)."""


class _Token(NamedTuple):
    source: str
    hashed: bytes
    ends: float
    """Unix s from which on it is not taken."""


class Gatekeeper:
    """Answers one question: for which source may this request send? Holds hashes, never tokens."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._tokens = [
            _Token(source, _digest(token.get_secret_value()), _ends(until))
            for source, token, until in settings.gateway_tokens
        ]
        self._webhooks: dict[str, list[tuple[Webhook, float]]] = defaultdict(list)
        for source, secret, until in settings.gateway_secrets:
            self._webhooks[source].append((_webhook(source, secret.get_secret_value()), _ends(until)))

    @property
    def closed(self) -> bool:
        """Whether any sender is configured; without one only loopback may send."""
        return bool(self._tokens or self._webhooks)

    def by_token(self, headers: Mapping[str, str], host: str | None, query_token: str = "") -> str | None:
        """The source that the bearer token belongs to; None when the request is signed instead.

        `query_token`: the one of the address, which CloudEvents' web hooks have for those who can set no header.
        Raises Unauthorized. Every token is compared, in constant time each, so that time tells nothing.
        """
        if not self.closed:
            if is_loopback(host):
                return ANYBODY
            raise Unauthorized("no sender is configured, so only this machine may send; set SALES_GATEWAY_TOKENS")
        kind, _, token = headers.get("authorization", f"Bearer {query_token}").partition(" ")
        if not token:
            if self._webhooks and ("webhook-signature" in headers or "svix-signature" in headers):
                return None
            raise Unauthorized("send the header Authorization: Bearer <token>, or a Standard Webhooks signature")
        known = self._known(token) if kind.lower() == "bearer" else None
        if known is None:
            raise Unauthorized("the token is not known here")
        _check_ends(known.ends, "token")
        return known.source

    def of_token(self, token: str) -> str | None:
        """The source that a token belongs to, as long as it is taken."""
        known = self._known(token)
        return known.source if known is not None and time.time() < known.ends else None

    def _known(self, token: str) -> _Token | None:
        given = hashlib.sha256(token.strip().encode()).digest()
        matching = [known for known in self._tokens if hmac.compare_digest(known.hashed, given)]
        return max(matching, key=lambda known: known.ends, default=None)

    def ends(self) -> dict[str, float]:
        """Source → Unix s from which on nothing that it has is taken; without those for whom that never comes."""
        found: dict[str, float] = defaultdict(float)
        for source, _, ends in self._tokens:
            found[source] = max(found[source], ends)
        for source, webhooks in self._webhooks.items():
            found[source] = max(found[source], *(ends for _, ends in webhooks))
        return {source: ends for source, ends in found.items() if ends < math.inf}

    def knows(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether a request, by its headers in lower case, has the token of any sender, also as a password."""
        given = [value.decode("latin-1").partition(" ") for name, value in headers if name == b"authorization"]
        tokens = [password(said) if kind.lower() == "basic" else said for kind, _, said in given]
        return any(self.of_token(token) for token in tokens)

    def by_signature(self, headers: Mapping[str, str], content: bytes) -> str:
        """The source whose secret signed id, timestamp and content (Standard Webhooks). Raises Unauthorized.

        Only what is signed may say anything about the events: attributes in headers are not.
        """
        if body.is_binary(headers):
            raise Unauthorized(
                "a signature covers the body only, and in binary mode the event's attributes are in headers; "
                f"send it in structured mode, as {body.STRUCTURED[0]}"
            )
        given = {f"webhook-{name}": headers.get(f"webhook-{name}", headers.get(f"svix-{name}", "")) for name in _SIGNED}
        _check_clock(given["webhook-timestamp"])
        for source, webhooks in self._webhooks.items():
            for webhook, ends in webhooks:
                try:
                    webhook.verify(content, given, json_parse=False)
                except (WebhookVerificationError, ValueError):
                    continue
                _check_ends(ends, "secret")
                return source
        raise Unauthorized(
            "the signature fits no known secret: sign <webhook-id>.<webhook-timestamp>.<body> as it is sent"
        )


def _ends(until: date | None) -> float:
    if until is None:
        return math.inf
    return datetime(until.year, until.month, until.day, tzinfo=UTC).timestamp() + timedelta(days=1).total_seconds()


def _check_ends(ends: float, what: str) -> None:
    """Raise Unauthorized when the time of what proved a sender is over; who has it may know since when."""
    if time.time() >= ends:
        last = datetime.fromtimestamp(ends - 1, UTC).date()
        raise Unauthorized(f"the {what} was taken until {last}: ask whoever runs this gateway for a new one")


def _check_clock(stamp: str) -> None:
    """Raise Unauthorized with the reason when a signature's time cannot be right."""
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 20):
        raise Unauthorized("webhook-timestamp is not a number; send Unix time in seconds")
    off = int(stamp) - time.time()
    if int(stamp) > _MILLISECONDS:
        raise Unauthorized("webhook-timestamp is not in seconds; send Unix time in seconds")
    if abs(off) > _CLOCK_SECONDS:
        raise Unauthorized(
            f"webhook-timestamp is {abs(off):.0f} s {'ahead' if off > 0 else 'old'}; at most {_CLOCK_SECONDS} s are "
            "taken: set the sender's clock, and sign when you send"
        )


def password(given: str) -> str:
    """The password of a Basic login: a browser's way to give a token."""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _digest(token: str) -> bytes:
    hashed = _HASHED.fullmatch(token)
    return bytes.fromhex(hashed[1]) if hashed else hashlib.sha256(token.encode()).digest()


def _webhook(source: str, secret: str) -> Webhook:
    # The library skips what is not base64, down to an empty key that anybody could guess.
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if len(key) < _SHORTEST_KEY:
        raise ProducersError(
            f"SALES_GATEWAY_SECRETS: the secret of {source} is not base64 of {_SHORTEST_KEY} bytes or more; "
            "make one with: echo whsec_$(openssl rand -base64 32)"
        )
    return Webhook(secret)


@lru_cache(maxsize=1024)
def is_loopback(host: str | None) -> bool:
    """Whether an address is this machine's own."""
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
