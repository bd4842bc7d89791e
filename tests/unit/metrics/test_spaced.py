"""Costly answers: shared by who asks together, always begun after the question, never back to back."""

import asyncio
import time

import pytest

from metrics.exporter.http.spaced import Spaced


async def test_who_asks_together_shares_and_who_comes_later_gets_a_new_run():
    """One run for many askers; a question during a run is answered by the next one."""
    spaced, runs = Spaced(), []
    running = asyncio.Event()

    async def work() -> int:
        runs.append(time.monotonic())
        running.set()
        await asyncio.sleep(0.05)
        return len(runs)

    first = [asyncio.create_task(spaced.get("a", work)) for _ in range(5)]
    await running.wait()
    later = asyncio.create_task(spaced.get("a", work))
    assert [await task for task in first] == [1] * 5
    assert await later == 2
    await spaced.get("a", work)
    assert runs[2] - runs[1] > 0.2
    assert await spaced.get("b", work) == 4


async def test_what_a_run_waits_for_makes_nobody_wait():
    """By the processor's time; what it works is spaced all the same."""
    spaced, runs = Spaced(1, time.process_time), []

    async def work(seconds: float) -> None:
        runs.append(time.monotonic())
        await asyncio.sleep(0.1)
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass

    for seconds in (0, 0.05, 0):
        await spaced.get("a", lambda seconds=seconds: work(seconds))
    assert runs[1] - runs[0] < 0.3
    assert runs[2] - runs[1] > 0.1 + 2 * 0.05


async def test_a_failure_reaches_everybody_and_is_not_kept():
    """All who wait see the error; the next question is tried again."""
    spaced = Spaced()

    async def fail() -> None:
        raise ValueError("no")

    async def work() -> str:
        return "yes"

    for task in [asyncio.create_task(spaced.get("a", fail)) for _ in range(2)]:
        with pytest.raises(ValueError, match="no"):
            await task
    assert await spaced.get("a", work) == "yes"


async def test_one_who_leaves_does_not_stop_the_others():
    """Cancelling one asker lets the run go on."""
    spaced = Spaced()

    async def work() -> str:
        await asyncio.sleep(0.05)
        return "done"

    leaving, staying = (asyncio.create_task(spaced.get("a", work)) for _ in range(2))
    await asyncio.sleep(0.01)
    leaving.cancel()
    assert await staying == "done"
