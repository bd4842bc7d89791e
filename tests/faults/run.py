"""One case: servers, workers and load that go on while something is broken, and the judgement at the end.

The judgement is passed twice: on the view as the workers left it, and on what a new worker without any local state
shows in an emptied Redis, which is what the changelogs alone hold.
"""

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploy.stack.redis import RedisServer
from metrics.settings import BusinessSettings
from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.faults import verdict
from tests.faults.load import Load
from tests.faults.misplaced import MisplacedLoad
from tests.faults.mixture import Record, mixture
from tests.faults.table import CaseRow
from tests.faults.workers import Progress, WorkerProgram, fences

PARTITIONS = 6
RATE = 300
SESSION = 6.0
ZONE = "Europe/Moscow"
_RESTART_SECONDS = 1.0
_AFTERMATH = 0.1
"""At least this share of the load must come after the last fault began."""


class Run:
    """Use as a context manager: workers end with it. `settings` are environment variables of all workers."""

    def __init__(
        self, case: str, servers: str, redis: RedisServer, folder: Path, names: str, replication: int = 3,
        **settings: str,
    ) -> None:  # fmt: skip
        self.case = case
        self.redis = redis
        self.folder = folder
        self.kafka = KafkaSettings(
            kafka_servers=servers, topic_prefix=names, partitions=PARTITIONS, replication=replication
        )
        self.business = BusinessSettings(app_id=names, redis_url=redis.url, timezone=ZONE)  # type: ignore[arg-type]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SALES_")},
            "SALES_KAFKA_SERVERS": servers,
            "SALES_REDIS_URL": redis.url,
            "SALES_APP_ID": names,
            "SALES_TOPIC_PREFIX": names,
            "SALES_PARTITIONS": str(PARTITIONS),
            "SALES_REPLICATION": str(replication),
            "SALES_SESSION_TIMEOUT": str(SESSION),
            "SALES_TIMEZONE": ZONE,
            "PYTHONUNBUFFERED": "1",
            **settings,
        }
        self.workers: list[WorkerProgram] = []
        self.loads: list[Load] = []
        self.faults: list[tuple[float, int, str]] = []
        self.crashes = 0
        self.notes: dict[str, Any] = {}
        self.flush_seconds = 1.0
        self._died: dict[str, float] = {}
        self._began = time.monotonic()

    # -- the set-up

    def worker(self, worker_id: str, **settings: str) -> WorkerProgram:
        """Start a worker; it is started again whenever it ends, unless it was put `down`."""
        found = WorkerProgram(worker_id, self.folder / worker_id, {**self.environment, **settings})
        self.workers.append(found)
        found.up()
        return found

    def load(self, rate: int = RATE, records: Any = None, seed: int = 1, *, misplaced: bool = False) -> Load:
        """Begin a steady load; `misplaced`: on any partition, under keys of any spelling."""
        stream: Any = records if records is not None else mixture(seed)
        found = (MisplacedLoad if misplaced else Load)(self.kafka, stream, rate)
        self.loads.append(found)
        found.start()
        return found

    def begin(
        self, *names: str, rate: int = RATE, seed: int = 1, misplaced: bool = False, **settings: str
    ) -> list[WorkerProgram]:
        """Topics, workers and a load, until every partition is folded and has been for some seconds."""
        asyncio.run(ensure(self.kafka))
        workers = [self.worker(name, **settings) for name in names]
        if rate:
            self.load(rate, seed=seed, misplaced=misplaced)
        self.whole(60)
        self.sleep(5)
        return workers

    # -- while it goes on

    def supervise(self) -> None:
        """Start ended workers again, as systemd or Kubernetes would."""
        now = time.monotonic()
        for worker in self.workers:
            if worker.wanted and not worker.running:
                died = self._died.setdefault(worker.worker_id, now)
                if now - died >= _RESTART_SECONDS:
                    del self._died[worker.worker_id]
                    self.crashes += worker.returncode not in (-9, -15)
                    worker.start_process()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.supervise()
            time.sleep(0.1)

    def until(self, condition: Callable[[], Any], seconds: float, what: str) -> float:
        """Wait for a condition; how long it took (s)."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < seconds, f"not within {seconds:.0f} s: {what}\n{self.last_words()}"
            self.supervise()
            time.sleep(0.1)
        return time.monotonic() - began

    def owned(self, *workers: WorkerProgram) -> set[int]:
        """Partitions that are folded by these workers (by any)."""
        return {number for worker in workers or self.workers for number in worker.ready}

    def whole(self, seconds: float) -> float:
        """Wait until every partition has an owner that folds."""
        return self.until(lambda: len(self.owned()) == PARTITIONS, seconds, "every partition has an owner")

    def fault(self, what: str) -> float:
        """Say that something is broken now; the load must be on, and something must be folded already."""
        assert self.loads, "a fault without a load shows nothing"
        assert all(load.is_on for load in self.loads), "the load was over before the fault"
        sent = sum(load.sent for load in self.loads)
        assert sent, "the fault came before the load"
        assert any(max(fences.values(), default=0) for one in self.workers for _, fences in one.samples[-50:])
        self.faults.append((time.monotonic(), sent, what))
        return self.faults[-1][0]

    def fences(self) -> dict[int, int]:
        """Partition → offset of the last event that somebody folded."""
        return fences(self.workers)

    def moved(self, before: dict[int, int]) -> bool:
        """Whether every partition has got further."""
        now = self.fences()
        return len(now) == PARTITIONS and all(fence > before.get(number, -1) for number, fence in now.items())

    def shown(self, seconds: float) -> float:
        """Wait until the view is whole and moves on; the moment when it was."""
        self.until(lambda: asyncio.run(verdict.is_whole(self.business, PARTITIONS)), seconds, "the view is whole")
        return time.monotonic()

    def last_words(self) -> str:
        """The last line of every worker."""
        return "\n".join(f"{worker.name}: {worker.last_words()}" for worker in self.workers)

    # -- the judgement

    def settle(self, seconds: float = 6.0, patience: float = 60.0) -> CaseRow:
        """Let the load go on for some seconds, end it, wait until lag is 0, judge, and tell."""
        self.whole(patience)
        self.sleep(seconds)
        for load in self.loads:
            load.stop()
        ended = time.monotonic()
        asyncio.run(self._caught_up(patience))
        first = asyncio.run(self._supervised(verdict.judge(self.kafka, self.business)))
        # Dead letters are committed by the next flush, which may come after the view: the audit waits for them.
        log = asyncio.run(verdict.logged(self.kafka))
        second = self._rebuilt(log.ends)
        progress = Progress(self.workers, PARTITIONS, ended)
        row = self._row(log, first, progress, first.different.total() + second.different.total())
        print(f"\n{row.line()}", flush=True)
        for report in (first, second):
            assert report.is_equal, "\n".join(report.lines())
            assert not report.notes, "the audit could not look at everything"
        self._check(log, first, second)
        self.notes["forwarded"] = first.outcomes["forwarded"]
        return row

    async def _caught_up(self, patience: float) -> None:
        """Until nothing is left to fold or to commit; workers that forward make the log longer meanwhile."""
        wanted: dict[int, int] = {}
        while wanted != (wanted := await verdict.ends(self.kafka)):
            await self._supervised(verdict.caught_up(self.business, wanted, patience))
            await self._supervised(asyncio.sleep(2 * self.flush_seconds))

    async def _supervised(self, waiting: Coroutine[Any, Any, Any]) -> Any:
        """Wait for something while ended workers are started again."""
        task = asyncio.create_task(waiting)
        while not task.done():
            self.supervise()
            await asyncio.sleep(0.2)
        return await task

    def _rebuilt(self, wanted: dict[int, int]) -> Any:
        """What the changelogs alone hold, shown by a new worker in an empty Redis."""
        for worker in self.workers:
            worker.wanted = False
            worker.resume()
        for worker in self.workers:
            worker.stop(10)
        self.flush_redis()
        judge = self.worker("judge", SALES_KAFKA_SERVERS=self.kafka.kafka_servers, SALES_STORE="memory")
        asyncio.run(verdict.caught_up(self.business, wanted, 60))
        found = asyncio.run(verdict.judge(self.kafka, self.business))
        self.notes["folded_by_judge"] = int(judge.total("sales_worker_events_total"))
        judge.wanted = False
        return found

    def flush_redis(self) -> None:
        """FLUSHALL."""
        import redis

        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()

    def _row(self, log: verdict.Logged, report: Any, progress: Progress, differences: int) -> CaseRow:
        moments = [fault[0] for fault in self.faults] + [float("inf")]
        back = max(progress.back(begin, end) for begin, end in itertools.pairwise(moments))
        return CaseRow(
            case=self.case,
            sent=sum(load.sent for load in self.loads),
            records=log.records,
            folded=report.outcomes["folded"],
            duplicates=report.outcomes["duplicate"],
            stale=report.outcomes["stale"],
            dead_letters=report.refused.total(),
            standstill=round(progress.standstill(), 1),
            back=round(self.notes.pop("back", back), 1),
            differences=differences,
            faults=len(self.faults),
            crashes=self.crashes,
            seconds=round(time.monotonic() - self._began, 1),
            notes=self.notes,
        )

    def _check(self, log: verdict.Logged, first: Any, second: Any) -> None:
        sent = sum(load.sent for load in self.loads)
        last = self.faults[-1]
        assert sent - last[1] >= _AFTERMATH * sent, f"the load was nearly over before: {last[2]}"
        lost = {value for load in self.loads for value in load.values} - log.values
        assert not lost, f"{len(lost)} acknowledged events are not in the log"
        for report in (first, second):
            accounted = report.outcomes.total() + report.refused.total()
            assert accounted == report.records == log.records  # of the ends some are those of transactions
        twice = [source for source, times in log.letters.items() if times > 1]
        assert not twice, f"{len(twice)} records were dead-lettered more than once: {twice[:5]}"
        assert log.letters.total() == first.refused.total()

    def close(self) -> None:
        """End everything that was started here."""
        for load in self.loads:
            load._stopping.set()
        for worker in self.workers:
            worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


__all__ = ["PARTITIONS", "RATE", "SESSION", "Record", "Run"]
