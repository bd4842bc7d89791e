"""Limits as the documentation has them: seconds of work for each method, refusals without a date, nights of HTML."""

from datetime import timedelta

import httpx
import pytest

from producers.connectors.bitrix24.errors import PortalUnavailable
from producers.connectors.bitrix24.portal.limits import LONGEST
from producers.connectors.bitrix24.portal.patience import LONG
from producers.connectors.bitrix24.portal.rest import Portal, RestCall
from producers.connectors.bitrix24.sync.backfill import Backfill
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import SECRET, Postman, StandIn, serve_portal
from tests.unit.bitrix24.support import PortalPublisher, Silent, connected, settings

HISTORY = RestCall("crm.stagehistory.list", {"entityTypeId": 2, "filter": {"@OWNER_ID": [1]}})


class Slept:
    """Time that passes while somebody waits, in the portal too."""

    def __init__(self, life):
        self.life = life
        self.seconds = 0.0

    async def __call__(self, seconds):
        self.seconds += seconds
        self.life.now += timedelta(seconds=seconds)


def patient(portal, tmp_path, **more):
    slept = Slept(portal.life)
    rest = Portal(settings(portal, tmp_path), clock=lambda: portal.life.now.timestamp() + 0.0, sleep=slept, **more)
    rest.patience.waits = LONG
    return rest, slept


async def test_a_method_is_left_alone_before_it_is_blocked(tmp_path):
    """Far more work than ten minutes hold is spread over them: all is done, and the portal need not refuse a call."""
    portal = StandIn(Life(), burst=1e9)
    portal.costs = {HISTORY.method: 0.5}
    async with serve_portal(portal):
        rest, slept = patient(portal, tmp_path)
        results = await rest.batch([HISTORY] * 3000)
        assert len(results) == 3000
        assert all(result == {"items": []} for result in results)
        assert portal.blocked == 0
        assert 1800 <= slept.seconds <= 2400  # 1,500 s of work at 480 s in ten minutes
        await rest.call("crm.currency.list")
        await rest.aclose()


@pytest.mark.parametrize("dated", [True, False])
async def test_a_block_without_a_date(tmp_path, dated):
    """A block is waited out until the moment that the last good answer named; where none did, as long as one lasts."""
    portal = StandIn(Life(), burst=1e9)
    portal.costs = {HISTORY.method: 479.0 if dated else 100.0}
    async with serve_portal(portal):
        rest, slept = patient(portal, tmp_path)
        if not dated:
            portal._used = {HISTORY.method: (500.0, portal.life.now.timestamp() + 590)}
        results = await rest.batch([HISTORY] * 3)
        assert len(results) == 3
        assert portal.blocked >= 1
        assert slept.seconds == pytest.approx(LONGEST, abs=11)
        await rest.aclose()


async def test_who_comes_again_does_not_wait(tmp_path):
    """The gateway's tasks hold nothing up for a blocked method: they are told, and others go on."""
    portal = StandIn(Life(4), burst=1e9)
    publisher = PortalPublisher()
    async with serve_portal(portal), connected(portal, tmp_path, publisher) as (connector, client):
        life, postman = portal.life, Postman(portal, client)
        postman.rng.random = lambda: 1.0
        life.new_deal()
        life.new_lead()
        life.tables["deal"][1] |= {"stageId": "WON", "stageSemanticId": "S"}
        await postman.deliver()
        portal.costs = {HISTORY.method: 481.0}
        portal._used = {HISTORY.method: (481.0, life.now.timestamp() + 300)}
        life.call()
        life.finish()
        await postman.deliver()
        for _ in range(2):
            with pytest.raises(PortalUnavailable, match=r"crm\.stagehistory\.list"):
                await connector.synchronizer.drain()
            with pytest.raises(PortalUnavailable, match=r"crm\.stagehistory\.list"):
                await connector.reconciler.run()
        assert portal.blocked == 1, "who knows of the block does not ask"
        assert await connector._try("drain", connector.synchronizer.drain) > 0
        assert connector.metrics.failures.labels("drain")._value.get() == 0
        kinds = {event.type for event in publisher.log}
        assert "sales.call.ended.v1" in kinds
        assert "sales.deal.changed.v1" not in kinds
        life.now += timedelta(seconds=600)
        portal.costs = {}
        await connector.synchronizer.drain()
        assert "sales.deal.changed.v1" in {event.type for event in publisher.log}


