"""Workers as users start them, and a probe that watches how far each says it is."""

import itertools
import re
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import httpx

from deploy.stack.ports import free_port
from deploy.stack.program import Program

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r'^sales_worker_partition_fence_offset\{partition="(\d+)"\} (\S+)$', re.MULTILINE)
_READY = re.compile(r'^sales_worker_partition_ready\{partition="(\d+)"\} 1\.0$', re.MULTILINE)
_PROBE_SECONDS = 0.2
_STANDS_STILL = 1.0
"""A partition without progress for so long (s) stands still; less is how probes and flushes fall."""

Sample = tuple[float, dict[int, int]]
"""Monotonic time, and partition → offset of the last event folded."""


class WorkerProgram(Program):
    """One `sales-pulse worker`. While it is `wanted` its supervisor, the case, starts it again when it ends."""

    def __init__(self, worker_id: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.worker_id = worker_id
        self.port = free_port()
        self.folder = folder
        self.wanted = True
        self.starts = 0
        env = {
            **environment,
            "SALES_WORKER_ID": worker_id,
            "SALES_DATA_DIR": str(folder / "data"),
            "SALES_WORKER_METRICS_LISTEN": f"127.0.0.1:{self.port}",
        }
        argv = [sys.executable, "-m", "deploy.cli", "worker"]
        super().__init__(f"worker {worker_id}", argv, log=folder / "worker.log", env=env, cwd=ROOT)
        self.samples: list[Sample] = []
        self.ready: set[int] = set()
        self._ended = threading.Event()
        self._probe = threading.Thread(target=self._watch, daemon=True, name=f"probe-{worker_id}")
        self._probe.start()

    def prepare(self) -> None:
        """Count the start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.starts += 1
        self.ready = set()

    def down(self) -> None:
        """SIGKILL, and nobody starts it again."""
        self.wanted = False
        self.kill()

    def up(self) -> None:
        """Start it, as its supervisor would."""
        self.wanted = True
        self.start_process()

    def close(self) -> None:
        """End it and its probe."""
        self._ended.set()
        self.resume()
        self.kill()
        self._probe.join(5)

    def text(self) -> str:
        """Its metrics; empty when nobody answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=1).text
        except httpx.HTTPError:
            return ""

    def total(self, name: str) -> float:
        """Sum over a metric's series."""
        return sum(float(value) for value in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", self.text(), re.MULTILINE))

    def _watch(self) -> None:
        with httpx.Client(timeout=1) as client:
            while not self._ended.wait(_PROBE_SECONDS):
                starts = self.starts
                try:
                    text = client.get(f"http://127.0.0.1:{self.port}/metrics").text
                except httpx.HTTPError:
                    self.ready = set()
                    continue
                if starts != self.starts:
                    continue  # the answer is of the process before
                self.ready = {int(number) for number in _READY.findall(text)}
                fences = {int(number): int(float(fence)) for number, fence in _FENCE.findall(text)}
                self.samples.append((time.monotonic(), {p: f for p, f in fences.items() if p in self.ready}))


class Progress:
    """What several workers say, merged: when each partition got further than anybody had been before."""

    def __init__(self, workers: list[WorkerProgram], partitions: int, until: float) -> None:
        samples = sorted((s for worker in workers for s in worker.samples if s[0] <= until), key=lambda s: s[0])
        self.steps: dict[int, list[tuple[float, int]]] = {number: [] for number in range(partitions)}
        for moment, fences in samples:
            for number, fence in fences.items():
                steps = self.steps[number]
                if fence > (steps[-1][1] if steps else -1):
                    steps.append((moment, fence))

    def standstill(self) -> float:
        """The longest time (s) in which some partition got no further, from its first event to its last."""
        pairs = (pair for steps in self.steps.values() for pair in itertools.pairwise(steps))
        return max((after[0] - before[0] for before, after in pairs), default=0.0)

    def back(self, begin: float, end: float) -> float:
        """Seconds from `begin` until every partition went on again after what stood still between `begin` and `end`."""
        return max((self._back(steps, begin, end) for steps in self.steps.values()), default=0.0)

    @staticmethod
    def _back(steps: list[tuple[float, int]], begin: float, end: float) -> float:
        went_on = 0.0
        for (before, _), (after, _) in itertools.pairwise(steps):
            if after > begin and before < end and after - before >= _STANDS_STILL:
                went_on = after - begin
        return went_on


def fences(workers: Iterable[WorkerProgram]) -> dict[int, int]:
    """Partition → offset of the last event that any of them folded, by what each said last."""
    found: dict[int, int] = {}
    for worker in workers:
        for number, fence in worker.samples[-1][1].items() if worker.samples else ():
            found[number] = max(fence, found.get(number, -1))
    return found
