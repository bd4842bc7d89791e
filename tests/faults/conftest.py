"""A cluster to break, mended after each case, and a Redis of each case's own."""

import pytest

from tests.faults.cluster import BreakableCluster
from tests.faults.run import Run
from tests.support.servers import redis_server


@pytest.fixture(scope="session")
def brokers(tmp_path_factory):
    """Three nodes, started once."""
    cluster = BreakableCluster(tmp_path_factory.mktemp("brokers"))
    cluster.start()
    yield cluster
    cluster.close()


@pytest.fixture
def cluster(brokers):
    """The three nodes, whole again before and after each case."""
    brokers.mend()
    yield brokers
    brokers.mend()


@pytest.fixture
def redis(tmp_path):
    """A Redis that nobody else has."""
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture
def run(request, cluster, redis, tmp_path, app_id):
    """A case on the three nodes, named by the test's first line; its figures go into the results when all holds."""
    with Run(_case(request), cluster.servers, redis, tmp_path, app_id) as found:
        yield found


@pytest.fixture
def lone_run(request, cluster, redis, tmp_path, app_id):
    """A case on the three nodes whose topics have one copy each."""
    with Run(_case(request), cluster.servers, redis, tmp_path, app_id, replication=1) as found:
        yield found


@pytest.fixture
def small_run(request, kafka, redis, tmp_path, app_id):
    """A case on the one shared node, for CI."""
    with Run(_case(request), kafka, redis, tmp_path, app_id, replication=1) as found:
        yield found


def _case(request):
    return request.function.__doc__.split("\n")[0].split(":")[0].rstrip(".")
