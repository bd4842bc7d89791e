"""Pages hear when numbers changed and how old they are; so many at once, and what is said is written once."""

import asyncio
import gc
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
    pages = [await told.begin(state) for _ in range(3)]
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
    """Also of those that come at the same moment; one that left before its first word holds no place."""
    told, follower, _, state = setup
    at_once = await asyncio.gather(*(told.begin(state) for _ in range(5)), return_exceptions=True)
    pages = [one for one in at_once if not isinstance(one, AwayError)]
    assert len(pages) == 3
    with pytest.raises(AwayError, match="3 pages follow already"):
        await told.begin(state)
    assert await anext(pages[0])
    await pages.pop(0).aclose()
    assert follower.pace.watchers == 2
    assert await anext(await told.begin(state))
    del pages, at_once
    gc.collect()
    await asyncio.sleep(0.1)
    assert follower.pace.watchers == 0
