"""The tables of the application show what its partitions hold, and are written by nobody but the fold."""

import pytest

from streams.app import build
from tests.unit.streams.test_owner import held, meeting


@pytest.fixture
async def app(unit):
    """An application whose owner has folded two clients' meetings."""
    owner = unit.owner()
    app = build(unit.settings, owner, [], unit.failures.append)
    await owner.open([0])
    await owner.fold(0, [meeting(0), meeting(1, client="c-2")])
    await owner.owned[0].flush()
    yield app
    await owner.close([0])


async def test_cells_are_those_of_the_partition(app):
    """By kind and bucket: the parts of that cell."""
    cells = app.tables["cells"]
    assert {key: cells[key] for key in cells} == held(app.owner)
    assert len(cells) == len(held(app.owner)) > 0


async def test_clients_are_the_pages_of_the_store(app):
    """By the page's key."""
    clients = app.tables["clients"]
    assert set(clients) == {b"cc-1", b"cc-2"}
    assert clients[b"cc-1"] != clients[b"cc-2"]
    with pytest.raises(KeyError):
        clients[b"cc-3"]
    assert b"cc-1" in clients
    assert b"cc-3" not in clients


@pytest.mark.parametrize("name", ["cells", "clients"])
async def test_nobody_writes_through_a_table(app, name):
    """What is not in the log is no state."""
    store = app.tables[name].data
    with pytest.raises(TypeError):
        store[b"cc-1"] = b""
    with pytest.raises(TypeError):
        del store[b"cc-1"]
