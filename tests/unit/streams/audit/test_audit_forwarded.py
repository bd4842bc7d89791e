"""The audit of forwarded records: a lost one, a doubled one, a forged copy, and copies that come later."""

from typing import Any

import pytest

from producers.events.intake import Refused
from streams.audit.forwarded import Forwarded
from streams.state.partition import Partition
from tests.laws.logs import InMemoryLog
from tests.support.folding import FAR_MS, LogRecord, rules
from tests.unit.fold.test_forwarding import AWAY, COUNT, HERE, THERE, copied, meeting, record

TOPIC = "sales.events"


class Logs:
    """The topic, and an audit of it up to some fences."""

    def __init__(self) -> None:
        self.log = InMemoryLog([], COUNT)
        self.records: dict[int, list[Any]] = self.log.topics[TOPIC]

    def put(self, number: int, key: bytes | None, value: bytes | None, headers: Any = ()) -> None:
        log = self.records[number]
        log.append(LogRecord(len(log), key, value, FAR_MS, tuple(headers)))

    def lie_wrong(self, count: int) -> None:
        """So many records that lie wrong."""
        for n in range(count):
            one = record(n, meeting(n, AWAY), None)
            self.put(HERE, one.key, one.value)

    def forward(self, *, without: int = -1) -> None:
        """What a worker appends."""
        partition = Partition(HERE, COUNT, rules())
        partition.fold(self.records[HERE])
        for n, copy in enumerate(partition.cut().copies):
            if n != without:
                self.put(copy.partition, copy.key, copy.value, copy.headers)

    async def found(
        self, fences: dict[int, int] | None = None, letters: Any = None, durable: dict[int, int] | None = None
    ) -> list[tuple[str, str, str]]:
        """What differs; `durable`: up to where partitions are committed, all of them unless it says otherwise."""
        self.forwarded = forwarded = Forwarded()
        ends = {n: len(log) if fences is None else fences.get(n, -1) + 1 for n, log in self.records.items()}
        for number, log in self.records.items():
            places = forwarded.begin(number, COUNT)
            for one in log[: ends[number]]:
                try:
                    forwarded.note(number, one.offset, places.judge(one))
                except Refused:
                    continue
            forwarded.read[number] = ends[number]
        await forwarded.arrived(
            self.log, TOPIC, {n: len(log) for n, log in self.records.items()} | (durable or {}), 0.3
        )
        return list(forwarded.differences(ends, forwarded.refused_before(letters or {})))


async def test_each_once_is_no_difference() -> None:
    """Forwarded once, and again by a replay."""
    logs = Logs()
    logs.lie_wrong(5)
    for _ in range(2):
        logs.forward()
        assert await logs.found() == []


@pytest.mark.parametrize("lost", [0, 2, 4])
async def test_a_lost_record_is_named(lost: int) -> None:
    """One without a copy counts nowhere."""
    logs = Logs()
    logs.lie_wrong(5)
    logs.forward(without=lost)
    ((where, shown, log),) = await logs.found()
    assert f"partition {HERE}, offset {lost}," in where
    assert (shown, log) == ("", f"a copy on {THERE}")


async def test_copies_may_lie_behind_the_fence() -> None:
    """The view shows the record's partition further than the copy's, which may even have to be written yet."""
    logs = Logs()
    logs.lie_wrong(5)
    logs.forward()
    assert await logs.found({HERE: 4, THERE: 1}) == []
    assert await logs.found({HERE: 4}) == []


@pytest.mark.parametrize(("durable", "lost"), [(0, []), (3, [0, 1, 2]), (5, [0, 1, 2, 3, 4])])
async def test_what_is_not_committed_is_not_lost(durable: int, lost: list[int]) -> None:
    """A worker that ended between showing and committing owes what it has committed, and nothing else yet."""
    logs = Logs()
    logs.lie_wrong(5)
    assert [where for where, _, _ in await logs.found(durable={HERE: durable})] == [
        f"partition {HERE}, offset {offset}, lies wrong" for offset in lost
    ]


async def test_what_an_open_transaction_hides_is_not_lost() -> None:
    """Copies may lie behind it: the audit says so, of that partition alone."""
    logs = Logs()
    logs.lie_wrong(5)
    logs.log.held = {THERE}
    assert await logs.found() == []
    assert list(logs.forwarded.held_back()) == [(THERE, 5)]
    logs.log.held = {HERE}
    assert len(await logs.found()) == 5
    assert list(logs.forwarded.held_back()) == []


async def test_what_an_older_version_refused_is_not_lost() -> None:
    """It lies in the dead letters, from where it is replayed."""
    logs = Logs()
    logs.lie_wrong(2)
    assert await logs.found(letters={(HERE, 0): "wrong_partition", (HERE, 1): "wrong_key"}) == []
    assert len(await logs.found(letters={(HERE, 0): "wrong_partition", (HERE, 1): "not_json"})) == 1


@pytest.mark.parametrize(("offset", "differences"), [(1, 1), (2, 0), (3, 1), (1 << 62, 1)])
async def test_a_forged_copy_is_named(offset: int, differences: int) -> None:
    """One of a record that does not lie wrong, or is not there; of what is not audited yet nobody knows."""
    logs = Logs()
    for n in range(2):
        one = record(n, meeting(n, "x"), None)
        logs.put(HERE, one.key, b"{" if n else one.value)
    logs.forward()
    logs.put(HERE, b"", b"{")
    forged = record(9, meeting(9, AWAY), None, headers=copied(offset, HERE))
    logs.put(THERE, forged.key, forged.value, forged.headers)
    fences = {number: len(log) - 1 for number, log in logs.records.items()} | {HERE: 1}
    assert len(await logs.found(fences)) == differences
