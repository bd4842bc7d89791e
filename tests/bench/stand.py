"""What all parts of the bench share: servers on the cores that are not measured, topics and workers."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil

from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.bench import quota, workload
from tests.bench.engine import POLL_SECONDS, BenchError, Commits, Run, busy
from tests.bench.results import Results
from tests.support.servers import kafka_service, redis_service
from tests.support.workers import House, WorkerProcess, house

PARTITIONS = 4


@dataclass(frozen=True)
class Asked:
    """What the bench was asked for."""

    events: int = 200_000
    repeats: int = 3
    core: int = 0
    peers: tuple[str, ...] = ()
    is_quick: bool = False
    flat_minutes: float = 0.0
    store: str = "memory"
    days: float = 0.125


@dataclass(frozen=True)
class Topic:
    """An events topic that is filled, and how to make the same events again."""

    settings: KafkaSettings
    sent: int
    pairs: Callable[[], Iterator[workload.Pair]]

    @property
    def name(self) -> str:
        """The topic's name in Kafka."""
        return self.settings.events_topic


@dataclass
class Stand:
    """Running servers. `size` says what the events of a row were."""

    asked: Asked
    results: Results
    servers: str
    redis_url: str
    folder: Path
    commits: Commits
    _topics: dict[str, Topic] = field(default_factory=dict)

    def name(self) -> str:
        """A name that nothing else has."""
        return f"bench{uuid4().hex[:8]}"

    def empty(self) -> KafkaSettings:
        """An empty events topic."""
        settings = KafkaSettings(
            _env_file=None, kafka_servers=self.servers, topic_prefix=self.name(), partitions=PARTITIONS
        )
        asyncio.run(ensure(settings))
        return settings

    def topic(self, count: int, *, full: bool, days: float, again: float = 0.0) -> Topic:
        """A topic with the benches' mix; made once for each size."""
        key = f"{count} {full} {days} {again}"
        if key not in self._topics:

            def pairs() -> Iterator[workload.Pair]:
                return workload.events(count, full=full, days=days, again=again)

            settings = self.empty()
            self._topics[key] = Topic(settings, workload.publish(settings, pairs()), pairs)
        return self._topics[key]

    @contextmanager
    def house(self, settings: KafkaSettings, **environment: str) -> Iterator[House]:
        """A new application on a topic."""
        name = self.name()
        with house(self.servers, self.redis_url, settings.topic_prefix, name, self.folder / name, PARTITIONS) as found:
            found.environment |= environment
            yield found

    def until_committed(self, place: House, count: int, *workers: WorkerProcess, seconds: float = 900) -> None:
        """Wait until the application has committed `count` records. Raises BenchError."""
        deadline = time.monotonic() + seconds
        while (done := self.commits.of(place.app_id, place.kafka.events_topic)) < count:
            for worker in workers:
                if worker.process is None or worker.process.poll() is not None:
                    raise BenchError(f"the worker ended: {worker.log[-2000:]}")
            if time.monotonic() > deadline:
                raise BenchError(f"only {done:,} of {count:,} committed after {seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def fold(self, place: House, count: int, *cores: Sequence[int], groups: Sequence[Path] = ()) -> Run:
        """Fold a backlog with one worker for each of `cores`: from when all of them fold to everything committed.

        `groups`: control groups of `quota`, one for each, if their shares of a core are limited.
        """
        cores = cores or ((self.asked.core,),)
        workers = [place.worker(f"worker-{number}") for number, _ in enumerate(cores)]
        processes = []
        for worker, mine in zip(workers, cores, strict=True):
            assert worker.process is not None
            processes.append(psutil.Process(worker.process.pid))
            processes[-1].cpu_affinity(list(mine))
        for group, process in zip(groups, processes, strict=False):
            quota.join(group, process.pid)
        deadline = time.monotonic() + 90
        while not (is_shared(workers) and all(worker.total("sales_worker_batches_total") for worker in workers)):
            if time.monotonic() > deadline or any(not one.is_running() for one in processes):
                raise BenchError(f"no record within 90 s: {workers[0].log[-2000:]}")
            time.sleep(0.02)
        began, started, shown = time.perf_counter(), sum(map(busy, processes)), _views(workers)
        around = _all_else(processes)
        # One worker has only just begun: what it folded by now is within the noise.
        done = sum(map(_folded, workers)) if len(workers) > 1 else 0
        self.until_committed(place, count, *workers)
        return {
            "events": count - done,
            "cpu": sum(map(busy, processes)) - started,
            "wall": time.perf_counter() - began,
            "around": _all_else(processes) - around,
            "rss_mb": sum(one.memory_info().rss for one in processes) / 1e6,
            "views": _views(workers) - shown,
        }

    def stop(self, worker: WorkerProcess) -> None:
        """End a worker cleanly."""
        worker.signal(signal.SIGTERM)
        worker.wait(30)


def is_shared(workers: Sequence[WorkerProcess]) -> bool:
    """Whether every partition is folded by one of these workers, and each of them has as many as the others."""
    owned = [worker.owned() for worker in workers]
    return sum(map(len, owned)) == PARTITIONS and len(set(map(len, owned))) == 1


def _all_else(workers: list[psutil.Process]) -> float:
    """CPU seconds so far of this program and the servers that it started."""
    me = psutil.Process()
    return busy(me) + sum(map(busy, set(me.children(recursive=True)) - set(workers)))


def _folded(worker: WorkerProcess) -> float:
    """Events behind the fences of the partitions that it owns."""
    return worker.total("sales_worker_partition_fence_offset") + len(worker.owned())


def _views(workers: list[WorkerProcess]) -> float:
    """How often the view was written, or looked at in vain."""
    return sum(worker.total("sales_worker_view_seconds_count") for worker in workers)


@contextmanager
def all_cores() -> Iterator[None]:
    """Let this program and the servers that it started use the measured core, too."""
    before, everything = os.sched_getaffinity(0), set(range(os.cpu_count() or 1))
    _pin(everything)
    try:
        yield
    finally:
        _pin(before)


def _pin(cores: set[int]) -> None:
    """This program and all that it started, each thread of them."""
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            for thread in process.threads():
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(thread.id, cores)


@contextmanager
def stand(asked: Asked, results: Results) -> Iterator[Stand]:
    """Servers, and this program, on all cores but the measured one."""
    others = set(range(os.cpu_count() or 1)) - {asked.core}
    os.sched_setaffinity(0, others or {asked.core})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        kafka = stack.enter_context(kafka_service(folder))
        redis = stack.enter_context(redis_service(folder))
        commits = stack.enter_context(Commits(kafka.address))
        yield Stand(asked, results, kafka.address, redis.address, folder, commits)
