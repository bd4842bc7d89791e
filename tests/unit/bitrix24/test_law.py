"""The law of the connector: whatever happens on the way, the events amount to what the portal holds."""

import contextlib

import pytest

from producers.connectors.bitrix24.sync.backfill import Backfill
from producers.errors import KafkaUnavailable
from producers.identities import InMemoryClaimsLog, Resolver
from streams.plain import recompute
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import Postman, StandIn, serve_portal
from tests.unit.bitrix24.oracle import RULES, Standing, expected, summary
from tests.unit.bitrix24.support import PortalPublisher, Silent, connected


def differences(left, right):
    return {"missing": sorted(map(str, left - right))[:6], "extra": sorted(map(str, right - left))[:6]}


async def resolver(log):
    made = Resolver(log, b"a secret of the house", "RU")
    await made.start()
    return made


def whose(connector, identities):
    return connector.identity if identities is None else Standing(connector.identity, identities)


async def hour(portal, postman, connector, publisher, minutes):
    """Some minutes of the portal's life beside a connector that is looked after as its background tasks do."""
    for minute in range(minutes):
        for _ in range(3):
            portal.life.live(20)
            await postman.deliver()
        with contextlib.suppress(KafkaUnavailable):
            while await connector.synchronizer.drain():
                pass
        await connector.reconciler.chats()
        if minute % 5 == 4:
            await connector.reconciler.run()
        if minute == 7:
            publisher.fail_after = 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("seed", "together", "minutes", "after"),
    [
        (1, True, 24, -1),
        pytest.param(1, True, 60, -1, marks=pytest.mark.slow),
        pytest.param(2, False, 60, -1, marks=pytest.mark.slow),
        pytest.param(5, True, 60, -1, marks=pytest.mark.slow),
        pytest.param(4, False, 60, 2, marks=pytest.mark.slow),
    ],
)
async def test_events_equal_the_portal(tmp_path, seed, together, minutes, after):
    """An hour or less, 10 % of the hooks lost, twice, late, a restart and bad days; then a backfill changes nothing.

    Together: with identities, that an exchange feeds beside the portal; the first claims stand for all that is told.
    after: a funnel of after-sales work.
    """
    life, publisher = Life(seed), PortalPublisher()
    more = {"mapping": f"after_sales: [{after}]\n"} if after >= 0 else {}
    identities = await resolver(InMemoryClaimsLog()) if together else None
    if identities is not None:
        await identities.resolve([identities.hashes([f"+7900{number:07d}"]) for number in range(0, 40, 3)])
    portal = StandIn(life, faults=0.03, burst=1e9)
    async with serve_portal(portal):
        arrived = []
        async with connected(portal, tmp_path, publisher, identities=identities, **more) as (connector, client):
            postman = Postman(portal, client, lost=0.1, twice=0.1)
            await hour(portal, postman, connector, publisher, minutes // 2)
            arrived += postman.arrived
        life.live(180)
        life.hooks.clear()
        async with connected(portal, tmp_path, publisher, identities=identities, **more) as (connector, client):
            postman = Postman(portal, client, lost=0.1, twice=0.1)
            await hour(portal, postman, connector, publisher, minutes // 2 - 3)
            life.finish()
            await postman.deliver()
            arrived += postman.arrived
            await connector.reconciler.run(whole=True)
            await connector.reconciler.chats(whole=True)

            wanted = expected(life, arrived, whose(connector, identities), after=after)
            told = summary(recompute(publisher.events, RULES), sellers=after < 0)
            assert told == wanted, differences(wanted, told)
            assert postman.dropped > minutes // 2
            assert all(
                life.done.get(name, 0) > 0
                for name in ("move_funnel", "delete_deal", "delete_lead", "delete_payment", "unpay")
            )
            count = len(publisher.log)
            assert await Backfill(connector.parts, connector.synchronizer, connector.reconciler).run(Silent())
            assert len(publisher.log) == count, publisher.log[count:]
        async with connected(portal, tmp_path / "elsewhere", publisher, identities=identities, **more) as (
            connector,
            _,
        ):
            # Somebody who has lost the connector's memory fills in everything again.
            assert await Backfill(connector.parts, connector.synchronizer, connector.reconciler).run(Silent())
            told = summary(recompute(publisher.events, RULES), sellers=after < 0)
            assert told == wanted, differences(wanted, told)


@pytest.mark.parametrize(("forbidden", "together"), [(set(), True), ({"sale.payment.list"}, False)])
async def test_a_backfill_alone_equals_the_portal(tmp_path, forbidden, together):
    """History from an empty memory is the same history, but for what only hooks can tell; also without the shop."""
    life, publisher = Life(3), PortalPublisher()
    identities = await resolver(InMemoryClaimsLog()) if together else None
    life.live(3600)
    life.finish()
    portal = StandIn(life, faults=0.03, burst=1e9)
    portal.forbidden = forbidden
    async with serve_portal(portal), connected(portal, tmp_path, publisher, identities=identities) as (connector, _):
        assert await Backfill(connector.parts, connector.synchronizer, connector.reconciler).run(Silent())
        wanted = expected(life, [], whose(connector, identities), witnessed=False)
        told = summary(recompute(publisher.events, RULES))
        assert told == wanted, differences(wanted, told)