@pytest.mark.parametrize("trouble", ["html", "reset", "limit"])
async def test_a_night_without_answers(tmp_path, trouble):
    """Who has begun goes on after hours of HTML, resets or refusals; a portal that never answered is given up soon."""
    life = Life()
    portal = StandIn(life)
    portal.url = f"http://127.0.0.1:1/rest/1/{SECRET}/"
    night = [life.now, life.now + timedelta(hours=1)]
    asked = 0

    def answer(_):
        nonlocal asked
        asked += 1
        if night[0] <= life.now < night[1]:
            if trouble == "reset":
                raise httpx.ReadError("reset")
            if trouble == "html":
                return httpx.Response(503, text="<html>overload</html>")
            return httpx.Response(503, json={"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"})
        return httpx.Response(200, json={"result": [1], "time": {"date_finish": life.text()}})

    rest, slept = patient(portal, tmp_path, transport=httpx.MockTransport(answer))
    rest.patience.waits = LONG._replace(silent=2 * 3600)
    with pytest.raises(PortalUnavailable):
        await rest.call("crm.currency.list")
    assert asked < 20
    life.now = night[0] - timedelta(seconds=1)
    assert await rest.call("crm.currency.list") == [1]
    life.now = night[0]
    assert await rest.call("crm.currency.list") == [1]
    assert slept.seconds > 3500
    night = [life.now, life.now + timedelta(days=3)]
    with pytest.raises(PortalUnavailable):
        await rest.call("crm.currency.list")
    assert timedelta(hours=2) <= life.now - night[0] < timedelta(hours=2, minutes=2)
    await rest.aclose()


async def test_one_call_that_never_works(tmp_path):
    """A call that fails again and again while the portal answers others is not asked for for ever."""
    portal = StandIn(Life(), burst=1e9)
    call = portal._call
    portal._call = lambda method, params: {"result": None} if method == "bad" else call(method, params)

    def left_out(params):
        answer = batch(params)
        answer["result"]["result"] = {n: r for n, r in dict(answer["result"]["result"]).items() if r is not None}
        return answer

    batch, portal._batch = portal._batch, left_out
    async with serve_portal(portal):
        rest, _ = patient(portal, tmp_path)
        with pytest.raises(PortalUnavailable, match="left bad out"):
            await rest.batch([HISTORY, RestCall("bad", {})])
        await rest.aclose()


async def test_stopped_while_it_waits(tmp_path):
    """Who is asked to end while he waits ends at once, and the backfill keeps its place."""
    portal, publisher = StandIn(Life(4), burst=1e9), PortalPublisher()
    for _ in range(3):
        portal.life.new_deal()
    async with serve_portal(portal), connected(portal, tmp_path, publisher) as (connector, _):
        left = [5]

        def wanted():
            left[0] -= 1
            return left[0] > 0

        connector.portal.patience.waits, connector.portal.patience.wanted = LONG, wanted
        portal.costs = {"crm.item.list": 500.0}
        portal._used = {"crm.item.list": (500.0, portal.life.now.timestamp() + 500)}
        job = Backfill(connector.parts, connector.synchronizer, connector.reconciler, wanted=wanted)
        assert not await job.run(Silent())


async def test_reconciliation_costs_what_changed(tmp_path):
    """Known deals, invoices and payments cost a fiftieth of a call each; what changed silently is found."""
    portal, publisher = StandIn(Life(4), burst=1e9), PortalPublisher()
    life = portal.life
    for _ in range(120):
        life.new_deal()
    for deal in life.tables["deal"].values():
        deal |= {"stageId": "WON", "stageSemanticId": "S"}
        order = life._add("order", {"ownerTypeId": 2, "ownerId": deal["id"]})
        paid = {"orderId": order["id"], "paid": "Y", "datePaid": life.text(), "sum": 40, "currency": "RUB"}
        life._add("payment", paid)
    life.now += timedelta(days=2)
    async with serve_portal(portal), connected(portal, tmp_path, publisher) as (connector, _):
        assert await Backfill(connector.parts, connector.synchronizer, connector.reconciler).run(Silent())
        await connector.reconciler.run(whole=True)
        for whole in (False, True):
            life.now += timedelta(hours=1)
            portal.methods.clear()
            published = len(publisher.events)
            await connector.reconciler.run(whole=whole)
            assert len(publisher.events) == published
            assert portal.methods.get("crm.item.payment.list", 0) == 0
            assert portal.methods["crm.stagehistory.list"] <= 2
            assert sum(portal.methods.values()) < 40, portal.methods
        life.tables["deal"][7]["opportunity"] = 77.0  # without a trace in its times
        life.tables["payment"][9]["sum"] = 41
        del life.tables["payment"][11]
        del life.tables["deal"][13]
        portal.methods.clear()
        await connector.reconciler.run()
        said = [(event.type, event.data) for event in publisher.events[published:]]
        assert ("sales.deal.changed.v1", "77") in [(kind, getattr(data, "amount", "")) for kind, data in said]
        assert "sales.deal.deleted.v1" in [kind for kind, _ in said]
        amounts = sorted(data.amount for kind, data in said if kind == "sales.payment.received.v1")
        assert amounts == ["0", "41"]
        assert portal.methods["crm.item.payment.list"] <= 4
