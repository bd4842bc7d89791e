"""Redis as worker and exporter ask it: an answer in time or an error, no silent retries, and it can be cancelled.

redis-py's own `socket_timeout` sends each command through `asyncio.wait_for`, which before Python 3.12 drops a
cancellation that arrives when the command has just been sent: a task that loads a large view could not be ended.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

ANSWER_SECONDS = 5.0
"""How long a command, or a pipeline, may take; after that Redis does not answer (TimeoutError)."""


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


def connect(url: str, *, connections: int | None = None) -> Any:
    """A client, not connected yet; `connections`: most at once. Answers are bytes, which redis-py types as text, too.

    Who asks tries again by itself, and says so: a client that does it silently makes everybody wait.
    """
    return _Client.from_url(
        url,
        socket_timeout=None,  # it has a default
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
        max_connections=connections,
    )


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
