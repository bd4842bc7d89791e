"""From a hook to events: believed or refused, remembered, fetched back, mapped, published."""

import httpx
import pytest

from tests.support.bitrix24_life import Hook, Life
from tests.support.bitrix24_portal import StandIn, serve_portal
from tests.unit.bitrix24.support import InMemoryPublisher, connected


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
    publisher = InMemoryPublisher()
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
        ({"auth[domain]": "other.bitrix24.ru"}, 403),
        ({"auth[member_id]": "another"}, 403),
        ({"data[FIELDS][ID]": "x"}, 400),
        ({"event": "ONAPPTEST"}, 200),
    ],
)
async def test_only_our_portal_is_believed(portal, tmp_path, changes, status):
    """Whatever is wrong with a hook, nothing of it is kept."""
    from tests.support.bitrix24_portal import MEMBER

    publisher = InMemoryPublisher()
    async with connected(portal, tmp_path, publisher, bitrix24_member_id=MEMBER) as (connector, client):
        hook = Hook("ONCRMDEALADD", {"data[FIELDS][ID]": "1"}, 1)
        assert await send(client, portal.form(hook, **changes)) == status
        assert connector.store.waiting() == (0, None)
