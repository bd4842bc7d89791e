"""Redis as worker and exporter ask it: an answer in time or an error, no silent retries, and it can be cancelled.

redis-py's own `socket_timeout` sends each command through `asyncio.wait_for`, which before Python 3.12 drops a
cancellation that arrives when the command has just been sent: a task that loads a large view could not be ended.
"""

import asyncio
from typing import Any

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
