"""`backfill --since`: whatever counts in numbers from that day on counts as if everything had been read."""

from datetime import timedelta

from producers.connectors.bitrix24.sync.backfill import Backfill
from streams.plain import recompute
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import StandIn, serve_portal
from tests.unit.bitrix24.oracle import RULES
from tests.unit.bitrix24.support import PortalPublisher, Silent, connected


def counted(publisher, since):
    """Contributions from a moment on, and all that is open and shown: what is owed, leads that are young."""
    plain = recompute(publisher.events, RULES)
    begin = int(since.timestamp() * 1_000_000)
    shown = {
        one for one in plain.open_things()
        if (one.kind != "invoice" or (one.code == "rc" and one.value > sum(part[-1] for part in one.against)))
        and (one.code != "lead" or one.until >= begin)
    }  # fmt: skip
    return {one for one in plain.contributions() if one.time >= begin}, shown


async def test_numbers_from_then_on(tmp_path):
    """Deals, invoices, leads, meetings, chats and calls of before are there as far as they matter, and no others."""
    life = Life(12)
    life.live(2400)
    life.finish()
    life.now += timedelta(days=100)
    since = life.now
    life.now += timedelta(hours=1)
    life.live(1200)
    life.finish()
    portal = StandIn(life, burst=1e9)
    told = {}
    async with serve_portal(portal):
        for name, begin in (("whole", None), ("since", since)):
            publisher = PortalPublisher()
            async with connected(portal, tmp_path / name, publisher) as (connector, _):
                job = Backfill(connector.parts, connector.synchronizer, connector.reconciler)
                assert await job.run(Silent(), begin=begin)
            told[name] = counted(publisher, since), len(publisher.log)
    (contributions, open_), whole = told["whole"]
    (since_contributions, since_open), part = told["since"]
    assert since_contributions == contributions
    assert since_open == open_
    assert len(contributions) > 50
    assert {"od", "rc"} <= {one.code for one in open_}
    assert any(one.code == "rd" for one in contributions), "a repeat sale of somebody who bought before"
    assert part < whole * 0.9
