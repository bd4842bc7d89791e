"""Failure is failure, and nothing is deleted on suspicion: webhooks that died, portals that moved, rights that went."""

import pytest
from typer.testing import CliRunner

from deploy.cli import build, explain
from deploy.commands import bitrix24 as command
from producers.connectors.bitrix24.errors import PortalClosed, PortalRefused
from producers.connectors.bitrix24.sync.backfill import Backfill
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import StandIn, serve_portal
from tests.unit.bitrix24.support import PortalPublisher, Silent, connected
from tests.unit.bitrix24.test_entities import Story

CODES = (
    "expired_token",
    "INVALID_CREDENTIALS",
    "NO_AUTH_FOUND",
    "ACCESS_DENIED",
    "user_access_error",
    "PORTAL_DELETED",
)


@pytest.fixture
async def story(tmp_path):
    portal, publisher = StandIn(Life(4), burst=1e9), PortalPublisher()
    async with serve_portal(portal), connected(portal, tmp_path, publisher) as (connector, client):
        yield Story(portal, connector, client, publisher)


def backfill(story):
    parts = story.connector
    return Backfill(parts.parts, parts.synchronizer, parts.reconciler)


def value(metric, *labels):
    return (metric.labels(*labels) if labels else metric)._value.get()


@pytest.mark.parametrize("code", CODES)
async def test_a_dead_webhook(story, code):
    """Backfill, reconciliation and hooks fail, the place and what hooks told are kept, and it says what to do."""
    for _ in range(120):
        story.life.new_deal()
    story.connector.store.save((), {"backfill:deals": "50"})
    await story.postman.deliver()
    story.portal.locked = code
    with pytest.raises(PortalClosed, match=f"{code}.*(SALES_BITRIX24_WEBHOOK_URL|plan)"):
        await backfill(story).run(Silent())
    assert story.connector.store.cursor("backfill:deals") == "50"
    with pytest.raises(PortalClosed):
        await story.connector.reconciler.run()
    for run in (story.connector.reconciler.run, story.connector.reconciler.chats, story.connector.synchronizer.drain):
        assert await story.connector._try("reconcile", run) > 0
    assert value(story.connector.metrics.reconciled) == 0
    assert value(story.connector.metrics.failures, "reconcile") == 3
    assert story.connector.store.waiting()[0] == 120
    assert story.publisher.log == []
    story.portal.locked = ""
    assert len(await story.told()) == 120


async def test_it_dies_in_the_middle(story):
    """A backfill whose webhook is revoked half-way goes on from there."""
    life = story.life
    for _ in range(2500):
        life.new_deal()
    life.hooks.clear()

    class Revoking:
        def advance(self, count, done, where=""):
            story.portal.locked = "expired_token"

    with pytest.raises(PortalClosed):
        await backfill(story).run(Revoking(), only=["deals"])
    done = [kind for kind, _ in story.new()].count("deal.changed")
    assert 0 < done < 2500
    story.portal.locked = ""
    assert await backfill(story).run(Silent(), only=["deals"])
    assert [kind for kind, _ in story.new()].count("deal.changed") == 2500 - done
    assert story.connector.store.cursor("backfill:deals") is None


async def test_a_portal_that_moved(story):
    """A 302 is no lack of rights: it says where the portal is now, without the secret, and hooks stay in the spool."""
    story.life.new_deal()
    await story.postman.deliver()
    story.portal.moved = "new-name.example"
    with pytest.raises(PortalClosed, match=r"has moved to new-name\.example") as told:
        await story.connector.synchronizer.drain()
    assert "portal-secret-path" not in str(told.value)
    assert story.connector.store.waiting()[0] == 1
    story.portal.moved = ""
    assert [kind for kind, _ in await story.told()] == ["deal.changed"]


async def test_nothing_can_be_read(story):
    """A webhook without any scope that counts has reconciled nothing; one that lacks some says which."""
    forbidden = {"crm.item.list", "voximplant.statistic.get", "crm.activity.list"}
    story.portal.forbidden = set(forbidden)
    with pytest.raises(PortalRefused):
        await story.connector.reconciler.run()
    assert value(story.connector.metrics.reconciled) == 0
    story.portal.forbidden = {"voximplant.statistic.get"}
    await story.connector.reconciler.run()
    assert value(story.connector.metrics.reconciled) > 0
    assert value(story.connector.metrics.forbidden, "calls") == 1
    assert value(story.connector.metrics.forbidden, "deals") == 0
    story.portal.forbidden = set()
    await story.connector.reconciler.run()
    assert value(story.connector.metrics.forbidden, "calls") == 0


