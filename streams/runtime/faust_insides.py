"""All that we use of Faust's insides, in one place: what it has no settings for. Its version is pinned for this.

`tests/unit/streams/runtime/test_faust_insides.py` asks for each of these names by itself, so that an upgrade fails
where it has to be looked at. What Faust lets be replaced in public (scheduler, schema, store) is beside this.

Faust reads changelogs one record at a time and writes one future per key. Here its table manager does not subscribe
to the changelogs at all; on assignment it has the owners open the partitions, then starts the stream where they stand.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import faust
import structlog
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.types import TP
from mode import Service

from producers import kafka_fetched, kafka_insides
from streams.errors import RevokedError, WorkerError
from streams.runtime.batches import FetchRead
from streams.state.records import AS_BATCHES

if TYPE_CHECKING:
    from streams.runtime.app import SalesApp

log = structlog.get_logger(__name__)

# ruff: noqa: SLF001

FETCH_MS = 100
"""How long a broker may hold a fetch back that finds nothing.

aiokafka has one fetch per broker under way, of those partitions that have nothing buffered. While all events wait to be
folded that is the quiet reference topic alone, and nothing else is fetched until it is answered: Faust's own 1.5 s.
"""


class _ConsumerThread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust has no settings for these; it reads uncommitted records unless it writes transactions by itself.
        kafka_insides.configure(consumer, fetch_max_wait_ms=FETCH_MS, value_deserializer=AS_BATCHES)
        return consumer

    async def on_start(self) -> None:
        """Start as Faust does; nothing is assigned yet."""
        self._assignment: Any = None
        self._ends: dict[Any, int] = {}
        await super().on_start()

    async def _fetch_records(self, consumer: Any, active_partitions: Any, *options: Any, **named: Any) -> Any:
        """What was read, by partition, as `FetchRead`; of partitions too where only the position moved."""
        records = await super()._fetch_records(consumer, active_partitions, *options, **named)
        # Records and positions are of one moment: nothing moves them while the assignment stays.
        assignment = kafka_insides.assignment(consumer)
        if assignment is not None:
            await kafka_insides.learn_ends(consumer, assignment, active_partitions)
        if assignment is not kafka_insides.assignment(consumer) or assignment is None or not self.consumer.flow_active:
            return {}  # what is fetched while partitions are taken away is read again
        if assignment is not self._assignment:
            self._assignment, self._ends = assignment, {}
            kafka_fetched.keep_place(consumer)
        return dict(self._with_ends(records, active_partitions))

    def _with_ends(self, records: Mapping[Any, Any], partitions: Iterable[Any]) -> Iterator[tuple[Any, FetchRead]]:
        for tp, end in kafka_insides.positions(self._assignment, partitions):
            found = records.get(tp, ())
            if found or end != self._ends.get(tp):
                self._ends[tp] = end
                yield tp, FetchRead(found, end)


class BatchConsumer(Consumer):
    """Never pauses a partition because batches of it wait: with all of them paused Faust would sleep for a second.

    What waits is bounded by the queue alone, which the delivery of the next batch waits for.
    """

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: the delivery waits for room."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Nothing was paused."""


class InsideApp(faust.App):
    """An app whose consumer hands batches over, and that knows how it stands in the group.

    `is_settled`: the group has given this worker its share, even if that is nothing, and it has been opened.
    """

    is_settled = False

    def _new_transport(self) -> Any:
        transport: Any = super()._new_transport()
        transport.Consumer = BatchConsumer
        return transport

    @property
    def member_id(self) -> str:
        """What the group knows this worker by; "" before it has joined."""
        consumer = self._consumer_of_thread()
        return kafka_insides.member_id(consumer) if consumer is not None else ""

    def leave_when_stopped(self) -> None:
        """Have the consumer leave the group when it stops, as one without a static id does.

        A static member says nothing when it goes: its partitions would stand still until its session is over.
        """
        consumer = self._consumer_of_thread()
        if consumer is not None:
            kafka_insides.leave_when_stopped(consumer)

    async def crash_of(self) -> BaseException:
        """Wait until the app crashes, and say why: mode has no public way to wait for it."""
        await self._crashed.wait()
        return self.crash_reason or WorkerError("Faust stopped by itself")

    def _consumer_of_thread(self) -> Any:
        return getattr(getattr(self.consumer, "_thread", None), "_consumer", None)


class BatchRecovery(Recovery):
    """Recovery as one call: open the assigned partitions, seek behind their fences, let the stream go on."""

    async def on_rebalance(
        self,
        assigned: set[TP],  # noqa: ARG002 - Faust's signature
        revoked: set[TP],  # noqa: ARG002
        newly_assigned: set[TP],  # noqa: ARG002
        generation_id: int = 0,
    ) -> None:
        """Start over for this generation of the group."""
        if generation_id != self.app.consumer_generation_id:
            return
        self._generation_id = generation_id
        cast("SalesApp", self.app).is_settled = False
        self.signal_recovery_start.set()

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Nothing is buffered here."""

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start.wait()):
                break
            self.signal_recovery_start.clear()
            try:
                await self._recover(self._generation_id)
            except RebalanceAgain:
                log.info("rebalancing again")
            except ServiceStopped:
                break
            except Exception as error:  # noqa: BLE001 - whatever it is, the worker cannot go on
                cast("SalesApp", self.app).on_failure(error)
                break

    async def _recover(self, generation: int) -> None:
        app = cast("SalesApp", self.app)
        consumer = app.consumer
        self._set_recovery_started()
        assigned = consumer.assignment()
        positions: dict[TP, int] = {}

        async def open_all() -> None:
            try:
                for owner in app.owners:
                    found = await owner.open([tp.partition for tp in assigned if tp.topic == owner.topic])
                    positions.update((TP(owner.topic, number), position) for number, position in found.items())
            except RevokedError as error:
                raise RebalanceAgain from error

        await self._wait(open_all())
        if unopened := assigned - positions.keys():
            raise WorkerError(f"nobody owns {', '.join(sorted(f'{tp.topic}/{tp.partition}' for tp in unopened))}")
        await app.on_rebalance_complete.send()
        topic = app.owner.topic
        await app.owner.stand_by({tp.partition for tp in app.assignor.assigned_standbys() if tp.topic == topic})
        self._set_recovery_ended()
        if app.consumer_generation_id != generation:
            return
        assignment = consumer.assignment()
        if assignment:
            await self._wait(consumer.perform_seek())
            await self._wait(consumer.seek_wait(positions))
        consumer.resume_partitions(assignment)
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        await app._fetcher.maybe_start()  # as Faust's own recovery does
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()
        app.is_settled = True
        log.info("worker ready", partitions=sorted(tp.partition for tp in positions if tp.topic == topic))

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Nothing: the owner reads changelogs."""

    @Service.task
    async def _publish_stats(self) -> None:
        """Nothing: progress is in the worker's metrics."""


class BatchTableManager(TableManager):
    """Registers tables without subscribing to their changelogs."""

    async def on_start(self) -> None:
        """Start tables and recovery."""
        await self._update_channels()
        await self.recovery.start()

    @property
    def recovery(self) -> BatchRecovery:
        """The recovery that opens partitions in batches."""
        if self._recovery is None:
            self._recovery = BatchRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return cast("BatchRecovery", self._recovery)

    async def _update_channels(self) -> None:
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()
