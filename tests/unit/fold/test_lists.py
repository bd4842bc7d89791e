"""What is listed is who waits now, whoever came and went between two looks, and whichever pages were let go of."""

import random
from datetime import UTC

import pytest

from metrics.calendar import CalendarFile, build
from metrics.view import LEAD, MISS, TALK, Unanswered, Waiting
from streams.fold.calls import LISTED
from streams.fold.localtime import DAY, HOUR, MINUTE
from streams.fold.rules import Rules
from streams.state.clients import Clients, InMemoryClientStore
from streams.state.lists import Lists

_CALENDAR = CalendarFile.model_validate({"teams": {"idle": {"hours": {}}}})
RULES = Rules(UTC, build(_CALENDAR, UTC))
NAMES = {"call": "r", "chat": "h", MISS: "c", LEAD: "l", TALK: "r"}
"""Channel → prefix of the entities that wait in it."""


def _listed(waits: dict[tuple[bytes, str], Waiting], time: int) -> tuple[list[Waiting], list[Unanswered]]:
    """Both lists made from all who wait."""
    calls = [one for one in waits.values() if one.channel == "call" and one.start + LISTED > time]
    waiting = [*calls, *(one for one in waits.values() if one.channel == "chat")]
    unanswered = [
        Unanswered(one.channel, key[1:].decode(), name[1:], one.manager, one.team, one.start)
        for (key, name), one in waits.items()
        if one.channel in {MISS, LEAD, TALK} and RULES.listed_until(one.channel, one.start, one.team, time) > time
    ]
    leads = {one.client for one in unanswered if one.kind == LEAD}
    return sorted(waiting), sorted(one for one in unanswered if one.kind != TALK or one.client in leads)


@pytest.mark.parametrize("seed", range(6))
def test_lists_are_of_who_waits_now(seed):
    """Looked at often or seldom, of clients small and split, with restarts in between."""
    rng = random.Random(seed)
    clients = Clients(InMemoryClientStore(), hot=2)
    lists = Lists(clients, RULES)
    waits: dict[tuple[bytes, str], Waiting] = {}
    time, shown = 60 * DAY, ([], [])
    for _ in range(1_500):
        time += 5 * DAY if rng.random() < 0.02 else rng.choice((0, 0, 0, 0, 1, MINUTE, HOUR // 2))
        key, channel = b"cc-%d" % rng.randrange(4), rng.choice(sorted(NAMES))
        client, name = clients.find(key) or clients.create(key), f"{NAMES[channel]}{rng.randrange(40)}"
        client.put(name, bytes(120))
        wait = Waiting(
            channel, f"m-{rng.randrange(2)}", rng.choice(("", "idle")), time - rng.choice((0, HOUR, 3 * DAY))
        )
        if rng.random() < 0.6:
            client.wait(name, wait)
            waits[key, name] = wait
        else:
            client.wait(name, None)
            waits.pop((key, name), None)
        if rng.random() < 0.1:
            clients.cut()
        if rng.random() < 0.02:
            clients.cut()
            restored = Clients(clients.store, hot=2)
            restored.restore(clients.store.pages.items(), stored=True)
            clients, lists = restored, Lists(restored, RULES)
        if rng.random() < 0.2:
            news = lists.news(time)
            shown = tuple(sorted(held if new is None else new) for new, held in zip(news, shown, strict=True))
            assert shown == _listed(waits, time)
            assert lists.news(time) == (None, None)
            assert tuple(sorted(one) for one in lists.everything(time)) == shown
    assert clients.find(b"cc-0").split


def test_what_came_and_went_between_two_looks_is_no_news():
    """A chat that was answered, and a miss that was called back, since the view was last asked for."""
    clients = Clients(InMemoryClientStore())
    lists = Lists(clients, RULES)
    assert lists.news(DAY) == ([], [])
    client = clients.create(b"cc-1")
    for name, channel in (("h1", "chat"), ("c1", MISS)):
        client.wait(name, Waiting(channel, "m-1", "", DAY))
        client.wait(name, None)
    assert lists.news(DAY) == (None, None)
    client.wait("h1", Waiting("chat", "m-1", "", DAY))
    assert lists.news(DAY) == ([Waiting("chat", "m-1", "", DAY)], None)
    client.wait("c1", Waiting(MISS, "m-1", "", DAY))
    waiting, unanswered = lists.news(DAY)
    assert waiting is None, "nobody else waits for an answer than before"
    assert unanswered == [Unanswered(MISS, "c-1", "1", "m-1", "", DAY)]
