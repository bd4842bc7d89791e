import pytest
from metrics.view import Keys
from streams.errors import SinkError
from streams.sink import InMemorySink
from tests.unit.streams.test_publish import publisher_of, lead, opened, meeting, meetings, KEYS
from tests.unit.streams.conftest import *

async def test_emptied_while_redis_was_away(unit):
    owner = unit.owner(flush_interval=60); await owner.open([0]); sink = InMemorySink("unit"); p = publisher_of(owner, sink)
    await owner.fold([lead(0, "cold")]); await p.show(); assert opened(sink) == 1
    sink.broken = True
    await owner.fold([lead(1, "cold", manager="m-2")])
    try:
        p._beaten_at = 0; await p.show()
    except SinkError as e: p._lost(e)
    sink.broken = False
    await p.show(); assert opened(sink) is None
    await owner.close([0])

async def test_emptied_and_cut_before_the_next_owner(unit):
    owner = unit.owner(flush_interval=60); await owner.open([0]); sink = InMemorySink("unit")
    await owner.fold([lead(0, "cold")]); await publisher_of(owner, sink).show(); assert opened(sink) == 1
    await owner.fold([lead(1, "cold", manager="m-2")])
    await owner.close([0])     # flushes, then is gone before it was shown
    second = unit.owner(flush_interval=60); await second.open([0])
    await publisher_of(second, sink).show()
    assert opened(sink) is None
    await second.close([0])

async def test_changed_during_a_rebuild_of_several_rounds(unit):
    managers = 800
    owner = unit.owner(flush_interval=60); await owner.open([0]); sink = InMemorySink("unit"); p = publisher_of(owner, sink)
    def m(n, offset): return meeting(offset, value=meeting(offset).value.replace(b"m-1", f"m-{n}".encode()))
    await owner.fold([m(n, n) for n in range(managers)])
    await p.show()
    p._need_everything()
    o = managers
    for _ in range(6):
        await owner.fold([m(1, o)]); o += 1
        await p.show()
        print(meetings(sink), o - managers + 1); assert meetings(sink) == o - managers + 1
    await owner.close([0])
