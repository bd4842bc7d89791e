"""Two workers on two cores beside one, and how long partitions take to change hands.

One worker has a core for itself, broker, Redis and this program the other one. On a machine of two cores two workers
share both with all of them: the ratio of what is folded a second says what is left beside them, and CPU per event
what a second worker costs.
"""

import os
import signal
import time

from tests.bench.engine import Run
from tests.bench.results import Value
from tests.bench.stand import Stand, all_cores, is_shared
from tests.support.workers import WorkerProcess

PART = "Two workers on two cores"
_TIMES = 5
"""As many events as other parts: with few of them how two workers begin and end would count for too much."""


def measure(stand: Stand) -> None:
    """One, two, and two as one of them leaves and another one joins."""
    cores = os.cpu_count() or 1
    if cores < 2:
        print(f"{PART}: left out: one core", flush=True)
        return
    topic = stand.topic(_TIMES * stand.asked.events, full=True, days=30)
    other = next(core for core in range(cores) if core != stand.asked.core)
    both = (stand.asked.core, other)
    one: list[Run] = []
    two: list[Run] = []
    leave: list[float] = []
    join: list[float] = []
    for _ in range(stand.asked.repeats):
        with stand.house(topic.settings) as place:
            one.append(stand.fold(place, topic.sent))
        with all_cores(), stand.house(topic.settings) as place:
            two.append(stand.fold(place, topic.sent, both, both))
            first, second = place.workers
            began = time.perf_counter()
            second.signal(signal.SIGTERM)
            leave.append(_owners(began, first))
            second.wait(30)
            began = time.perf_counter()
            third = place.worker("third")
            join.append(_owners(began, first, third))
    figures: dict[str, Value] = {
        "one, events per second": [run["events"] / run["wall"] for run in one],
        "two, events per second": [run["events"] / run["wall"] for run in two],
        "× as fast": [b["events"] / b["wall"] / (a["events"] / a["wall"]) for a, b in zip(one, two, strict=True)],
        "cores that the two had": [run["cpu"] / run["wall"] for run in two],
        "Kafka, Redis and this program": [run["around"] / run["wall"] for run in two],
        "CPU per event, two to one": [
            b["cpu"] / b["events"] / (a["cpu"] / a["events"]) for a, b in zip(one, two, strict=True)
        ],
        "hand-over when one leaves, s": leave,
        "from start to a share when one joins, s": join,
    }
    stand.results.add(PART, f"{cores} cores in all", figures, f"{topic.sent:,} events of all types over 30 days")


def _owners(began: float, *workers: WorkerProcess) -> float:
    """Seconds until every partition is folded by these workers, each of them by one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if is_shared(workers):
            return time.perf_counter() - began
        time.sleep(0.05)
    return float("inf")
