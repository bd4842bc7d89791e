"""Reference data in the view is that of the topic, whatever becomes of the view: emptied, of before, with leftovers."""

import copy
import json
from types import SimpleNamespace

import pytest

from metrics.view import Keys, decode_any, fenced, split
from streams.settings import WorkerSettings
from streams.view.reference import ReferenceView
from tests.support.sink_in_memory import InMemorySink

KEYS = Keys("unit")


def rate(offset, currency, value):
    """A record of a rate; None deletes it."""
    key = f"rate:{currency}:2026-01-05".encode()
    event = {
        "specversion": "1.0", "id": f"r-{offset}", "source": "a://b", "type": "sales.rate.set.v1",
        "time": f"2026-01-05T10:00:{offset:02}Z", "data": {"currency": currency, "date": "2026-01-05", "rate": value},
    }  # fmt: skip
    raw = None if value is None else json.dumps(event).encode()
    return SimpleNamespace(offset=offset, key=key, value=raw, timestamp=1_780_000_000_000, timestamp_type=1, headers=())


class ReferenceHouse:
    """A sink, and workers that read the same topic."""

    def __init__(self):
        self.sink = InMemorySink("unit")
        self.topic = []

    def worker(self, name="one", topic="a"):
        view = ReferenceView(WorkerSettings(app_id="unit", worker_id=name), self.sink, topic)
        for record in self.topic:
            view.take(record)
        return view

    async def set(self, currency, value, *workers):
        """Another record, which these workers read and show."""
        self.topic.append(rate(len(self.topic), currency, value))
        for worker in workers:
            worker.take(self.topic[-1])
            await worker.show()

    def count(self):
        """How many records there must be, as the view says."""
        return decode_any(split(self.sink.hashes[KEYS.reference_count][b"n"])[1])

    def shown(self):
        """Currency → rate."""
        found = (decode_any(split(value)[1])["data"] for value in self.sink.hashes.get(KEYS.reference, {}).values())
        return {one["currency"]: one["rate"] for one in found}


@pytest.fixture
async def house():
    found = ReferenceHouse()
    for currency, value in (("USD", "90"), ("EUR", "100"), ("CNY", "12")):
        await found.set(currency, value)
    return found


@pytest.mark.parametrize(
    ("currency", "value"), [("USD", "91"), ("GBP", "120"), ("EUR", None)], ids=["changed", "new", "deleted"]
)
@pytest.mark.parametrize("others", [0, 1])
async def test_an_older_copy_takes_over(house, currency, value, others):
    """What was changed, set or deleted since the copy is so again at the next look, however many records are there."""
    one, *more = workers = [house.worker(str(number)) for number in range(1 + others)]
    for worker in workers:
        await worker.show()
    before = copy.deepcopy(house.sink.hashes)
    await house.set(currency, value, *workers)
    right = house.shown()
    assert right.get(currency) == value
    house.sink.hashes = before
    assert house.shown() != right
    await one.show()
    assert house.shown() == right
    for worker in more:
        await worker.show()
    assert house.shown() == right


async def test_an_older_copy_between_two_writes(house, monkeypatch):
    """It takes over in the middle of what one look writes: what was written before is written again."""
    monkeypatch.setattr("streams.view.reference._CHUNK", 1)
    one = house.worker()
    await one.show()
    before = copy.deepcopy(house.sink.hashes)
    for currency in ("USD", "EUR", "CNY"):
        house.topic.append(rate(len(house.topic), currency, "7"))
        one.take(house.topic[-1])
    writes, write = [], house.sink.write

    async def failing_over(hashes, **named):
        if len(writes) == 3:
            house.sink.hashes = before
        writes.append(hashes)
        return await write(hashes, **named)

    monkeypatch.setattr(house.sink, "write", failing_over)
    await one.show()
    assert house.shown() == {"USD": "7", "EUR": "7", "CNY": "7"}


async def test_what_nobody_deleted_from_the_view(house):
    """A record that was deleted while no worker ran goes when one starts; one that another has read further stays."""
    house.sink.hashes[KEYS.reference] = {
        b"rate:XXX:2026-01-05": fenced(1, b"\x80"),
        b"rate:YYY:2026-01-05": fenced(9, b"\x80"),
    }
    await house.worker().show()
    assert house.sink.hashes[KEYS.reference].keys() == {
        *(f"rate:{currency}:2026-01-05".encode() for currency in ("USD", "EUR", "CNY", "YYY"))
    }


@pytest.mark.parametrize("ahead", [0, 1 << 40])
async def test_nothing_is_written_while_nothing_changes(house, monkeypatch, ahead):
    """A look costs a mark; also when the one of before was left by a clock that was ahead."""
    writes, write = [], house.sink.write

    async def counted(hashes, **named):
        writes.extend(key for key, fields in hashes.items() for _ in fields)
        return await write(hashes, **named)

    house.sink.hashes[KEYS.reference_of("one")] = {b"at": fenced(1_700_000_000_000 + ahead, b"\1")}
    one = house.worker()
    await one.show()
    await one.show()
    monkeypatch.setattr(house.sink, "write", counted)
    for _ in range(3):
        await one.show()
    assert writes == [KEYS.reference_count, KEYS.reference_count, KEYS.reference_of("one")] * 3


async def test_emptied_and_out_of_reach(house):
    """Everything is there again when Redis is."""
    one = house.worker()
    await one.show()
    right = house.shown()
    house.sink.lose()
    house.sink.broken = True
    await one.show()
    assert len(one) == 3
    house.sink.broken = False
    await one.show()
    assert house.shown() == right


async def test_the_topic_is_recreated(house):
    """What the new one holds is shown, whatever one writes who still reads the one before; so it is after that."""
    await house.set("USD", "91")
    before = house.worker("one")
    await before.show()
    house.topic = [rate(0, "EUR", "7")]
    after = house.worker("two", "b")
    await after.show()
    assert house.shown() == {"EUR": "7"}
    assert house.count() == 1
    before.take(rate(1, "GBP", "120"))
    for worker in (before, after):
        worker._is_due = True
        await worker.show()
    assert house.shown() == {"EUR": "7"}
    assert house.count() == 1
    await house.set("EUR", None, after)
    assert (house.shown(), house.count()) == ({}, 0)
    await house.set("CNY", "13", house.worker("three", "b"))
    await house.worker("one", "b").show()
    assert (house.shown(), house.count()) == ({"CNY": "13"}, 1)
    house.topic = []
    await house.worker("one", "c").show()
    assert (house.shown(), house.count()) == ({}, 0)
    house.sink.lose()
    await after.show()
    await house.worker("one", "c").show()
    assert (house.shown(), house.count()) == ({}, 0)


@pytest.mark.parametrize("last", ["two", "three"])
async def test_an_emptied_view_is_numbered_by_two(house, last):
    """A worker that starts just then numbers its topic anew, one that runs as before: what either writes is shown."""
    await house.worker("one").show()
    one = house.worker("one", "b")
    await one.show()
    house.sink.lose()
    two = house.worker("two", "b")
    write = house.sink.write

    async def at_one_moment(hashes, **named):
        house.sink.write = write
        await one.show()
        return await write(hashes, **named)

    house.sink.write = at_one_moment
    await two.show()
    await two.show()
    alone = two if last == "two" else house.worker("three", "b")
    for currency, value in (("USD", "91"), ("GBP", "120"), ("EUR", None)):
        await house.set(currency, value, alone)
    assert house.shown() == {"USD": "91", "GBP": "120", "CNY": "12"}
    assert house.count() == len(alone) == 3
