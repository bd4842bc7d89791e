"""The owner of the reference topic's letters, without a broker: once each, whatever fails on the way."""

import asyncio
from types import SimpleNamespace

import pytest

from streams.durable.rewriting import RewritingChangelog
from streams.errors import OwnershipLost, WorkerError
from streams.letters.reference import ReferenceLetters
from streams.runtime.sensors import WorkerSensors
from streams.runtime.status import Status
from streams.settings import WorkerSettings
from streams.state.partition import COPIES_BYTES
from tests.support.in_memory import Broker, InMemoryChangelog, InMemoryRestorer

COUNTED = "sales_worker_dead_letters_total"


def bad(offset):
    """A record of the reference topic that nobody can use."""
    return SimpleNamespace(offset=offset, key=b"k", value=b"{", timestamp=1, headers=())


class LetterHouse:
    def __init__(self, tmp_path) -> None:
        self.settings = WorkerSettings(app_id="unit", worker_id="w", data_dir=tmp_path)
        self.broker = Broker(self.settings)
        self.is_ours = True

    def owner(self):
        async def is_ours():
            return self.is_ours

        async def committed(number):
            self.broker.answer()
            return self.broker.offsets.get(number)

        async def written(number):
            return self.broker.lettered()

        def changelog(number):
            return RewritingChangelog(
                number,
                lambda seconds: InMemoryChangelog(self.broker, number, seconds),
                InMemoryRestorer(self.broker),
                is_ours,
                wait=0.01,
            )

        self.sensors = WorkerSensors("w", Status())
        return ReferenceLetters(self.settings, self.sensors, changelog, committed, written)

    def offsets(self):
        return [int(dict(letter.headers)["source_offset"]) for letter in self.broker.letters]

    def counted(self):
        return self.sensors.registry.get_sample_value(COUNTED, {"reason": "not_json"})


@pytest.fixture
def house(tmp_path):
    return LetterHouse(tmp_path)


async def test_goes_on_where_the_one_before_stopped(house):
    """What a former owner committed is not judged again, also when a fetch of before comes late."""
    one = house.owner()
    assert await one.open([0]) == {0: 0}
    await one.fold(0, [[bad(0), bad(1)]])
    await one.close([0])
    two = house.owner()
    assert await two.open([0]) == {0: 2}
    await two.fold(0, [[bad(0), bad(1), bad(2)]])
    assert house.offsets() == [0, 1, 2]
    assert house.counted() == 1


@pytest.mark.parametrize("trouble", ["failures", "unanswered"])
async def test_a_failed_transaction_is_written_once(house, trouble):
    """Neither lost nor doubled nor tried for ever, whether the broker took it or not; counted once."""
    owner = house.owner()
    await owner.open([0])
    for offset in (0, 2):
        setattr(house.broker, trouble, 2)
        await asyncio.wait_for(owner.fold(0, [[bad(offset), bad(offset + 1)]]), 5)
    await owner.fold(0, [[bad(4)]])
    assert house.offsets() == [0, 1, 2, 3, 4]
    assert house.broker.offsets[0] == 5
    assert house.counted() == 5


async def test_opened_once_kafka_is_back(house):
    """Opening waits for Kafka instead of ending the worker."""
    house.broker.away = 3
    owner = house.owner()
    assert await asyncio.wait_for(owner.open([0]), 5) == {0: 0}
    await owner.fold(0, [[bad(0)]])
    assert house.offsets() == [0]


async def test_who_was_shut_out_writes_nothing(house):
    """A former owner that goes on is told so, and its letters are seen by nobody."""
    one, two = house.owner(), house.owner()
    await one.open([0])
    await two.open([0])
    house.is_ours = False
    with pytest.raises(OwnershipLost):
        await one.fold(0, [[bad(0)]])
    house.is_ours = True
    await two.fold(0, [[bad(0)]])
    assert house.offsets() == [0]


async def test_what_another_owner_wrote_meanwhile_is_not_written_again(house):
    """The group says it is ours, but its offset is not the one that was left: the worker starts again from there."""
    one, two = house.owner(), house.owner()
    await one.open([0])
    await two.open([0])
    await two.fold(0, [[bad(0)]])
    with pytest.raises(WorkerError, match="start again"):
        await one.fold(0, [[bad(0), bad(1)]])
    assert house.offsets() == [0]


async def test_too_slow_for_the_broker(house):
    """What the broker aborted because it took too long is written again, once."""
    owner = house.owner()
    await owner.open([0])
    house.broker.too_slow = 2
    await owner.fold(0, [[bad(0), bad(1)]], 5)
    assert house.offsets() == [0, 1]
    assert house.broker.offsets == {0: 5}
    await owner.fold(0, [], 9)
    assert house.broker.offsets == {0: 5}


async def test_taken_away_while_kafka_is_away(house, monkeypatch):
    """A revocation does not wait for ever for a transaction that does not get through, nor ends the worker."""
    monkeypatch.setattr("streams.letters.reference._PATIENCE_SECONDS", 0.2)
    owner = house.owner()
    await owner.open([0])
    house.broker.failures = 1 << 30
    folding = asyncio.create_task(owner.fold(0, [[bad(0)]]))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(owner.close([0]), 5)
    await asyncio.wait_for(folding, 10)
    house.broker.failures = 0
    after = house.owner()
    assert await after.open([0]) == {0: 0}
    await after.fold(0, [[bad(0)]])
    assert house.offsets() == [0]


async def test_taken_away_in_the_middle_of_opening(house):
    """What was half open is closed, and the next assignment opens it again."""
    owner = house.owner()
    house.broker.away = 1 << 30
    opening = asyncio.create_task(owner.open([0]))
    await asyncio.sleep(0.05)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    house.broker.away = 0
    assert await owner.open([0]) == {0: 0}


async def test_a_group_that_lost_its_offsets_writes_none_again(house):
    """Kafka forgets a group's offsets a week after its last member left."""
    one = house.owner()
    await one.open([0])
    await one.fold(0, [[bad(0), bad(1)]])
    await one.close([0])
    house.broker.offsets.clear()
    two = house.owner()
    assert await two.open([0]) == {0: 0}
    await two.fold(0, [[bad(0), bad(1), bad(2)]])
    assert house.offsets() == [0, 1, 2]
    assert house.counted() == 1


async def test_large_letters_of_one_fetch_are_written_a_part_at_a_time(house):
    """Each once and with the offset: what is held in memory does not grow with what is fetched."""
    owner, sizes, given = house.owner(), [], []
    await owner.open([0])
    written = owner._write

    async def noted(number, held, commit):
        sizes.append(sum(len(one.value) for one in commit.letters))
        return await written(number, held, commit)

    def parts():
        for first in range(0, 40, 2):
            given.append(first - len(house.offsets()))
            yield [SimpleNamespace(**vars(bad(first + n)) | {"value": b"x" * 1_000_000}) for n in range(2)]

    owner._write = noted
    await owner.fold(0, parts(), 41)
    assert house.offsets() == [*range(40)]
    assert house.broker.offsets == {0: 41}
    assert house.sensors.registry.get_sample_value(COUNTED, {"reason": "too_large"}) == 40
    assert max(sizes) <= COPIES_BYTES + (2 << 20)
    assert max(given) <= 8
