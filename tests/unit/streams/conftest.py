"""An owner without a broker."""

import pytest

from streams.durable.local_store import InMemoryStore
from streams.durable.rewriting import RewritingChangelog
from streams.durable.standby import Standbys
from streams.runtime.owner import Owner
from streams.runtime.sensors import WorkerSensors
from streams.runtime.status import Status
from streams.runtime.tables import OpenShares, Tables
from streams.runtime.worker import rules
from streams.settings import WorkerSettings
from tests.support.in_memory import Broker, InMemoryChangelog, InMemoryRestorer


class OwnerHouse:
    """Makes owners that share a broker: one after the other, or two at once."""

    def __init__(self, tmp_path) -> None:
        self.settings = WorkerSettings(
            app_id="unit", worker_id="w", data_dir=tmp_path, flush_interval=0.01, flush_records=100
        )
        self.broker = Broker(self.settings)
        self.failures: list[BaseException] = []

    def owner(
        self,
        store=lambda number: InMemoryStore(),
        set_aside=lambda number: None,
        group=lambda: True,
        kept_in=("x", "y"),
        **changes,
    ) -> Owner:
        """`group`: what the group says of whether this owner has the partition."""
        settings = self.settings.model_copy(update=changes)
        restorer = InMemoryRestorer(self.broker)

        async def is_ours():
            return group()

        def changelog(number):
            return RewritingChangelog(
                number, lambda seconds: InMemoryChangelog(self.broker, number, seconds), restorer, is_ours, wait=0.01
            )

        async def lettered(number):
            self.broker.answer()
            return self.broker.lettered()

        status = Status()
        owner = Owner(
            settings,
            rules(settings),
            WorkerSensors("w", status),
            status=status,
            partitions=1,
            kept_in=kept_in,
            changelogs=changelog,
            stores=store,
            set_aside=set_aside,
            restorer=restorer,
            standbys=Standbys(settings, store, set_aside, status.standbys),
            lettered=lettered,
            on_failure=self.failures.append,
        )
        owner.tables = Tables(OpenShares(), OpenShares())
        return owner


@pytest.fixture
def unit(tmp_path):
    return OwnerHouse(tmp_path)
