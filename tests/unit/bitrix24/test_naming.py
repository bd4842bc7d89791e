"""A portal is itself, wherever it is found and whatever is set later: nothing of it changes an id."""

import pytest

from producers.connectors.bitrix24.errors import PortalUnknown
from producers.connectors.bitrix24.sync.backfill import Backfill
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import MEMBER, StandIn, serve_portal
from tests.support.bitrix24_tables import Hook
from tests.unit.bitrix24.support import PortalPublisher, Silent, connected
from tests.unit.bitrix24.test_webhook import send


@pytest.fixture
async def portal():
    life = Life(3)
    life.live(900)
    life.finish()
    portal = StandIn(life, burst=1e9)
    async with serve_portal(portal):
        yield portal


async def filled(portal, folder, publisher, **changes):
    """Everything that the portal has, once more."""
    async with connected(portal, folder, publisher, **changes) as (connector, _):
        job = Backfill(connector.parts, connector.synchronizer, connector.reconciler)
        assert await job.run(Silent(), restart=True)


def ids(publisher):
    """What events are known by, without those of people and rates, which are dated when they are looked at."""
    return {(event.source, event.id) for event in publisher.log if event.type.startswith("sales.")
            and not event.type.startswith(("sales.manager", "sales.rate"))}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [{"host": "localhost"}, {"bitrix24_member_id": MEMBER}, {"host": "localhost", "bitrix24_member_id": MEMBER}],
)
@pytest.mark.parametrize("lost", [False, True], ids=["same spool", "new spool"])
async def test_the_same_portal(portal, tmp_path, changes, lost):
    """Renamed, or with a member_id set later, it tells nothing again; with a new spool it is asked whose log it is."""
    publisher = PortalPublisher()
    await filled(portal, tmp_path, publisher)
    first = ids(publisher)
    assert len(first) > 50
    (name,) = {event.source.removeprefix("bitrix24://") for event in publisher.log}
    changes = dict(changes)
    if host := changes.pop("host", None):
        portal.url = portal.url.replace("127.0.0.1", host)
    if not lost:
        count = len(publisher.log)
        await filled(portal, tmp_path, publisher, **changes)
        assert len(publisher.log) == count
        return

    async def published():
        return {name}

    with pytest.raises(PortalUnknown, match=f"events of the portal {name}.*SALES_BITRIX24_IDENTITY to"):
        await filled(portal, tmp_path / "new", publisher, published=published, **changes)
    assert ids(publisher) == first
    await filled(portal, tmp_path / "new", publisher, published=published, bitrix24_identity=name, **changes)
    assert ids(publisher) == first


async def test_a_spool_of_before(portal, tmp_path):
    """A portal that was connected by its member_id goes on so, also from an empty spool when it is told."""
    publisher = PortalPublisher()
    changes = {"bitrix24_member_id": MEMBER}
    domain = portal.url.split("/")[2]
    await filled(portal, tmp_path, publisher, bitrix24_identity=f"{MEMBER}@{domain}", **changes)
    first = ids(publisher)
    async with connected(portal, tmp_path, publisher, **changes) as (connector, _):
        connector.store.forget("portal")
    for folder, more in ((tmp_path, {}), (tmp_path / "new", {"bitrix24_identity": f"{MEMBER}@{domain}"})):
        await filled(portal, folder, publisher, **changes, **more)
        assert ids(publisher) == first


async def test_a_second_portal(portal, tmp_path):
    """Another portal beside one that the log has says so, by its name; what a spool is called cannot be changed."""

    async def published():
        return {"other.example"}

    publisher = PortalPublisher()
    await filled(portal, tmp_path, publisher, published=published, bitrix24_identity="mine")
    assert {event.source for event in publisher.log} == {"bitrix24://mine"}
    with pytest.raises(PortalUnknown, match=r"spool is of the portal mine"):
        await filled(portal, tmp_path, publisher, bitrix24_identity="other")


@pytest.mark.parametrize("given", [False, True], ids=["learnt", "set"])
async def test_hooks_of_a_renamed_portal(portal, tmp_path, given):
    """The member_id is learnt from the first hook and kept: hooks from the portal's new address are its own."""
    changes = {"bitrix24_member_id": MEMBER} if given else {}
    hook = Hook("ONCRMDEALADD", {"data[FIELDS][ID]": "1"}, 1)
    moved, other = {"auth[domain]": "new.example"}, {"auth[member_id]": "another"}
    async with connected(portal, tmp_path, PortalPublisher(), **changes) as (_, client):
        assert await send(client, portal.form(hook, **moved)) == (200 if given else 403)
        assert await send(client, portal.form(hook)) == 200
        assert await send(client, portal.form(hook, **moved)) == 200
        assert await send(client, portal.form(hook, **other)) == 403
    async with connected(portal, tmp_path, PortalPublisher(), **changes) as (_, client):
        assert await send(client, portal.form(hook, **moved)) == 200
        assert await send(client, portal.form(hook, **other)) == 403
