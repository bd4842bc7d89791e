"""How the worker's cost grows with what it holds, what it holds in memory, and how fast it comes back.

Every client is there before anything is measured: the first events give each client a deal or three.
"""

import time
from datetime import timedelta
from itertools import islice

import psutil

from producers.partitioner import partition_for
from tests.bench import workload
from tests.bench.engine import BenchError, busy
from tests.bench.results import Value
from tests.bench.stand import PARTITIONS, Stand
from tests.support.workers import House, WorkerProcess

GROWTH = "Growth: the worker on all event types, by what it holds"
MEMORY = "Memory of the worker"
RESTORE = "Restoring from the changelogs alone"
CLIENT, CELL = "client with three deals", "part of a cell"
_DAY = 86_400


def measure(stand: Stand) -> None:
    """Throughput at ×10 clients, at more managers, with one that half of all is about; after every client is there."""
    sizes = [(500, 10_000), (500, 100_000), (500, 1_000_000), (50, 50_000), (300, 50_000), (1_000, 50_000)]
    if stand.asked.is_quick:
        sizes = [(500, 1_000), (500, 10_000), (50, 1_000)]
    for managers, clients in sizes:
        _fold(stand, f"{clients:,} clients, {managers} managers", managers, clients)
    managers, clients = sizes[0]
    for who, hot in (("client", {"hot_client": 0.5}), ("manager", {"hot_manager": 0.5})):
        name = f"{clients:,} clients, {managers} managers, half of all events of one {who}"
        _fold(stand, name, managers, clients, **hot)


def _fold(stand: Stand, name: str, managers: int, clients: int, **hot: float) -> None:
    count, settings = stand.asked.events // 2, stand.empty()
    with stand.house(settings) as place:
        worker, process = _start(stand, place)
        sent = workload.publish(settings, workload.deals(range(clients), 1, managers))
        stand.until_committed(place, sent, worker)
        held = process.memory_info().rss / 1e6
        repeats = []
        for n in range(stand.asked.repeats):
            # Each repeat goes on in time where the one before ended, as a client's events do.
            pairs = workload.events(
                count, managers=managers, clients=clients, days=10, full=True, seed=n + 1,
                start=workload.START + n * workload.TEN_DAYS, prefix=f"{n}-", **hot,
            )  # fmt: skip
            before = busy(process)
            sent += workload.publish(settings, pairs)
            stand.until_committed(place, sent, worker)
            repeats.append(count / (busy(process) - before))
        size = f"{count:,} events of all types over 10 days, after every client had one deal"
        figures: dict[str, Value] = {"events per CPU-second": list(repeats), "MB with all clients": held}
        stand.results.add(GROWTH, name, figures, size)
        stand.stop(worker)


def memory(stand: Stand) -> None:
    """Bytes per client with three deals, and per part of a cell: what three times as many take more.

    The first third is more than what is ever decoded, so that it pays for what is there once: in each of 4 partitions
    16,384 pages that stay so after a cut, and as many that changed before it.
    """
    clients, hours = (2_000, 20) if stand.asked.is_quick else (160_000, 96)
    managers = 20 if stand.asked.is_quick else 500
    for name, target in ((CLIENT, 600), (CELL, 250)):
        settings = stand.empty()
        with stand.house(settings) as place:
            worker, process = _start(stand, place)
            seen: list[tuple[float, int]] = []
            sent = 0
            for n in range(3):
                if name == CLIENT:
                    pairs = workload.deals(range(n * clients, (n + 1) * clients), 3, managers)
                else:
                    pairs = workload.replies(range(managers), range(n * hours, (n + 1) * hours), _clients())
                sent += workload.publish(settings, pairs)
                stand.until_committed(place, sent, worker)
                time.sleep(3)
                held = float((n + 1) * clients) if name == CLIENT else worker.total("sales_worker_cells")
                seen.append((held, process.memory_info().rss))
            each = (seen[2][1] - seen[0][1]) / (seen[2][0] - seen[0][0])
            size = f"RSS at {seen[0][0]:,.0f} and at {seen[2][0]:,.0f}; {managers} managers"
            whole = seen[2][1] / 1e6
            stand.results.add(MEMORY, name, {"bytes each": each, "target": f"≤ {target}", "MB of all": whole}, size)
            stand.stop(worker)