@pytest.mark.parametrize(("forbidden", "allowed", "code"), [("", False, 0), ("deals", False, 1), ("deals", True, 0)])
def test_the_command_says_so(monkeypatch, forbidden, allowed, code):
    """What was left out is a failure, unless it is allowed."""

    class Job:
        left_out = [forbidden] if forbidden else []

        def __init__(self, *_, **__):
            pass

        async def run(self, *_, **__):
            return True

    class Other:
        requests = 1

        def __getattr__(self, name):
            return self

    async def with_connector(run):
        await run(Other(), lambda: True)

    monkeypatch.setattr("producers.connectors.bitrix24.sync.backfill.Backfill", Job)
    monkeypatch.setattr(command, "_with_connector", with_connector)
    arguments = ["bitrix24", "backfill", *(["--allow-left-out"] if allowed else [])]
    result = CliRunner().invoke(build(["bitrix24"]), arguments)
    assert result.exit_code == code, result.output
    assert ("deals" in result.output) == bool(forbidden)


def test_the_error_is_one_line():
    """A dead webhook is one line and exit 1, no traceback."""
    line, code = explain(PortalClosed("expired_token", "make a new one"))
    assert (code, line.count("\n")) == (1, 0)


@pytest.mark.parametrize(("count", "hidden"), [(100, 45), (100, 10), (100, 80), (10, 9), (10, 1)])
@pytest.mark.parametrize("whole", [False, True])
async def test_rights_that_went_and_came_back(story, count, hidden, whole):
    """However many deals the webhook may not see any more: none is deleted, it is told, and they go on as they were."""
    for _ in range(count):
        story.life.new_deal()
    assert len(await story.told()) == count
    story.portal.hidden = {("deal", number) for number in range(1, hidden + 1)}
    await story.connector.reconciler.run(whole=whole)
    assert "deal.deleted" not in dict(story.new())
    assert value(story.connector.metrics.hidden, "deal") == hidden
    story.portal.hidden = set()
    story.life.tables["deal"][1]["opportunity"] = 77
    await story.connector.reconciler.run(whole=whole)
    assert [(kind, data.amount) for kind, data in story.new()] == [("deal.changed", "77")]
    assert value(story.connector.metrics.hidden, "deal") == 0


@pytest.mark.parametrize("kind", ["deal", "invoice"])
async def test_what_is_really_gone(story, kind):
    """What the portal itself says to be no more is taken back, among others that are hidden; what returns is back."""
    for _ in range(6):
        story.life.new_deal()
    for _ in range(6):
        story.life.new_invoice()
    await story.told()
    story.portal.hidden = {(kind, 1), (kind, 2)}
    gone = story.life.tables[kind].pop(3)
    await story.connector.reconciler.run()
    taken_back = [
        data for told, data in story.new() if told == "deal.deleted" or getattr(data, "status", "") == "cancelled"
    ]
    assert [getattr(data, f"{kind}_id").split("-")[0] for data in taken_back] == ["3"]
    story.life.tables[kind][3] = gone
    await story.connector.reconciler.run()
    assert [getattr(data, f"{kind}_id").split("-")[0] for _, data in story.new()] == ["3"]


async def test_readiness_says_how_it_goes(tmp_path):
    """`/readyz` says what is wrong with the portal, and stays ready: hooks have to get through all the more."""
    portal = StandIn(Life(4), burst=1e9)
    async with serve_portal(portal), connected(portal, tmp_path, PortalPublisher()) as (connector, client):

        async def said():
            answer = await client.get("/readyz")
            assert answer.status_code == 200
            return answer.json()["portal"]

        assert await said() == "starting"
        for lock, word in (("expired_token", "closed"), ("", "ok")):
            portal.locked = lock
            await connector._try("reconcile", connector.reconciler.run)
            assert await said() == word
        portal.forbidden = {"voximplant.statistic.get"}
        await connector._try("reconcile", connector.reconciler.run)
        assert await said() == "rights missing"
        portal.burst = 0
        await connector._try("chats", connector.reconciler.chats)
        assert await said() == "failing"
        portal.burst, portal.forbidden = 1e9, set()
        await connector._try("reconcile", connector.reconciler.run)
        await connector._try("chats", connector.reconciler.chats)
        assert await said() == "ok"
