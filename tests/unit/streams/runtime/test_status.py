"""How a worker stands is known without its metrics."""

import inspect

import pytest

from streams.runtime.sensors import WorkerSensors
from tests.support.sink_in_memory import InMemorySink
from tests.support.workers import until
from tests.unit.streams.runtime.test_owner import meeting
from tests.unit.streams.view.test_publish import publisher_of


class Deaf:
    """Sensors that take everything and keep nothing."""

    def __getattr__(self, name):
        return lambda *_, **__: None


async def test_without_metrics_all_goes_on(unit):
    """Opened, folded, flushed, shown, and known to be behind by what the log still holds."""
    owner = unit.owner(flush_interval=0.01)
    owner.sensors = Deaf()
    await owner.open([0])
    assert owner.status.opening() == []
    owner.owned[0]._sensors = Deaf()
    owner.status.partitions[0].stable = 12
    await owner.fold(0, [[meeting(0), meeting(1)]])
    assert owner.status.backlog() == 10
    await until(lambda: owner.status.partitions[0].cells, 10, "it is flushed", pause=0.01)
    publisher = publisher_of(owner, InMemorySink("unit"))
    publisher._sensors = Deaf()
    await publisher.show()
    assert owner.status.failed_view_since is None
    await owner.close([0])
    assert owner.status.backlog() == 0


@pytest.mark.parametrize("name", [name for name in vars(WorkerSensors) if not name.startswith("_")])
def test_sensors_only_collect(name):
    """Whatever they are told, nothing comes back that anybody could go by."""
    assert inspect.signature(getattr(WorkerSensors, name)).return_annotation in (None, "None")
