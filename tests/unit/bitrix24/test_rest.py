"""The REST client over real HTTP: limits, batches, pages, bad answers, and a secret that nobody else learns."""

import logging

import httpx
import pytest

from producers.connectors.bitrix24.errors import PortalClosed, PortalRefused, PortalUnavailable
from producers.connectors.bitrix24.portal.rest import Portal, RestCall, php_query
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import SECRET, StandIn, parse_qsl, php_table, serve_portal
from tests.unit.bitrix24.support import settings

LEADS = RestCall("crm.item.list", {"entityTypeId": 1, "select": ["id", "createdTime"], "order": {"id": "ASC"}})


async def test_pages_are_read_by_ascending_id(tmp_path):
    """All rows of several lists, 50 a page, without counting."""
    portal = StandIn(Life(), burst=1e9)
    for _ in range(120):
        portal.life.new_lead()
    async with serve_portal(portal):
        rest = Portal(settings(portal, tmp_path))
        some = LEADS._replace(params=LEADS.params | {"filter": {">=id": 100}})
        rows, tail = await rest.list_all([LEADS, some])
        assert [row["id"] for row in rows] == list(range(1, 121))
        assert [row["id"] for row in tail] == list(range(100, 121))
        assert rest.requests == 3
        await rest.aclose()


async def test_a_busy_portal_is_asked_again(tmp_path):
    """503, 429, broken answers and calls left out of a batch delay, and lose nothing."""
    portal = StandIn(Life(), faults=0.5, burst=20, drain=500)
    portal.life.new_lead()
    async with serve_portal(portal):
        rest = Portal(settings(portal, tmp_path), patience=0.01)
        results = await rest.batch([LEADS] * 130)
        assert all(len(result["items"]) == 1 for result in results)
        for _ in range(60):
            assert await rest.call("crm.currency.list") == portal.life.currencies
        assert portal.refusals > 5
        await rest.aclose()


async def test_the_client_keeps_below_the_limit(tmp_path):
    """Never more requests than the bucket holds: the portal need not refuse any."""
    portal = StandIn(Life(), burst=12, drain=100)
    async with serve_portal(portal):
        rest = Portal(settings(portal, tmp_path, bitrix24_requests_per_second=90, bitrix24_burst=10))
        for _ in range(40):
            await rest.call("crm.currency.list")
        assert portal.refusals == 0
        await rest.aclose()


async def test_the_portal_says_how_long_to_wait(tmp_path):
    """OPERATION_TIME_LIMIT is left alone until operating_reset_at, by the portal's clock."""
    life = Life()
    blocked = {"error": "OPERATION_TIME_LIMIT", "time": {
        "date_finish": life.text(), "operating_reset_at": int(life.now.timestamp()) + 77,
    }}  # fmt: skip
    transport = httpx.MockTransport(lambda _: httpx.Response(429, json=blocked))
    portal = StandIn(life)
    portal.url = f"http://127.0.0.1:1/rest/1/{SECRET}/"
    rest = Portal(settings(portal, tmp_path), transport=transport, patience=1e-6)
    with pytest.raises(PortalUnavailable) as told:
        await rest.call("crm.item.list")
    assert told.value.wait_seconds == pytest.approx(77, abs=1)


async def test_an_answer_that_does_not_come_is_asked_for_again(tmp_path):
    """Slow beyond the time allowed, cut off, or not there: asked again; a portal that stays away is told as such."""
    portal = StandIn(Life())
    portal.url = f"http://127.0.0.1:1/rest/1/{SECRET}/"
    troubles = [httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut off"), httpx.ConnectError("away")]

    def answer(_: httpx.Request) -> httpx.Response:
        if troubles:
            raise troubles.pop()
        return httpx.Response(200, json={"result": [1]})

    rest = Portal(settings(portal, tmp_path), transport=httpx.MockTransport(answer), patience=1e-6)
    assert await rest.call("crm.currency.list") == [1]
    troubles += [httpx.ReadTimeout("slow")] * 50
    with pytest.raises(PortalUnavailable):
        await rest.call("crm.currency.list")
    await rest.aclose()


async def test_a_refusal_is_told_once_and_clearly(tmp_path):
    """A missing right is no reason to try again; it names the method."""
    portal = StandIn(Life(), burst=1e9)
    portal.forbidden = {"voximplant.statistic.get"}
    async with serve_portal(portal):
        rest = Portal(settings(portal, tmp_path))
        with pytest.raises(PortalRefused, match=r"voximplant\.statistic\.get: insufficient_scope"):
            await rest.batch([LEADS, RestCall("voximplant.statistic.get", {})])
        good, refused = await rest.batch([LEADS, RestCall("voximplant.statistic.get", {})], tolerant=True)
        assert good == {"items": []}
        assert refused is None
        await rest.aclose()


async def test_the_secret_stays_secret(tmp_path, caplog):
    """Neither errors nor the most talkative logs hold the webhook's path, whatever goes wrong."""
    for logger in (None, "httpx", "httpcore"):  # another test may have quietened them
        caplog.set_level(logging.DEBUG, logger=logger)
    portal = StandIn(Life(), burst=1e9)
    told = []
    async with serve_portal(portal):
        made = settings(portal, tmp_path)
        rest = Portal(made, patience=1e-6)
        await rest.call("crm.currency.list")
        wrong = settings(portal, tmp_path, bitrix24_webhook_url=portal.url.replace(SECRET, "wrong-" + SECRET))
        for client, method in ((rest, "no.such.method"), (Portal(wrong), "crm.currency.list")):
            with pytest.raises((PortalRefused, PortalClosed)) as refused:
                await client.call(method)
            told.append(refused)
            await client.aclose()
    rest = Portal(made, patience=1e-6)
    with pytest.raises(PortalUnavailable) as away:
        await rest.call("crm.currency.list")
    told.append(away)
    await rest.aclose()
    assert "INVALID_CREDENTIALS" in str(told[1].value)
    assert SECRET not in "".join(str(one.getrepr(showlocals=False)) for one in told)
    assert all(one.value.__cause__ is None for one in told)
    assert "HTTP Request" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in repr(made)


def test_parameters_travel_as_php_reads_them():
    """Nested tables and lists survive the query string of a batch."""
    params = {"filter": {"@id": ["1", "2"], ">=updatedTime": "2026-11-02T12:00:00+03:00"}, "start": "-1", "none": None}
    expected = {"filter": {"@id": {"0": "1", "1": "2"}, ">=updatedTime": "2026-11-02T12:00:00+03:00"}, "start": "-1"}
    assert php_table(parse_qsl(php_query(params))) == expected
