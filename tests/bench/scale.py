"""Two workers on two cores beside one, and how long partitions take to change hands.

One worker has a core for itself, broker, Redis and this program the other one. On a machine of two cores two workers
share both with all of them: the ratio of what is folded a second says what is left beside them, and CPU per event
what a second worker costs. So the same again with less than a core for each worker, one or two, which leaves Kafka and
Redis what they need.
"""

import os
import signal
import time

from tests.bench import quota
from tests.bench.engine import BenchError, Run
from tests.bench.results import Value
from tests.bench.stand import Stand, Topic, all_cores, is_shared
from tests.support.workers import WorkerProcess

PART = "Two workers on two cores"
_TIMES = 5
"""As many events as other parts: with few of them how two workers begin and end would count for too much."""
_SHARE = 0.6
"""Of a core: two of them and all else fit on two cores."""


def measure(stand: Stand) -> None:
    """One, two, and two as one of them leaves and another one joins; then one and two with a share of a core each."""
    cores = os.cpu_count() or 1
    if cores < 2:
        print(f"{PART}: left out: one core", flush=True)
        return
    topic = stand.topic(_TIMES * stand.asked.events, full=True, days=30)
    other = next(core for core in range(cores) if core != stand.asked.core)
    both = (stand.asked.core, other)
    size = f"{topic.sent:,} events of all types over 30 days"
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
    hands: dict[str, Value] = {
        "hand-over when one leaves, s": leave,
        "from start to a share when one joins, s": join,
    }
    stand.results.add(PART, f"{cores} cores in all", _figures(one, two) | hands, size)
    try:
        limited = [_limited(stand, topic, both) for _ in range(stand.asked.repeats)]
    except quota.NoQuotaError as error:
        print(f"{PART}: shares of a core: left out: {error}", flush=True)
        return
    figures = _figures([one for one, _ in limited], [two for _, two in limited])
    stand.results.add(PART, f"each worker {_SHARE:.0%} of a core", figures, size)


def _limited(stand: Stand, topic: Topic, both: tuple[int, int]) -> tuple[Run, Run]:
    """One worker, then two, each with the same share of a core: Kafka and Redis take nothing from them."""
    runs = []
    for count in (1, 2):
        with all_cores(), quota.groups(count, _SHARE) as groups, stand.house(topic.settings) as place:
            runs.append(stand.fold(place, topic.sent, *[both] * count, groups=groups))
            if runs[-1]["cpu"] > 1.1 * count * _SHARE * runs[-1]["wall"]:
                raise BenchError("the kernel did not hold workers to their share of a core")
    return runs[0], runs[1]


def _figures(one: list[Run], two: list[Run]) -> dict[str, Value]:
    pairs = list(zip(one, two, strict=True))
    return {
        "one, events per second": [run["events"] / run["wall"] for run in one],
        "two, events per second": [run["events"] / run["wall"] for run in two],
        "× as fast": [b["events"] / b["wall"] / (a["events"] / a["wall"]) for a, b in pairs],
        "cores that the two had": [run["cpu"] / run["wall"] for run in two],
        "Kafka, Redis and this program": [run["around"] / run["wall"] for run in two],
        "CPU per event, two to one": [b["cpu"] / b["events"] / (a["cpu"] / a["events"]) for a, b in pairs],
    }


def _owners(began: float, *workers: WorkerProcess) -> float:
    """Seconds until every partition is folded by these workers, each of them by one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if is_shared(workers):
            return time.perf_counter() - began
        time.sleep(0.05)
    return float("inf")
