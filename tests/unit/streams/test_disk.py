"""State on disk is whole: what was read from the changelog lies there too, not only what was folded since."""

from streams.local_store import RocksStore
from streams.sink import InMemorySink
from tests.unit.streams.test_publish import publisher_of
from tests.unit.streams.test_publish_leftovers import held, meetings


async def test_disk_after_changelog(unit, tmp_path):
    """A part that was restored from the changelog and not changed since is there after a restart from disk."""
    first = unit.owner(flush_interval=60)
    await first.open([0])
    await first.fold(0, [held(0, "m-1")])
    await first.close([0])

    def disk(number):
        return RocksStore(tmp_path / str(number))

    second = unit.owner(store=disk, flush_interval=60)
    await second.open([0])
    await second.fold(0, [held(1, "m-2")])
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
        return RocksStore(tmp_path / str(number))

    first = unit.owner(store=disk, flush_interval=60)
    await first.open([0])
    await first.fold(0, [held(0, "m-1")])
    await first.close([0])
    other = unit.owner(flush_interval=60)
    await other.open([0])
    await other.fold(0, [held(1, "m-2", 0)])
    await other.close([0])
    for offset in (2, 3):
        again = unit.owner(store=disk, flush_interval=60)
        await again.open([0])
        await again.fold(0, [held(offset, "m-3")])
        sink = InMemorySink("unit")
        await publisher_of(again, sink).show()
        assert meetings(sink) is None
        assert meetings(sink, "m-2") == 1
        assert meetings(sink, "m-3") == offset - 1
        await again.close([0])
