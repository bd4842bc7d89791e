"""From a hook to events: believed or refused, remembered, fetched back, mapped, published."""

import asyncio

import httpx
import pytest

from producers.connectors.bitrix24.spool.store import PortalChange
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import StandIn, serve_portal
from tests.support.bitrix24_tables import Hook
from tests.unit.bitrix24.support import PortalPublisher, connected


@pytest.fixture
async def portal():
    portal = StandIn(Life(), burst=1e9)
    async with serve_portal(portal):
        yield portal


async def send(client: httpx.AsyncClient, content: bytes) -> int:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return (await client.post("/v1/bitrix24", content=content, headers=headers)).status_code


async def test_a_hook_becomes_an_event(portal, tmp_path):
    """A deal that a hook names is fetched and published; the same hook again publishes nothing."""
    publisher = PortalPublisher()
    portal.life.new_deal()
    async with connected(portal, tmp_path, publisher) as (connector, client):
        (hook,) = portal.life.hooks
        assert await send(client, portal.form(hook)) == 200
        assert await connector.synchronizer.drain() == 1
        (deal,) = publisher.events
        assert deal.type == "sales.deal.changed.v1"
        assert deal.data.deal_id == f"1-{deal.data.client_id[:8]}"
        assert deal.data.status == "open"
        assert await send(client, portal.form(hook)) == 200
        assert await connector.synchronizer.drain() == 1
        assert len(publisher.log) == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"auth[application_token]": "wrong"}, 401),
        ({"auth[application_token]": ""}, 401),
        ({"auth[domain]": "other.bitrix24.ru", "auth[member_id]": "another"}, 403),
        ({"auth[domain]": "other.bitrix24.ru", "auth[member_id]": ""}, 403),
        ({"auth[member_id]": "another"}, 403),
        ({"data[FIELDS][ID]": "x"}, 400),
        ({"event": "ONAPPTEST"}, 200),
    ],
)
async def test_only_our_portal_is_believed(portal, tmp_path, changes, status):
    """Whatever is wrong with a hook, nothing of it is kept."""
    from tests.support.bitrix24_portal import MEMBER

    publisher = PortalPublisher()
    async with connected(portal, tmp_path, publisher, bitrix24_member_id=MEMBER) as (connector, client):
        hook = Hook("ONCRMDEALADD", {"data[FIELDS][ID]": "1"}, 1)
        assert await send(client, portal.form(hook, **changes)) == status
        assert connector.store.waiting() == (0, None)


async def test_what_was_answered_is_not_lost(portal, tmp_path):
    """Three hundred hooks at once are all on the disk when they are answered, and are there after a crash."""
    publisher = PortalPublisher()
    for _ in range(300):
        portal.life.new_deal()
    async with connected(portal, tmp_path, publisher) as (_, client):
        hooks = [portal.form(hook) for hook in portal.life.hooks]
        assert set(await asyncio.gather(*(send(client, hook) for hook in hooks))) == {200}
    async with connected(portal, tmp_path, publisher) as (connector, _):
        assert connector.store.waiting()[0] == 300
        assert await connector.synchronizer.drain() == 300
        assert len(publisher.log) == 300
        assert connector.store.waiting()[0] == 0


async def test_a_change_during_a_fetch_is_not_forgotten(portal, tmp_path):
    """Done are only the changes that were known before the fetch."""
    async with connected(portal, tmp_path, PortalPublisher()) as (connector, _):
        connector.store.add([PortalChange("deal", "1"), PortalChange("deal", "2")], 1.0)
        before = connector.store.dirty()
        connector.store.add([PortalChange("deal", "1")], 2.0)
        connector.store.done(before)
        assert [(entry.kind, entry.id) for entry in connector.store.dirty()] == [("deal", "1")]


@pytest.mark.parametrize(
    ("body", "status"), [(b"\xff\xfe", 400), (b"{}", 401), (b"a=1&" * 500, 400), (b"x" * 70_000, 413), (b"", 401)]
)
async def test_rubbish_is_refused(portal, tmp_path, body, status):
    """Whatever comes, the answer is one of those that are documented."""
    async with connected(portal, tmp_path, PortalPublisher()) as (_, client):
        assert await send(client, body) == status


async def test_tasks_beside_the_route(portal, tmp_path):
    """The background tasks alone bring a hook's deal, a chat and the managers to Kafka, and survive a dead portal."""
    publisher = PortalPublisher()
    portal.life.new_deal()
    portal.life.chat()
    portal.life.finish()
    async with connected(portal, tmp_path, publisher, bitrix24_poll_seconds=0.1) as (connector, client):
        tasks = [asyncio.ensure_future(run()) for run in connector.background]
        assert await send(client, portal.form(portal.life.hooks[0])) == 200
        wanted = {"sales.deal.changed.v1", "sales.chat.message.v1", "sales.manager.changed.v1"}
        async with asyncio.timeout(30):
            while not wanted <= {event.type for event in publisher.log}:  # noqa: ASYNC110 - a list tells nobody
                await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
