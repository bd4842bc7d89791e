"""A backfill says how much of all is behind, and how long the rest will take."""

import re

import pytest

from producers.connectors.bitrix24.sync.backfill import Backfill
from producers.connectors.bitrix24.sync.way import RunWay
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import StandIn, serve_portal
from tests.unit.bitrix24.support import PortalPublisher, connected


@pytest.mark.parametrize(
    ("done", "seconds", "text"),
    [
        (0, 10, "0 % of all"), (10, 10, "1 % of all, 16 min left"), (250, 3600, "25 % of all, 3 h 00 min left"),
        (999, 999, "99 % of all, 1 s left"), (1000, 50, "100 % of all"), (1200, 50, "100 % of all"),
    ],
)  # fmt: skip
def test_text(done, seconds, text):
    """Share and time left by the pace so far; 100 % is the end and nothing before it."""
    clock = iter([0.0, *[float(seconds)] * 2])
    way = RunWay(1000, lambda: next(clock))
    way.done = done
    assert way.text() == text
    assert RunWay(0, lambda: 0.0).text() == "100 % of all"


async def test_a_backfill_tells_it(tmp_path):
    """It grows from batch to batch over all tables, holes in the ids too, and ends at 100."""
    life = Life(6)
    life.live(300)
    life.ids["deal"] += 5000
    life.live(300)
    life.finish()
    told = []

    class ToldShares:
        def advance(self, count, done, where=""):
            told.append(int(re.search(r"(\d+) % of all", where)[1]))

    portal = StandIn(life, burst=1e9)
    async with serve_portal(portal), connected(portal, tmp_path, PortalPublisher()) as (connector, _):
        portal.forbidden = {"voximplant.statistic.get"}
        job = Backfill(connector.parts, connector.synchronizer, connector.reconciler)
        assert await job.run(ToldShares())
    assert told == sorted(told)
    assert told[-1] == 100
    assert len(set(told)) > 3
