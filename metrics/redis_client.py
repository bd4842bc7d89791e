"""Redis as our processes ask it: an answer in time or an error, no silent retries, and it can be cancelled.

Where Sentinels say which Redis is the primary (`metrics.redis_address`), they are asked at each new connection.

redis-py's own `socket_timeout` sends each command through `asyncio.wait_for`, which before Python 3.12 drops a
cancellation that arrives when the command has just been sent: a task that loads a large view could not be ended.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import redis as blocking
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry as BlockingRetry
from redis.sentinel import Sentinel as BlockingSentinel

from metrics.redis_address import Sentinels, sentinels

ANSWER_SECONDS = 5.0
"""How long a command, or a pipeline, may take; after that Redis does not answer (TimeoutError)."""
_SENTINEL_SECONDS = 1.0
"""How long one Sentinel may take, before the next one is asked."""


class _Pipeline(Pipeline):
    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await super().execute(raise_on_error)


class _Client(Redis):
    async def execute_command(self, *args: Any, **options: Any) -> Any:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> _Pipeline:
        return _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class _Followed(_Client):
    """A client of whichever Redis is the primary; closing it closes the connections to the Sentinels, too."""

    asked: Sentinel | None = None

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        if self.asked is not None:
            await self.asked.aclose()


def connect(url: str, *, connections: int | None = None) -> Any:
    """A client, not connected yet; `connections`: most at once. Answers are bytes, which redis-py types as text, too.

    Who asks tries again by itself, and says so: a client that does it silently makes everybody wait.
    """
    options: dict[str, Any] = {
        "socket_timeout": None,  # it has a default
        "socket_connect_timeout": ANSWER_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": connections,
    }
    found = sentinels(url)
    return _Client.from_url(url, **options) if found is None else _follow(found, options)


def _follow(found: Sentinels, options: dict[str, Any]) -> _Followed:
    asked: Any = Sentinel  # redis-py has no types for it
    asked = asked(found.hosts, sentinel_kwargs=_asking(found, options["retry"]))
    client: _Followed = asked.master_for(found.service, redis_class=_Followed, **_told(found.redis), **options)
    client.asked = asked
    return client


def connect_blocking(url: str, seconds: float) -> Any:
    """A client for threads, not connected yet; seconds: how long Redis may take to connect and to answer."""
    options: dict[str, Any] = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    options["retry"] = BlockingRetry(NoBackoff(), 0)
    found = sentinels(url)
    if found is None:
        return blocking.Redis.from_url(url, **options)
    asked: Any = BlockingSentinel  # redis-py has no types for it
    kwargs = _asking(found, options["retry"])
    return asked(found.hosts, sentinel_kwargs=kwargs).master_for(found.service, **_told(found.redis), **options)


def _asking(found: Sentinels, retry: Any) -> dict[str, Any]:
    """Options of connections to Sentinels: TLS as to Redis, a login of their own."""
    told = _told(found.redis)
    secured = {name: value for name, value in told.items() if name == "ssl" or name.startswith("ssl_")}
    limits = {"socket_timeout": _SENTINEL_SECONDS, "socket_connect_timeout": _SENTINEL_SECONDS, "retry": retry}
    return {**secured, **found.login, **limits}


def _told(url: str) -> dict[str, Any]:
    """What an address says besides where Redis is, as options of redis-py."""
    told: dict[str, Any] = dict(parse_url(url))
    for name in ("host", "port"):
        told.pop(name, None)
    if told.pop("connection_class", None) is SSLConnection:
        told["ssl"] = True
    return told


class Memory(NamedTuple):
    """What Redis does when its memory is full: its policy, and its limit in bytes (0: none)."""

    policy: str
    limit: int

    @property
    def problem(self) -> str:
        """What is wrong with it for a view of which no part may be missing; "" when nothing is."""
        if self.policy == "noeviction" or not self.limit:
            return ""
        return (
            f"Redis evicts keys ({self.policy}) when its {self.limit / 2**20:.0f} MiB are full: what it evicts of the "
            "view has to be written again, and numbers are withheld meanwhile; set maxmemory-policy noeviction"
        )


def read_memory(info: Mapping[str, Any]) -> Memory:
    """From the answer to INFO memory; of a server that does not tell, nothing is known to be wrong."""
    return Memory(str(info.get("maxmemory_policy", "noeviction")), int(info.get("maxmemory", 0)))
