"""Pages hear when numbers changed and how old they are; so many at once, and what is said is written once."""

import asyncio
from types import SimpleNamespace

import pytest

from metrics.errors import AwayError
from metrics.exporter.http import telling
from metrics.exporter.http.telling import Telling


@pytest.fixture
def setup(monkeypatch):
    monkeypatch.setattr(telling, "MOST", 3)
    monkeypatch.setattr(telling, "_PUSH_SECONDS", 0.0)
    follower = SimpleNamespace(version=7, pace=SimpleNamespace(watchers=0))
    written = []

    def said():
        written.append(1)
        return {"age": 2.5}

    return Telling(follower, said), follower, written, SimpleNamespace(ending=False)


async def test_every_page_hears_all_and_it_is_written_once(setup):
    """Also who comes later: the number of the view, and its age."""
    told, follower, written, state = setup
    pages = [told.begin(state) for _ in range(3)]
    heard = [[await anext(page), await anext(page)] for page in pages]
    assert heard == [["event: changed\ndata: 7\n\n", 'event: age\ndata: {"age":2.5}\n\n']] * 3
    assert len(written) == 1
    assert follower.pace.watchers == 3
    follower.version = 8
    assert await anext(pages[2]) == "event: changed\ndata: 8\n\n"
    state.ending = True
    assert [[one async for one in page] for page in pages] == [[], [], []]
    assert follower.pace.watchers == 0


async def test_one_too_many_is_told_and_has_room_when_another_leaves(setup):
    """Also those that come at the same moment; one that left before its first word holds no place."""
    told, follower, _, state = setup
    await told.begin(state).aclose()
    at_once = [told.begin(state) for _ in range(5)]
    first = await asyncio.gather(*(anext(page, "") for page in at_once))
    assert sorted(map(bool, first)) == [False, False, True, True, True]
    with pytest.raises(AwayError, match="3 pages follow already"):
        told.begin(state)
    await at_once[first.index("event: changed\ndata: 7\n\n")].aclose()
    assert follower.pace.watchers == 2
    assert await anext(told.begin(state))
