"""`bitrix24 check` says what is missing, what for, and what to do, before anything is connected."""

import asyncio

import pytest

from producers.connectors.bitrix24.connecting import checking
from producers.connectors.bitrix24.errors import PortalClosed
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import Postman, StandIn, serve_portal
from tests.unit.bitrix24.support import PortalPublisher, connected


@pytest.fixture
async def story(tmp_path):
    portal, publisher = StandIn(Life(4), burst=1e9), PortalPublisher()
    async with serve_portal(portal), connected(portal, tmp_path, publisher, currency="RUB") as (connector, client):
        yield portal, connector, client


async def found(connector, zone="Europe/Moscow"):
    return {finding.what: finding async for finding in checking.check(connector.parts, zone)}


async def said(connector, what):
    return [finding.said async for finding in checking.check(connector.parts, "UTC") if finding.what == what]


async def test_a_portal_that_has_all(story):
    """Everything may be read: each is told with what it is for; the funnels are named."""
    _, connector, _ = story
    all_ = await found(connector)
    assert {what for what, finding in all_.items() if finding.fine is not True} == set()
    assert {"deals", "leads", "invoices", "payments", "calls", "employees", "departments", "contacts"} <= all_.keys()
    assert "Ivan Petrov, an administrator" in all_["user"].said
    assert (await said(connector, "funnel"))[1].startswith("Wholesale (2): New (C2:NEW), Invoice sent (C2:PREPARATION)")
    assert "In work (IN_PROCESS)" in all_["lead stages"].said


async def test_funnels_after_the_sale(tmp_path):
    """They are marked; one that the mapping names and the portal lacks is a mistake."""
    portal = StandIn(Life(4), burst=1e9)
    async with (
        serve_portal(portal),
        connected(portal, tmp_path, PortalPublisher(), mapping="after_sales: [2, 9]\n") as (connector, _),
    ):
        assert (await said(connector, "funnel"))[1].startswith("Wholesale (2, after the sale): ")
        assert await said(connector, "after sales") == ["after_sales of the mapping: there is no funnel 9"]


async def test_ready_stages(tmp_path):
    """Those that the mapping names are marked; what the worker lacks is the line to set."""
    portal = StandIn(Life(4), burst=1e9)
    async with (
        serve_portal(portal),
        connected(portal, tmp_path, PortalPublisher(), mapping="ready_stages: [Invoice sent]\n") as (connector, _),
    ):
        assert "Invoice sent (C2:PREPARATION, ready)" in (await said(connector, "funnel"))[1]
        assert await said(connector, "ready stages") == [
            "set SALES_READY_STAGES to PREPARATION,C2:PREPARATION, for the worker too"
        ]


async def test_what_is_missing(story):
    """A scope that is not ticked is named; a right of the user, a currency and a clock that differ are told."""
    portal, connector, _ = story
    portal.forbidden = {"voximplant.statistic.get", "sale.payment.list", "crm.category.list"}
    portal.scopes.remove("telephony")
    portal.profile |= {"ADMIN": False, "TIME_ZONE": "Asia/Vladivostok"}
    portal.life.currencies = [row for row in portal.life.currencies if row["CURRENCY"] != "RUB"]
    all_ = await found(connector)
    missing = {what for what, finding in all_.items() if finding.fine is False}
    assert missing == {"calls", "payments", "base currency", "funnels"}
    assert all_["calls"].said.startswith("tick telephony in the webhook; without it: no calls")
    assert all_["payments"].said.startswith("insufficient_scope: the webhook's user may not; without it: no revenue")
    assert all_["user"].fine is None
    assert "no administrator" in all_["user"].said
    assert all_["time zone"].fine is None


async def test_a_webhook_that_is_closed(story):
    """An expired webhook is one clear error, not a list of what is missing."""
    portal, connector, _ = story
    portal.locked = "expired_token"
    with pytest.raises(PortalClosed, match="make a new one"):
        await found(connector)


async def test_a_hook(story):
    """A hook that the gateway takes while somebody waits is seen; none is told with what to look at."""
    portal, connector, client = story
    assert (await checking.hook(connector.store, 0.1, 0.05)).fine is False
    waiting = asyncio.ensure_future(checking.hook(connector.store, 10, 0.05))
    await asyncio.sleep(0.1)
    portal.life.new_deal()
    postman = Postman(portal, client)
    postman.rng.random = lambda: 1.0
    await postman.deliver()
    assert (await waiting).fine is True
