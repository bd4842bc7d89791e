"""The short selection for CI, on one Kafka node: a worker is killed, Redis forgets."""

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]


def test_worker_killed(small_run):
    """SIGKILL of a worker on one Kafka node."""
    one, _two = small_run.begin("one", "two")
    small_run.fault("SIGKILL")
    one.kill()
    small_run.settle(5)


def test_view_flushed(small_run):
    """FLUSHALL on one Kafka node."""
    small_run.begin("one")
    small_run.fault("FLUSHALL")
    small_run.flush_redis()
    small_run.shown(30)
    small_run.settle(3)
