"""State on disk is whole: what was read from the changelog lies there too, not only what was folded since."""

import msgspec
import pytest

from streams.durable.local_store import InMemoryStore, RocksStore
from streams.errors import StateError
from tests.support.sink_in_memory import InMemorySink
from tests.unit.streams.view.test_publish import publisher_of
from tests.unit.streams.view.test_publish_leftovers import held, meetings


async def test_disk_after_changelog(unit, tmp_path):
    """A part that was restored from the changelog and not changed since is there after a restart from disk."""
    first = unit.owner(flush_interval=60)
    await first.open([0])
    await first.fold(0, [[held(0, "m-1")]])
    await first.close([0])

    def disk(number):
        return RocksStore(tmp_path / str(number), {})

    second = unit.owner(store=disk, flush_interval=60)
    await second.open([0])
    await second.fold(0, [[held(1, "m-2")]])
    await second.close([0])
    third = unit.owner(store=disk, flush_interval=60)
    await third.open([0])
    sink = InMemorySink("unit")
    await publisher_of(third, sink).show()
    assert meetings(sink) == 1
    assert meetings(sink, "m-2") == 1
    await third.close([0])


async def test_taken_back_by_another_owner(unit, tmp_path):
    """A part that lies on disk and that another owner has taken back meanwhile does not come back."""

    def disk(number):
        return RocksStore(tmp_path / str(number), {})

    first = unit.owner(store=disk, flush_interval=60)
    await first.open([0])
    await first.fold(0, [[held(0, "m-1")]])
    await first.close([0])
    other = unit.owner(flush_interval=60)
    await other.open([0])
    await other.fold(0, [[held(1, "m-2", 0)]])
    await other.close([0])
    for offset in (2, 3):
        again = unit.owner(store=disk, flush_interval=60)
        await again.open([0])
        await again.fold(0, [[held(offset, "m-3")]])
        sink = InMemorySink("unit")
        await publisher_of(again, sink).show()
        assert meetings(sink) is None
        assert meetings(sink, "m-2") == 1
        assert meetings(sink, "m-3") == offset - 1
        await again.close([0])


def test_rocks_refuses_what_it_cannot_read(tmp_path):
    """A folder that is no database is refused as StateError, not as a bare exception."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "CURRENT").write_text("nonsense")
    with pytest.raises(StateError):
        RocksStore(tmp_path / "s", {})


@pytest.mark.parametrize("make", [lambda _: InMemoryStore(), lambda folder: RocksStore(folder, {"t": "id"})])
def test_client_store_contract(make, tmp_path):
    """What was put is seen at once; None removes; keys are those of committed pages, never the partition's own."""
    store = make(tmp_path / "db")
    store.put_many([(b"a", b"1"), (b"b", b"2")])
    assert (store.get(b"a"), store.get(b"c")) == (b"1", None)
    store.commit([(b"cell", b"x")], [(b"p", b"own")], {"t": 3})
    store.put_many([(b"a", None), (b"b", b"3")])
    assert (store.get(b"a"), store.get(b"b")) == (None, b"3")
    store.commit([(b"cell", None)], [(b"p", b"own2")], {"t": 5})
    assert store.get(b"b") == b"3"
    assert b"b" in set(store.keys())
    store.put_many([(b"p", b"own2"), *((b"%05d" % n, b"x") for n in range(9000))])
    store.commit([], [], {"t": 5})
    assert set(store.keys()) - {b"a"} == {b"b", *(b"%05d" % n for n in range(9000))}
    store.put_many([(b"%05d" % n, None) for n in range(9000)])
    store.commit([], [], {"t": 5})
    if store.is_persistent:
        store.close()
        saved = make(tmp_path / "db").saved()
        assert dict(saved.positions) == {"t": 5}
        assert list(saved.cells()) == []
        assert dict(saved.clients()) == {b"b": b"3", b"p": b"own2"}


@pytest.mark.parametrize(
    ("now", "is_used"),
    [
        ({"cells": "1", "clients": "2"}, True),
        ({"cells": "1", "clients": ""}, True),
        ({"cells": "1", "clients": "3"}, False),
        ({"cells": "1", "others": "2"}, False),
        ({"cells": "1"}, False),
    ],
)
def test_only_of_its_own_changelogs(tmp_path, now, is_used):
    """What is on disk counts only beside the changelogs that it was written beside, by name and id where known."""
    store = RocksStore(tmp_path / "db", {"cells": "1", "clients": "2"})
    store.commit([], [(b"p", b"own")], {"cells": 3, "clients": 4})
    store.close()
    again = RocksStore(tmp_path / "db", now)
    if is_used:
        assert again.saved().positions == {"cells": 3, "clients": 4}
    else:
        with pytest.raises(StateError, match="a copy of other changelogs"):
            again.saved()


@pytest.mark.parametrize(
    ("meta", "why"),
    [
        ({"no": "list"}, "cannot be read"),
        ([], "cannot be read"),
        ([2, 0.0], "cannot be read"),
        ([1, 0.0, {"t": 3}], "has format 1, this worker reads 2"),
        ([2, 0.0, {"t": 3}, {"t": "id"}], "is older than"),
    ],
)
def test_what_is_said_of_a_folder_that_does_not_count(tmp_path, meta, why):
    """Damaged, of an earlier format, or old: a StateError, whatever lies there."""
    store = RocksStore(tmp_path / "db", {"t": "id"})
    store._db.put(b"m", msgspec.msgpack.encode(meta))
    with pytest.raises(StateError, match=why):
        store.saved()
