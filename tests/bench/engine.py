"""Running one engine to its end on one core: CPU seconds from its first record until everything is committed.

The engine itself says what starting cost it; the end is seen from outside, by what its group has committed, or (Flink,
whose group hears of a checkpoint only at the next fetch) said by the engine when a checkpoint is complete.
"""

import asyncio
import json
import queue
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

POLL_SECONDS = 0.1
Run = dict[str, float]
"""`events`, `cpu` and `wall` (s), `rss_mb`."""


class BenchError(Exception):
    """A measurement that cannot be finished; says why."""


class Commits:
    """What consumer groups have committed; one connection for all questions."""

    def __init__(self, servers: str) -> None:
        self._servers = servers

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self._runner.__enter__()
        self._runner.run(self._start())
        return self

    async def _start(self) -> None:
        self._admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
        await self._admin.start()

    def of(self, group: str, topic: str) -> int:
        """Records of the topic up to the committed offsets."""
        try:
            offsets = self._runner.run(self._admin.list_consumer_group_offsets(group))
        except KafkaError:
            return 0  # nobody has joined yet
        return sum(max(0, held.offset) for part, held in offsets.items() if part.topic == topic)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._admin.close())
        self._runner.__exit__(kind, error, trace)


def pinned(core: int, argv: list[str]) -> list[str]:
    """A command line that runs on one core."""
    return ["taskset", "-c", str(core), *argv]


def output(argv: list[str], core: int, env: dict[str, str] | None = None, timeout: float = 900) -> str:
    """What a program prints, run on one core. Raises BenchError when it fails."""
    done = subprocess.run(pinned(core, argv), capture_output=True, text=True, check=False, timeout=timeout, env=env)
    if done.returncode:
        raise BenchError(f"{argv[1:4]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def figures(argv: list[str], core: int) -> Run:
    """What a program prints as its last line, JSON."""
    found: Run = json.loads(output(argv, core).splitlines()[-1])
    return found


def busy(process: psutil.Process) -> float:
    """CPU seconds of a process so far, of all its threads."""
    used = process.cpu_times()
    return float(used.user + used.system)


def run(argv: list[str], core: int, commits: Commits, group: str, topic: str, count: int, log: Path) -> Run:
    """Run an engine that says `{"first": CPU seconds}` at its first record and ends at a line on its input."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            pinned(core, argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        found = _measure(process, commits, group, topic, count)
        process.communicate("\n", timeout=120)
    except (BenchError, OSError) as error:
        raise BenchError(f"{error}: {log.read_text()[-3000:]}") from error
    finally:
        process.kill()
        process.wait()
    return found


def _measure(process: "subprocess.Popen[str]", commits: Commits, group: str, topic: str, count: int) -> Run:
    said: queue.Queue[float] = queue.Queue()
    claimed = [0.0]

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith('{"first"'):
                said.put(json.loads(line)["first"])
            elif line.startswith('{"committed"'):
                claimed[0] = json.loads(line)["committed"]

    def committed() -> float:
        return max(claimed[0], commits.of(group, topic))

    threading.Thread(target=listen, daemon=True).start()
    try:
        started = said.get(timeout=90)
    except queue.Empty:
        raise BenchError("no record within 90 s") from None
    began = time.perf_counter()
    me = psutil.Process(process.pid)
    deadline = began + 900
    while (done := committed()) < count:
        if process.poll() is not None:
            raise BenchError("it ended")
        if time.perf_counter() > deadline:
            raise BenchError(f"only {done:,} of {count:,} committed after 900 s")
        time.sleep(POLL_SECONDS)
    wall, cpu = time.perf_counter() - began, busy(me) - started
    return {"events": count, "cpu": cpu, "wall": wall, "rss_mb": me.memory_info().rss / 1e6}
