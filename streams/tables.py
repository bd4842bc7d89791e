"""Faust's tables over our own state: Faust assigns and calls, partitions restore in batches and write by themselves.

Faust reads changelogs one record at a time and writes one future per key. Here its table manager does not subscribe
to the changelogs at all; on assignment it has the owners open the partitions, then starts the stream where they stand.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, cast

import faust
import structlog
from faust.stores.base import Store
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.types import TP
from mode import Service

from streams.errors import RevokedError, WorkerError

if TYPE_CHECKING:
    from streams.app import SalesApp

log = structlog.get_logger(__name__)


class _Held(Mapping[Any, Any]):
    """What the owned partitions hold of a table."""

    def __init__(self, app: Any, table: str) -> None:
        self._app = cast("SalesApp", app)
        self._table = table

    def __getitem__(self, key: Any) -> Any:
        for owned in self._app.owner.owned.values():
            if (found := owned.read(self._table, key)) is not None:
                return found
        raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        for owned in list(self._app.owner.owned.values()):
            yield from owned.keys(self._table)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class StateStore(Store[Any, Any]):
    """The state of the owned partitions as a read-only Faust store; its owner writes, never the table."""

    def __init__(self, app: Any, table: Any) -> None:
        super().__init__("sales://", app, table)
        self.data = cast("MutableMapping[Any, Any]", _Held(app, table.name))

    def persisted_offset(self, tp: Any) -> int | None:  # noqa: ARG002 - Faust's signature
        """None: restoring is the owner's."""
        return None

    def set_persisted_offset(self, tp: Any, offset: int) -> None:
        """Nothing: the local store keeps its own."""

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        """Nothing: the owner reads changelogs."""

    def reset_state(self) -> None:
        """Nothing: the owner sets broken state aside."""

    async def backup_partition(self, tp: Any, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """Not offered: the changelog is the backup."""

    def restore_backup(self, tp: Any, latest: bool = True, backup_id: int = 0) -> None:
        """Not offered: the changelog is the backup."""


class StateTable(faust.Table[Any, Any]):
    """A table whose data is the owned partitions' state."""

    def _new_store(self) -> StateStore:
        return StateStore(self.app, self)


class BatchRecovery(Recovery):
    """Recovery as one call: open the assigned partitions, seek behind their fences, let the stream go on."""

    async def on_rebalance(
        self,
        assigned: set[TP],  # noqa: ARG002 - Faust's signature
        revoked: set[TP],  # noqa: ARG002
        newly_assigned: set[TP],  # noqa: ARG002
        generation_id: int = 0,
    ) -> None:
        """Start anew for this generation."""
        if generation_id != self.app.consumer_generation_id:
            return
        self._generation_id = generation_id
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
        await app._fetcher.maybe_start()  # noqa: SLF001 - as Faust's own recovery does
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()
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
