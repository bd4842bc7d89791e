"""Chats beside the rest: changed ones at once, silent ones a few at a time, and nobody waits for them."""

import asyncio
from datetime import timedelta

import pytest

from producers.connectors.bitrix24.errors import PortalUnavailable
from producers.connectors.bitrix24.sync.chatting import _REST, _SILENT
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import StandIn, serve_portal
from tests.unit.bitrix24.support import PortalPublisher, connected
from tests.unit.bitrix24.test_entities import Story

HISTORY = "imopenlines.session.history.get"


@pytest.fixture
async def story(tmp_path):
    portal, publisher = StandIn(Life(4), burst=1e9), PortalPublisher()
    async with serve_portal(portal), connected(portal, tmp_path, publisher) as (connector, client):
        yield Story(portal, connector, client, publisher)


def chats(story, count):
    """Chats that nobody closed, each with a message of its client."""
    life = story.life
    for _ in range(count):
        session = life._add("session", {})
        activity = life._activity({"TYPE_ID": "6", "PROVIDER_ID": "IMOPENLINES_SESSION"}, 3)
        activity["ASSOCIATED_ENTITY_ID"] = str(session["id"])
        users = {"1001": {"id": "1001", "connector": True}, "3": {"id": "3", "connector": False}}
        session |= {"sessionId": session["id"], "chatId": 5000 + session["id"], "message": {}, "users": users}
        life._write(session, "1001", "Hello")


def write(story, number, *, touched):
    """A client's message; touched: whether the portal moves the date of the chat's activity."""
    story.life._write(story.life.tables["session"][number], "1001", "Are you there?")
    if touched:
        story.life.tables["activity"][number]["LAST_UPDATED"] = story.life.text()


async def poll(story, seconds=20, **how):
    """Time goes by, then a look at the chats: histories asked for, and messages told."""
    story.life.now += timedelta(seconds=seconds)
    before = story.portal.methods.get(HISTORY, 0)
    await story.connector.reconciler.chats(**how)
    return story.portal.methods.get(HISTORY, 0) - before, len(story.new())


async def test_only_what_changed(story):
    """A chat that is silent is not read again and again; its next message is found, whether the date moved or not."""
    chats(story, 10)
    assert await poll(story) == (10, 10)
    assert await poll(story, 3600) == (10, 0)
    assert await poll(story) == (0, 0)
    write(story, 4, touched=True)
    assert await poll(story) == (1, 1)
    write(story, 5, touched=False)
    counts = [await poll(story) for _ in range(int(_REST.total_seconds() // 20) + 1)]
    assert sum(told for _, told in counts) == 1
    assert sum(read for read, _ in counts) <= 2 * 10


async def test_a_message_in_the_same_second(story):
    """A look within the second of a change may have missed the next message: it is looked at again."""
    chats(story, 1)
    await poll(story)
    write(story, 1, touched=True)
    assert await poll(story, 0) == (1, 1)
    write(story, 1, touched=True)
    assert await poll(story, 0) == (1, 1)


async def test_many(story):
    """Of many silent chats some are read in a poll, each in its turn; all by hand; what changed is always read."""
    chats(story, 3 * _SILENT)
    assert await poll(story) == (3 * _SILENT, 3 * _SILENT)
    for seconds in (2 * 86_400, 20):
        await poll(story, seconds)
    # As after a new start, which knows of no look.
    story.connector.reconciler.chatting._looks.clear()
    write(story, 1, touched=True)
    write(story, 2, touched=False)
    assert await poll(story) == (_SILENT + 1, 1)
    assert await poll(story) == (_SILENT, 0)
    # The rest, and the one that lives.
    assert await poll(story) == (_SILENT - 1 + 1, 1)
    assert await poll(story, 0, whole=True) == (3 * _SILENT, 0)


async def test_nobody_waits_for_them(story):
    """While the portal takes its time over histories, what hooks tell is fetched and published, and meetings are."""
    chats(story, 100)
    gate = story.portal.gates[HISTORY] = asyncio.Event()
    polling = asyncio.create_task(story.connector.reconciler.chats())
    while not story.portal.held:  # noqa: ASYNC110 - the stand-in has no event for it
        await asyncio.sleep(0.01)
    story.life.new_deal()
    assert [kind for kind, _ in await story.told(0)] == ["deal.changed"]
    await story.connector.reconciler.run()
    assert not polling.done()
    assert story.portal.held <= 3
    gate.set()
    await polling
    assert len([kind for kind, _ in story.new() if kind == "chat.message"]) == 100


async def test_a_hook_of_a_chat(story):
    """It is kept until the chat is read, and wakes who reads it; meetings are told as before."""
    chats(story, 2)
    await poll(story, 3600)
    await poll(story)
    write(story, 1, touched=False)
    story.life._hook("ONCRMACTIVITYUPDATE", 1)
    wake = story.connector.synchronizer.contacts.told_of_chats
    wake.clear()
    assert await story.told() == []
    assert wake.is_set()
    assert story.connector.store.waiting()[0] == 1
    assert await poll(story, 1) == (1, 1)
    assert story.connector.store.waiting()[0] == 0


async def test_some_fail(story):
    """What could be read stays read; what was told of is tried again."""
    chats(story, 60)
    portal = story.connector.portal
    batch, times = portal.batch, iter([None, PortalUnavailable("busy"), None])

    async def sometimes(calls, **how):
        if calls[0].method == HISTORY and (error := next(times, None)):
            raise error
        return await batch(calls, **how)

    portal.batch = sometimes
    story.life._hook("ONCRMACTIVITYUPDATE", 60)
    await story.told()
    with pytest.raises(PortalUnavailable):
        await story.connector.reconciler.chats()
    told = [kind for kind, _ in story.new()]
    assert 30 <= len(told) < 60
    assert story.connector.store.waiting()[0] == 1
    await story.connector.reconciler.chats()
    assert len(told) + len(story.new()) == 60
    assert story.connector.store.waiting()[0] == 0


async def test_a_message_while_the_portal_reads(story):
    """What is written while a slow portal works off the other histories of a request is found by the next look."""
    chats(story, 1)
    await poll(story)
    write(story, 1, touched=True)
    gate = story.portal.gates[HISTORY] = asyncio.Event()
    polling = asyncio.create_task(story.connector.reconciler.chats())
    while not story.portal.held:  # noqa: ASYNC110 - the stand-in has no event for it
        await asyncio.sleep(0.01)
    told = story.life.tables["session"][1]["message"]
    hidden = {number: told.pop(number) for number in list(told)[-1:]}
    gate.set()
    story.life.now += timedelta(seconds=4)
    await polling
    told |= hidden
    assert story.new() == []
    assert await poll(story, 1) == (1, 1)
