"""Tasks end although they lose a cancellation; a process that hangs is ended hard."""

import asyncio
import subprocess
import sys
import time

from metrics.ending import end_tasks


async def deaf(times: int) -> None:
    """Lose so many cancellations, as a client does whose request has just been answered."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if not times:
                raise
            times -= 1


async def fails() -> None:
    raise ValueError("of its own")


async def test_tasks_end_however_many_cancellations_they_lose():
    """One that loses none, ones that lose several, one that failed before: all have ended, and nothing is raised."""
    tasks = [asyncio.create_task(work) for work in (deaf(0), deaf(1), deaf(3), fails())]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end_tasks(tasks)
    assert all(task.done() for task in tasks)


def test_a_process_that_hangs_is_ended():
    """Also one whose main thread never comes back."""
    program = "import time; from metrics.ending import end_within; end_within(0.3); time.sleep(60)"
    began = time.monotonic()
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=30, capture_output=True).returncode == 1
    assert time.monotonic() - began < 20
