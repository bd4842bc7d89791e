"""What a worker says of itself that is worked out, not only counted."""

from time import time

import pytest

from streams.runtime.sensors import WorkerSensors
from streams.runtime.status import Status
from streams.state.counts import PartitionCounts


@pytest.mark.parametrize(("ahead", "told"), [(-86_400, 0), (30, 0), (90, 1), (400 * 86_400, 1)])
def test_a_broker_whose_clock_is_ahead_is_told(ahead: int, told: int) -> None:
    """Nothing else shows it, since latency is never negative."""
    sensors = WorkerSensors("one", Status())
    sensors.folded(PartitionCounts(), records=3, seconds=0.1, at=time() + ahead)
    assert sensors.registry.get_sample_value("sales_worker_clock_ahead_total") == told
