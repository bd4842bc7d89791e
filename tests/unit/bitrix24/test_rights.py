"""Rights that go in the middle of a reconciliation, whichever question is the first to be refused or left short."""

import contextlib
from datetime import timedelta

import pytest

from producers.connectors.bitrix24.errors import Bitrix24Error
from streams.plain import recompute
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import Postman, StandIn, serve_portal
from tests.unit.bitrix24.oracle import RULES, expected, summary
from tests.unit.bitrix24.support import PortalPublisher, connected
from tests.unit.bitrix24.test_law import differences

TAKEN_BACK = ("sales.deal.deleted.v1", "sales.lead.deleted.v1")


class Losing(StandIn):
    """Loses rights at the call number `at` of those that are counted: what it held is hidden, or refused."""

    at, count, how = 0, 0, ""

    def _call(self, method, params):
        self.count += 1
        if self.count == self.at:
            if self.how == "scope":
                self.forbidden = {"crm.item.list", "crm.item.get", "crm.stagehistory.list", "crm.item.payment.list"}
            else:
                kinds = ("deal", "lead", "invoice")
                self.hidden = {(kind, number) for kind in kinds for number in self.life.tables[kind] if number % 3}
        return super()._call(method, params)


def taken_back(publisher):
    return [
        event
        for event in publisher.log
        if event.type in TAKEN_BACK
        or getattr(event.data, "status", "") == "cancelled"
        or (event.type == "sales.payment.received.v1" and event.data.amount == "0")
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["hidden", "scope"])
@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.slow)])
async def test_at_any_moment(tmp_path, how, every):
    """Nothing is taken back, whenever they go; what comes back, changed meanwhile or not, is as the portal has it."""
    life, publisher = Life(12), PortalPublisher()
    for _ in range(25):
        life.new_deal()
        life.new_lead()
    for _ in range(4):
        life.new_invoice()
        life.pay()
    portal = Losing(life, burst=1e9)
    async with serve_portal(portal), connected(portal, tmp_path, publisher) as (connector, client):
        postman = Postman(portal, client)
        postman.rng.random = lambda: 1.0
        await postman.deliver()
        while await connector.synchronizer.drain():
            pass
        await connector.reconciler.run(whole=True)
        portal.count = 0
        await connector.reconciler.run(whole=True)
        assert taken_back(publisher) == []
        for at in range(1, portal.count + 1, every):
            portal.at, portal.count, portal.how = at, 0, how
            deal = life.tables["deal"][1 + at % 25]
            deal |= {"opportunity": at + 0.5, "updatedTime": life.text()}
            with contextlib.suppress(Bitrix24Error):
                await connector.reconciler.run(whole=True)
            assert taken_back(publisher) == []
            portal.at, portal.hidden, portal.forbidden = 0, set(), set()
        await connector.reconciler.run(whole=True)
        wanted = expected(life, postman.arrived, connector.identity, witnessed=False)
        told = summary(recompute(publisher.events, RULES))
        assert told == wanted, differences(wanted, told)


@pytest.mark.parametrize("hidden", [3, 25])
async def test_what_was_new_while_rights_were_missing(tmp_path, hidden):
    """Deals that nobody could see when they were made are found once the rights are there again, however late."""
    life, publisher = Life(12), PortalPublisher()
    for _ in range(25):
        life.new_deal()
    portal = StandIn(life, burst=1e9)
    async with serve_portal(portal), connected(portal, tmp_path, publisher) as (connector, _):
        await connector.reconciler.run()
        portal.hidden = {("deal", number) for number in (*range(1, hidden + 1), 26, 27)}
        life.new_deal()
        life.new_deal()
        for _ in range(5):
            life.now += timedelta(days=1)
            await connector.reconciler.run()
        assert len({event.data.deal_id for event in publisher.log if event.type == "sales.deal.changed.v1"}) == 25
        portal.hidden = set()
        await connector.reconciler.run()
        assert len({event.data.deal_id for event in publisher.log if event.type == "sales.deal.changed.v1"}) == 27
        assert taken_back(publisher) == []
        portal.methods.clear()
        await connector.reconciler.run()
        assert "crm.item.get" not in portal.methods
