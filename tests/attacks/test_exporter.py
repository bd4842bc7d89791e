"""Attack of a reader → what Prometheus and the exporter see of it: pytest -s -m attack tests/attacks."""

import itertools

import httpx
import psutil
import pytest

from deploy.connections import most_connections
from tests.attacks.attackers import readers
from tests.attacks.watching import MOST_LOGGED, watched
from tests.bench.exporter import exporter

pytestmark = [pytest.mark.attack, pytest.mark.timeout(600)]
_PATIENCE = 10
"""Prometheus' own time-out of a scrape (s)."""
_PAUSE = 0.25
_MOST_MB = 200
"""That an exporter may grow by."""


@pytest.fixture(scope="module")
def fed(tmp_path_factory):
    """An exporter of 40 managers with 400 days, and events."""
    most_connections()
    with exporter(tmp_path_factory.mktemp("exporter"), 40, 6, 20) as (address, program):
        yield int(address.rpartition(":")[2]), program.pid, program.log


@pytest.mark.parametrize("name", readers())
async def test_prometheus_is_served(fed, name):
    """While it lasts every scrape is answered in time, memory stays, little is logged; after it all is as it was."""
    port, pid, log = fed
    asked = itertools.cycle(("/metrics?window=now", "/readyz"))
    async with httpx.AsyncClient(timeout=_PATIENCE, base_url=f"http://127.0.0.1:{port}") as client:

        async def ask():
            return (await client.get(next(asked))).status_code

        seen = await watched(readers()[name](port), ask, _PAUSE, psutil.Process(pid), log)
    print(seen.row(name, 200))
    assert set(seen.meanwhile.answers) == set(seen.after.answers) == {200}
    assert seen.grown < _MOST_MB
    assert seen.logged < MOST_LOGGED
