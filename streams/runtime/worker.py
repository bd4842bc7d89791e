"""One worker process: builds every part for real, runs until a signal or a failure, and ends cleanly or loudly."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, TypeVar

import structlog
import uvloop
from aiokafka.errors import KafkaError

from metrics.access.access import Access
from metrics.certificates import Certificates, of_redis
from metrics.ending import end_tasks, end_within
from metrics.view import Keys
from producers.compiled import FORM
from producers.kafka_requests import disks
from producers.log_ends import SILENT_SECONDS, LogEnds
from streams.durable.changelog import KafkaChangelog
from streams.durable.group import committed, owner_of
from streams.durable.local_store import InMemoryStore, LocalStore, RocksStore, set_aside
from streams.durable.restore import KafkaRestorer
from streams.durable.rewriting import RewritingChangelog
from streams.durable.standby import Standbys
from streams.durable.topic_id import EventsTopic, compare
from streams.errors import SinkError
from streams.fold.rules import Rules
from streams.letters.follow import OpenLetters
from streams.letters.recount import written
from streams.letters.reference import ReferenceLetters
from streams.runtime import memory
from streams.runtime.app import SalesApp, build
from streams.runtime.health import Health
from streams.runtime.huge_pages import hold_in_huge_pages
from streams.runtime.owner import Owner
from streams.runtime.preflight import lock, prepare_topics
from streams.runtime.sensors import WorkerSensors
from streams.runtime.status import Status
from streams.settings import WorkerSettings
from streams.view.publish import ViewPublisher
from streams.view.reference import ReferenceView
from streams.view.senders import RedisNotes, share
from streams.view.sink import RedisSink

log = structlog.get_logger(__name__)

_STOP_SECONDS = 8.0
_ASK_SECONDS = 1.0
"""Between two questions to Kafka where the log ends."""
_ID_SECONDS = 5.0
_DISK_SECONDS = 60.0
_SHOW_SECONDS = 2.0
"""For the last round of the view: a Redis that hangs must not take the time that the flush needs."""
_HARD_SECONDS = 9.7
"""A worker that was told to end has ended by then: what is not durable is folded again by the next owner."""
_US = 1_000_000
T_ = TypeVar("T_")


def rules(settings: WorkerSettings) -> Rules:
    """What the fold must know of the business. Raises CalendarError."""
    return Rules(
        zone=settings.zone,
        calendar=settings.working_calendar(),
        call_target=round(settings.call_target_seconds * _US),
        callback_target=round(settings.callback_target_seconds * _US),
        lead_target=round(settings.lead_target_seconds * _US),
        chat_target=round(settings.chat_target_seconds * _US),
        ready_stages=frozenset(settings.ready_stages),
        ready_probability=round(settings.ready_probability * 10**12),
    )


def run(settings: WorkerSettings) -> None:
    """Run one worker until SIGTERM or SIGINT. Raises StreamsError, MetricsError or KafkaError when it cannot go on.

    After an error the process must end at once: tasks and threads are left as they are, so that nothing is written.
    """
    with lock(settings.data_dir, settings.worker_id):
        # Not `with`: after an error it would cancel the tasks and wait for them, and some would flush.
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        runner.run(Worker(settings).run())
        runner.close()


GC_THRESHOLDS = 200_000, 20, 50
"""Measured: each event leaves containers behind that live, and young collections look at all of them in vain."""


class Worker:
    """The composition root of one process."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._rules = rules(settings)
        self._status = Status()
        self._sensors = WorkerSensors(settings.worker_id, self._status)
        self._in_memory = settings.store == "memory" and not memory.has_outgrown(settings)
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """End the process: nothing more is written. The first reason counts."""
        if self._failure is None and not self._stop.is_set():
            self._failure = error
        self._stop.set()

    def _signalled(self) -> None:
        if self._stop.is_set():
            logging.shutdown()
            os._exit(1)  # asked twice: now
        log.info("stopping")
        end_within(_HARD_SECONDS)
        self._stop.set()

    async def run(self) -> None:
        """Start everything, wait, end."""
        settings, loop = self._settings, asyncio.get_running_loop()
        hold_in_huge_pages()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        # Before anything that waits for Kafka: whoever probes is told what is being waited for.
        health = self._health()
        await health.start()
        source = await self._unless_stopped(prepare_topics(settings))
        if source is None:
            await health.close()
            return
        restorer, ends = KafkaRestorer(settings, source.changelogs), self._log_ends()
        stores = partial(self._store, source.changelogs)
        standbys = Standbys(settings, stores, self._set_aside, self._status.standbys)
        self._owner = self._owner_of(source, restorer, stores, standbys)
        sink = RedisSink(settings.redis_url.get_secret_value(), settings.app_id)
        notes = RedisNotes(settings.redis_url.get_secret_value(), settings.app_id)
        publisher = self._publisher(sink)
        self._app = app = build(settings, self._owner, [self._reference_letters(restorer)], self.fail, source.read)
        # What is built by now lives as long as the process: no collection need look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        background = self._started({
            "app": self._follow(app),
            "publish": publisher.run(),
            "reference": ReferenceView(settings, sink, source.reference).run(),
            "letters": OpenLetters(settings, self._sensors).run(),
            "senders": share(notes, self._sensors),
            "memory": memory.watch(settings, self._sensors) if self._in_memory else memory.watch_on_disk(self._sensors),
            "log": self._watch_log(ends, source),
        })  # fmt: skip
        log.info(
            "worker started", app=settings.app_id, worker=settings.worker_id, partitions=source.partitions,
            clients="in memory" if self._in_memory else "on disk", form=FORM.told,
        )  # fmt: skip
        await self._stop.wait()
        # Nothing is flushed, shown or closed then: what went wrong may be in what would be written.
        if self._failure is not None:
            raise self._failure
        await self._end(app, publisher, background)
        for close in (standbys.close, sink.close, notes.close, ends.close, health.close):
            await close()

    # -- the parts

    def _health(self) -> Health:
        settings, status, registry = self._settings, self._status, self._sensors.registry
        access = Access(settings)
        redis = settings.redis_url.get_secret_value()
        registry.register(Certificates(access.certificates, settings.certificates, lambda: of_redis(redis)))
        return Health(
            settings.worker_metrics_listen, access, status, registry, settings.stall_timeout, self._not_ready
        )  # fmt: skip

    def _owner_of(
        self,
        source: EventsTopic,
        restorer: KafkaRestorer,
        stores: Callable[[int], LocalStore],
        standbys: Standbys,
    ) -> Owner:
        settings = self._settings
        return Owner(
            settings,
            self._rules,
            self._sensors,
            status=self._status,
            partitions=source.partitions,
            kept_in=(source.changelogs[settings.cells_topic], source.changelogs[settings.clients_topic]),
            changelogs=lambda number: self._changelog(settings.events_topic, number, restorer),
            stores=stores,
            set_aside=self._set_aside,
            restorer=restorer,
            standbys=standbys,
            lettered=partial(written, settings, settings.events_topic),
            on_failure=self.fail,
        )

    def _reference_letters(self, restorer: KafkaRestorer) -> ReferenceLetters:
        settings = self._settings
        return ReferenceLetters(
            settings,
            self._sensors,
            # A name of its own in the transactional id: partition 0 of events has one, too.
            lambda number: self._changelog(settings.reference_topic, number, restorer, "reference-"),
            partial(committed, settings, settings.reference_topic),
            partial(written, settings, settings.reference_topic),
        )

    def _publisher(self, sink: RedisSink) -> ViewPublisher:
        settings, owner = self._settings, self._owner
        return ViewPublisher(
            sink,
            Keys(settings.app_id),
            # A copy: partitions come and go between two awaits of a round.
            lambda: list(owner.owned.values()),
            self._sensors,
            self._status,
            interval=settings.view_interval,
            worker_id=settings.worker_id,
            zone=settings.timezone,
            local=self._rules.local,
        )

    def _log_ends(self) -> LogEnds:
        settings = self._settings
        return LogEnds(settings, settings.events_topic, f"sales-pulse-{settings.worker_id}-log")

    def _started(self, work: Mapping[str, Coroutine[Any, Any, None]]) -> list["asyncio.Task[None]"]:
        return [asyncio.create_task(self._guard(one), name=name) for name, one in work.items()]

    # -- while it runs

    async def _unless_stopped(self, work: Coroutine[Any, Any, T_]) -> T_ | None:
        task = asyncio.create_task(work)
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not task.done():
            await end_tasks([task])
            return None
        return await task

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - a part that dies ends the process
            self.fail(error)

    async def _follow(self, app: SalesApp) -> None:
        """Start Faust and wait until it crashes."""
        await app.start()
        raise await app.crash_of()

    async def _watch_log(self, ends: LogEnds, source: EventsTopic) -> None:
        """See how far the log has got, and that it still is the log that is folded."""
        asked_id = asked_disks = 0.0
        while True:
            began = monotonic()
            with suppress(KafkaError, OSError, TimeoutError):
                # Of any partition where none is ours: a spare worker wants to know whether Kafka answers, too.
                self._owner.lags(await ends.ask(list(self._status.partitions) or [0]))
                if began - asked_id >= _ID_SECONDS:
                    asked_id = began
                    async with asyncio.timeout(_ASK_SECONDS):
                        await compare(await ends.client(), self._settings, source)
            if began - asked_disks >= _DISK_SECONDS:
                asked_disks = began
                with suppress(KafkaError, OSError, TimeoutError):
                    async with asyncio.timeout(_ASK_SECONDS):
                        self._sensors.disks(await disks(await ends.client(), self._settings.events_topic))
            self._status.answered_at = ends.answered_at
            await asyncio.sleep(max(0.0, began + _ASK_SECONDS - monotonic()))

    async def _end(self, app: SalesApp, publisher: ViewPublisher, background: list["asyncio.Task[None]"]) -> None:
        """Flush, show, leave, within the time that a supervisor gives."""
        for task in background:
            if task.get_name() != "app":
                task.cancel()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await end_tasks(task for task in background if task.get_name() == "publish")
                with suppress(SinkError, TimeoutError):
                    async with asyncio.timeout(_SHOW_SECONDS):
                        await publisher.show()
                for owner in app.owners:
                    await owner.close_all()
                app.leave_when_stopped()
                await app.stop()
        except TimeoutError:
            log.warning("could not end in time; what is not durable is folded again by the next owner")
        for task in background:
            task.cancel()
        await asyncio.wait(background, timeout=1)
        log.info("stopped")

    def _changelog(self, topic: str, number: int, restorer: KafkaRestorer, name: str = "") -> RewritingChangelog:
        settings = self._settings

        async def is_ours() -> bool | None:
            owner = await owner_of(settings, topic, number)
            return None if owner is None else owner == self._app.member_id

        def make(seconds: float) -> KafkaChangelog:
            return KafkaChangelog(settings, topic, number, name, transaction_seconds=seconds)

        return RewritingChangelog(number, make, restorer, is_ours)

    def _store(self, changelogs: Mapping[str, str], number: int) -> LocalStore:
        if self._in_memory:
            return InMemoryStore()
        return RocksStore(self._settings.data_dir / "state" / str(number), changelogs)

    def _set_aside(self, number: int) -> None:
        set_aside(self._settings.data_dir / "state" / str(number))

    def _not_ready(self) -> str:
        if not hasattr(self, "_app"):
            return "waiting for Kafka"
        owner = self._owner
        if opening := self._status.opening():
            return f"restoring partitions {opening}"
        if (age := self._status.contact_age()) > SILENT_SECONDS:
            return f"Kafka has not answered for {age:.0f} s"
        # With more workers than partitions some have none, and are ready to take over.
        return "" if owner.owned or self._app.is_settled else "no partitions assigned yet"
