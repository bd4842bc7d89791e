"""Batches that nobody has decoded yet hold the records that aiokafka itself would give, whatever a log is made of."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.consumer.subscription_state import Assignment
from hypothesis import given
from hypothesis import strategies as st

from producers import kafka_fetched, kafka_unpacking
from streams.runtime.batches import Fetch
from streams.state.records import AS_BATCHES, AS_DECODED
from tests.support.raw_batches import CODECS, TRANSACTIONAL, batch, marker, record

TP = TopicPartition("t", 0)
COMMITTED = 1


@dataclass
class WrittenLog:
    """A partition as a broker has it: its batches, records that count, transactions that were aborted."""

    batches: list[tuple[int, int, bytes]] = field(default_factory=list)
    """First and last offset, and the bytes."""
    records: list[tuple[Any, ...]] = field(default_factory=list)
    aborted: list[tuple[int, int, int]] = field(default_factory=list)
    """Producer, first offset, and the offset of the marker that ended it."""
    end: int = 0

    def fetched(self, start: int, size: int, broken: int | None = None) -> bytes:
        """What a fetch from `start` gives: from the batch on that holds it, the last one cut at `size` bytes.

        broken: a bit of it, counted over all that a checksum or the length tells of, comes as the other.
        """
        wanted = [raw for _, last, raw in self.batches if last >= start]
        content = bytearray(b"".join(wanted)[: max(size, len(wanted[0]) if wanted else 0)])
        if broken is not None and content:
            starts = [sum(map(len, wanted[:n])) for n in range(len(wanted))]
            told = [at for at in range(len(content)) if not any(first <= at < first + 8 for first in starts)]
            content[told[broken % len(told)]] ^= 1 << broken % 8
        return bytes(content)

    def aborted_from(self, start: int) -> list[tuple[int, int]]:
        """What a broker says of aborted transactions with it: of those only that are not over before."""
        return [(producer, began) for producer, began, over in self.aborted if over >= start]


KEYS = st.sampled_from([None, b"", b"k", b"\xff\xfe"])
VALUES = st.one_of(st.none(), st.binary(max_size=40))
HEADERS = st.lists(st.tuples(st.sampled_from([b"", b"n", b"\xff", "é".encode()]), VALUES), max_size=3)


@st.composite
def written(draw: st.DrawFn) -> WrittenLog:
    """Batches of every codec, some compacted, some empty; transactions that are committed, aborted, or under way."""
    log = WrittenLog(end=draw(st.sampled_from([0, 5, 1 << 40])))
    open_: dict[int, tuple[int, list[tuple[Any, ...]]]] = {}
    for _ in range(draw(st.integers(1, 8))):
        producer = draw(st.sampled_from([-1, -1, 7, 8, 9]))
        if producer in open_ and draw(st.booleans()):
            began, held = open_.pop(producer)
            is_commit = draw(st.booleans())
            if is_commit:
                log.records += held
            else:
                log.aborted.append((producer, began, log.end))
            log.batches.append((log.end, log.end, marker(log.end, producer, is_commit=is_commit)))
            log.end += 1 + draw(st.sampled_from([0, 0, 3]))
            continue
        last = draw(st.integers(0, 12))
        kept = sorted(draw(st.sets(st.integers(0, last))) if draw(st.booleans()) else range(last + 1))
        rows = [(delta, draw(KEYS), draw(VALUES), draw(HEADERS)) for delta in kept]
        raw = batch(
            log.end, [record(*row) for row in rows], last, draw(st.sampled_from(list(CODECS))),
            TRANSACTIONAL if producer >= 0 else 0, producer,
        )  # fmt: skip
        found = [
            (log.end + delta, key, value, [(name.decode(errors="replace"), item) for name, item in headers])
            for delta, key, value, headers in rows
        ]
        if producer >= 0:
            open_.setdefault(producer, (log.end, []))[1].extend(found)
        else:
            log.records += found
        log.batches.append((log.end, log.end + last, raw))
        log.end += last + 1 + draw(st.sampled_from([0, 0, 0, 4]))
    # What is under way hides what lies behind it: no fetch of committed records reaches so far.
    stable = min((began for began, _ in open_.values()), default=log.end)
    log.batches = [one for one in log.batches if one[0] < stable]
    log.end = min(stable, log.end)
    log.records = sorted(one for one in log.records if one[0] < stable)
    return log


async def read(
    log: WrittenLog, start: int, how: Any, most: int | None, size: int, broken: Sequence[int] = ()
) -> AsyncIterator[tuple[list[Any], int]]:
    """What comes of each call from the offset `start` on, and the position after it, until the log is at its end.

    broken: bits that come broken, one in a fetch, until there are no more.
    """
    kafka_fetched.accept_all()
    flips = list(broken)
    assignment = Assignment({TP})
    assignment.state_value(TP).reset_to(start)
    while (position := assignment.state_value(TP).position) < log.end:
        found = kafka_fetched._Batches(log.fetched(position, size, flips.pop() if flips else None))
        if not found.has_next():
            return
        aborted = log.aborted_from(position)
        records = kafka_fetched._partition_records(TP, found, aborted, position, None, how, True, COMMITTED)
        fetch = FetchResult(TP, assignment=assignment, partition_records=records, backoff=0)
        while fetch.has_more():
            given_ = fetch.getall(most)
            yield given_, assignment.state_value(TP).position


def told(one: Any) -> tuple[Any, ...]:
    """What is read of a record."""
    return one.offset, one.key, one.value, list(one.headers)


async def whole(
    log: WrittenLog, start: int, how: Any, most: int | None, size: int, part: int, broken: Sequence[int] = ()
) -> tuple[list[Any], int]:
    """All records from `start` on, and the position behind them; each position is behind what was given till then."""
    found: list[Any] = []
    position = start
    async for given_, position in read(log, start, how, most, size, broken):
        parts: list[Any] = [given_]
        if how is AS_BATCHES:
            parts = list(Fetch(0, given_, position).parts(part))
            assert all(0 < len(one) <= part for one in parts)
        found += [told(one) for records in parts for one in records]
        assert [one for one in log.records if start <= one[0] < position] == found
    return found, position


@given(written(), st.data())
def test_records_of_undecoded_batches_are_those_that_aiokafka_gives(log: WrittenLog, data: st.DataObject) -> None:
    """The same, in order, from any offset on, however much is fetched, taken up and decoded at once."""
    start = data.draw(st.integers(log.batches[0][0], log.end) if log.batches else st.just(log.end))
    most, size = data.draw(st.sampled_from([None, 1, 2, 5])), data.draw(st.sampled_from([1, 90, 200, 1 << 20]))
    part = data.draw(st.integers(1, 9))
    ways = [asyncio.run(whole(log, start, how, most, size, part)) for how in (None, AS_DECODED, AS_BATCHES)]
    assert ways[0][0] == [one for one in log.records if one[0] >= start]
    assert ways == ways[:1] * 3


@given(written(), st.sampled_from([0, 1, 60, 200]), st.sampled_from([1, 7, 1000]))
def test_records_are_the_same_where_a_batch_is_too_large_to_be_unpacked_at_once(
    log: WrittenLog, at_once: int, piece: int
) -> None:
    """Whichever of them are: compressed ones of more than `at_once` bytes come from pieces."""
    start = log.batches[0][0] if log.batches else log.end
    with patch.object(kafka_fetched, "AT_ONCE", at_once), patch.object(kafka_unpacking, "PIECE", piece):
        for how in (None, AS_DECODED, AS_BATCHES):
            found, _ = asyncio.run(whole(log, start, how, None, 1 << 20, 4))
            assert found == log.records


@given(written(), st.lists(st.integers(0, 1 << 20), min_size=1, max_size=3), st.sampled_from([None, 2]), st.booleans())
def test_what_came_broken_is_fetched_again(
    log: WrittenLog, broken: list[int], most: int | None, is_whole: bool
) -> None:
    """Whichever bit it is, nothing of it is used: each record comes once, and as it is."""
    start, size = log.batches[0][0] if log.batches else log.end, 1 << 20 if is_whole else 150
    for how in (None, AS_DECODED, AS_BATCHES):
        found, _ = asyncio.run(whole(log, start, how, most, size, 4, broken))
        assert found == log.records