def flat(stand: Stand) -> None:
    """RSS over minutes of a steady load; asked for by --flat.

    Before it come three hours of events at once, so that what is kept for so long (minutes of all managers), and what
    stays decoded, is as much as it ever will be.
    """
    if not stand.asked.flat_minutes:
        return
    rate, settings = 2_000, stand.empty()
    before = 20_000 if stand.asked.is_quick else 1_500_000
    with stand.house(settings) as place:
        worker, process = _start(stand, place, SALES_STORE=stand.asked.store)
        warm = workload.events(
            before, managers=300, clients=50_000, days=1 / 8, full=True, start=workload.START - timedelta(hours=3),
            prefix="before-",
        )  # fmt: skip
        first = workload.publish(settings, warm)
        stand.until_committed(place, first, worker)
        pairs = workload.events(10**9, managers=300, clients=50_000, days=10**9 / rate / _DAY, full=True, seed=2)
        began, sent, seen = time.monotonic(), 0, []
        while (passed := time.monotonic() - began) < stand.asked.flat_minutes * 60:
            due = int(passed * rate) - sent
            sent += workload.publish(settings, islice(pairs, due)) if due > 0 else 0
            seen.append(process.memory_info().rss / 1e6)
            time.sleep(1)
        stand.until_committed(place, first + sent, worker)
        third = max(1, len(seen) // 3)
        figures = {f"MB, {name} third": seen[n * third : (n + 1) * third] for n, name in enumerate(("first", "second"))}
        figures["MB, last third"] = seen[2 * third :]
        name = f"{sent / passed:,.0f} events/s for {passed / 60:.0f} min after {first:,}, store: {stand.asked.store}"
        stand.results.add(MEMORY, name, {**figures})
        stand.stop(worker)


def restore(stand: Stand) -> None:
    """A worker without local state: from the assignment of its partitions to all of them restored."""
    clients = 5_000 if stand.asked.is_quick else 200_000
    settings = stand.empty()
    with stand.house(settings) as place:
        worker, _ = _start(stand, place)
        sent = workload.publish(settings, workload.deals(range(clients), 3, 500))
        sent += workload.publish(settings, workload.events(clients // 3, clients=clients, days=10))
        stand.until_committed(place, sent, worker)
        stand.stop(worker)
        runs: list[dict[str, float]] = []
        for n in range(stand.asked.repeats):
            fresh, process = _start(stand, place, f"fresh-{n}")
            runs.append(_restored(fresh, process))
            stand.stop(fresh)
    rates = [run["records"] / run["wall"] for run in runs]
    stand.results.add(
        RESTORE,
        "Sales Pulse worker",
        {
            "records/s": rates,
            "records per CPU-second": [run["records"] / run["cpu"] for run in runs],
            "seconds per million clients": [run["wall"] / clients * 1e6 for run in runs],
            "records": runs[0]["records"],
            "target": "≥ 200,000 records/s",
        },
        f"{clients:,} clients with three deals",
    )


def _restored(worker: WorkerProcess, process: psutil.Process) -> dict[str, float]:
    began = started = 0.0
    deadline = time.monotonic() + 300
    while len(worker.owned()) < PARTITIONS:
        if not began and worker.total("sales_worker_assigned_partitions"):
            began, started = time.perf_counter(), busy(process)
        if time.monotonic() > deadline:
            raise BenchError(f"not restored within 300 s: {worker.log[-2000:]}")
        time.sleep(0.02)
    wall, cpu = time.perf_counter() - began, busy(process) - started
    return {"records": worker.total("sales_worker_restore_records_total"), "wall": wall, "cpu": cpu}


def _start(stand: Stand, place: House, name: str = "worker", **settings: str) -> tuple[WorkerProcess, psutil.Process]:
    """A worker on the measured core."""
    worker = place.worker(name, **settings)
    assert worker.process is not None
    process = psutil.Process(worker.process.pid)
    process.cpu_affinity([stand.asked.core])
    return worker, process


def _clients() -> list[str]:
    """One client of each partition."""
    found: dict[int, str] = {}
    for number in range(1_000):
        name = f"client-{number:07d}"
        found.setdefault(partition_for(name.encode(), PARTITIONS), name)
    return list(found.values())
