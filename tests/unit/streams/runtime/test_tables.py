"""The tables of the application hold what its partitions are made of, and are written by nobody but the fold."""

import pytest

from streams.errors import WorkerError
from streams.runtime.app import build
from tests.unit.streams.runtime.test_owner import held, meeting


@pytest.fixture
async def app(unit):
    """An application whose owner has folded two clients' meetings."""
    owner = unit.owner()
    app = build(unit.settings, owner, [], unit.failures.append)
    await owner.open([0])
    await owner.fold(0, [[meeting(0), meeting(1, client="c-2")]])
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


async def test_nothing_is_held_without_tables(unit):
    """An application that declares none opens no partition."""
    owner = unit.owner()
    owner.tables = None
    with pytest.raises(WorkerError, match="no tables"):
        await owner.open([0])
    assert not owner.owned


async def test_what_is_restored_is_held_by_the_tables(app, unit):
    """The next owner reads through its own tables what the one before made durable, and lets go of it."""
    before = {name: dict(app.tables[name]) for name in ("cells", "clients")}
    await app.owner.close([0])
    assert [len(app.tables[name]) for name in ("cells", "clients")] == [0, 0]
    following = build(unit.settings, unit.owner(), [], unit.failures.append)
    await following.owner.open([0])
    assert {name: dict(following.tables[name]) for name in ("cells", "clients")} == before
    await following.owner.close([0])
    assert [len(following.tables[name]) for name in ("cells", "clients")] == [0, 0]


async def test_what_could_not_be_opened_is_not_held(unit):
    """A log that was recreated: the tables are empty again."""
    first = unit.owner()
    await first.open([0])
    await first.fold(0, [[meeting(0)]])
    await first.close([0])
    unit.broker.log = "b"
    other = build(unit.settings, unit.owner(), [], unit.failures.append)
    with pytest.raises(WorkerError):
        await other.owner.open([0])
    assert not other.owner.tables.cells.shares
    assert not other.owner.tables.clients.shares


@pytest.mark.parametrize("name", ["cells", "clients"])
async def test_nobody_writes_through_a_table(app, name):
    """What is not in the log is no state."""
    store = app.tables[name].data
    with pytest.raises(TypeError):
        store[b"cc-1"] = b""
    with pytest.raises(TypeError):
        del store[b"cc-1"]
