"""What an honest client sees while somebody attacks, and afterwards; and what the process is seen to need meanwhile."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

SECONDS = 20
"""That an attack lasts."""
_FIRST_SECONDS, _AFTER_SECONDS = 2, 3
MOST_LOGGED = 1000
"""kB that may be logged meanwhile."""
Ask = Callable[[], Awaitable[int]]
"""One honest question, and the status of its answer."""


@dataclass
class Heard:
    """Answers by status, or by what went wrong, and the longest that one took (s)."""

    answers: Counter[int | str] = field(default_factory=Counter)
    slowest: float = 0.0

    async def asking(self, ask: Ask, pause: float) -> None:
        """Ask again and again."""
        while True:
            began = time.monotonic()
            try:
                self.answers[await ask()] += 1
            except httpx.HTTPError as error:
                self.answers[type(error).__name__] += 1
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(pause)


@dataclass
class Seen:
    """While it lasted, and after it. grown: memory (MB). logged: kB."""

    meanwhile: Heard
    after: Heard
    grown: float
    logged: float

    def row(self, name: str, good: int) -> str:
        """As the table of `security.md` has it, and what is not in the table."""
        answers, after = self.meanwhile.answers, self.after
        return (
            f"\n| {name} | {answers[good]} of {answers.total()} | {self.meanwhile.slowest:.2f} s "
            f"| {self.grown:+.0f} MB | {self.logged:.0f} kB |"
            f"  after: {dict(after.answers)}, {after.slowest:.2f} s; load {os.getloadavg()[0]:.0f}"
        )


@asynccontextmanager
async def _under_way(work: Awaitable[None]):
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def watched(attack: Awaitable[None], ask: Ask, pause: float, process: psutil.Process, log: Path) -> Seen:
    """Attack, and ask meanwhile and afterwards."""
    before, logged = process.memory_info().rss, _logged(log)
    meanwhile, after, most = Heard(), Heard(), 0
    async with _under_way(attack):
        await asyncio.sleep(_FIRST_SECONDS)
        async with _under_way(meanwhile.asking(ask, pause)):
            ends = time.monotonic() + SECONDS
            while time.monotonic() < ends:
                most = max(most, process.memory_info().rss)
                await asyncio.sleep(0.2)
    async with _under_way(after.asking(ask, pause)):
        await asyncio.sleep(_AFTER_SECONDS)
    return Seen(meanwhile, after, (most - before) / 2**20, _logged(log) - logged)


def _logged(log: Path) -> float:
    """How much so far (kB)."""
    return log.stat().st_size / 1000
