"""Costly answers, worked out once for all who ask together, and never so often that nothing else gets a turn."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

_LONGEST_SECONDS = 1.0
_KEYS = 1000


@dataclass(slots=True)
class _Turn:
    running: asyncio.Lock = field(default_factory=asyncio.Lock)
    free: float = 0.0
    next: asyncio.Task[Any] | None = None


class Spaced:
    """One run at a time by key; after it, the next waits `share` times as long as it took, at most a second.

    clock: by which that is measured. By the processor's time what a run itself waited for makes nobody wait.
    """

    def __init__(self, share: float = 4, clock: Callable[[], float] = time.monotonic) -> None:
        self._share = share
        self._clock = clock
        self._turns: dict[Hashable, _Turn] = {}

    async def get(self, key: Hashable, work: Callable[[], Awaitable[Any]]) -> Any:
        """The result of a run that began after this call."""
        if len(self._turns) >= _KEYS:
            self._turns = {k: t for k, t in self._turns.items() if t.next is not None or t.running.locked()}
        turn = self._turns.setdefault(key, _Turn())
        if turn.next is None:
            turn.next = asyncio.create_task(self._run(turn, work))
        return await asyncio.shield(turn.next)

    async def _run(self, turn: _Turn, work: Callable[[], Awaitable[Any]]) -> Any:
        async with turn.running:
            await asyncio.sleep(max(0.0, turn.free - time.monotonic()))
            # Who comes from here on needs a run of his own.
            turn.next = None
            began = self._clock()
            try:
                return await work()
            finally:
                turn.free = time.monotonic() + min(self._share * (self._clock() - began), _LONGEST_SECONDS)
