"""What counts where it lies, what is forwarded, and which copies count."""

import json
from typing import Any

import pytest

from producers.events.rules import MAX_BYTES
from producers.partitioner import partition_for
from streams.state import forwarding
from streams.state.own import read_own
from streams.state.partition import PARTITION_KEY, Partition
from tests.support.binary import binary
from tests.support.folding import FAR_MS, LogRecord, client_on, everything, rules, total

COUNT = 4
HERE, THERE = 0, 2
CLIENT = client_on(HERE, COUNT, "клиент")
AWAY = client_on(THERE, COUNT)
SPELLINGS = {
    "null": None,
    "empty": b"",
    "JSON-quoted": json.dumps(CLIENT, ensure_ascii=False).encode(),
    "JSON-quoted in ASCII": json.dumps(CLIENT).encode(),
    "struct": json.dumps({"client_id": CLIENT}).encode(),
    "schema registry": b"\0\0\0\0\7" + CLIENT.encode(),
    "another id": b"call-7",
    "no text": b"\xff\xfe",
}


def meeting(number: int, client: str, time: str = "2026-11-23T09:00:00Z", **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"e-{number}", "source": "crm://x", "type": "sales.meeting.held.v1", "time": time,
        "data": {"meeting_id": f"x-{number}", "client_id": client, "manager_id": "m-1"}, **more,
    }  # fmt: skip


def record(offset: int, event: dict[str, Any], key: bytes | None, mode: str = "structured", **more: Any) -> LogRecord:
    value, headers = binary(event) if mode == "binary" else (json.dumps(event, ensure_ascii=False).encode(), ())
    return LogRecord(offset, key, value, more.get("timestamp", FAR_MS), (*headers, *more.get("headers", ())))


def copied(offset: int | str, partition: int | str = THERE, **more: Any) -> tuple[tuple[str, bytes], ...]:
    found = {"partition": partition, "offset": offset, **more}
    return tuple((f"forwarded-{name}", str(text).encode()) for name, text in found.items())


def meetings(partition: Partition) -> int:
    return total(everything(partition), "d").get(("m",), 0)


@pytest.mark.parametrize("mode", ["structured", "binary"])
@pytest.mark.parametrize("key", SPELLINGS.values(), ids=SPELLINGS)
def test_on_the_partition_of_its_client_a_record_counts_whatever_its_key(key: bytes | None, mode: str) -> None:
    """Nothing is refused, nothing forwarded."""
    partition = Partition(HERE, COUNT, rules())
    assert partition.fold([record(n, meeting(n, CLIENT), key, mode) for n in range(3)]) == []
    assert meetings(partition) == 3
    assert not partition.cut().copies


@pytest.mark.parametrize("mode", ["structured", "binary"])
@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (AWAY.encode(), "other_partitioner"),
        (None, "no_key"),
        (b"", "no_key"),
        (f'"{AWAY}"'.encode(), "key_spelling"),
        (b"deal-7", "other_key"),
        (b"\xff", "other_key"),
    ],
)
def test_a_record_that_lies_wrong_is_forwarded_as_it_is(key: bytes | None, reason: str, mode: str) -> None:
    """Value and headers byte for byte, the key put right, and where it lay; once, in order, and not counted here."""
    partition = Partition(HERE, COUNT, rules())
    mine = (("traceparent", b"00-1"), ("null", None), ("forwarded-offset", b"x"), ("traceparent", b"00-2"))
    records = [record(n, meeting(n, AWAY, time=f"2026-11-23T09:0{n}:00Z"), key, mode, headers=mine) for n in range(3)]
    assert partition.fold(records) == []
    cut = partition.cut()
    assert (meetings(partition), partition.time, partition.fence) == (0, 0, 2)
    assert [copy.value for copy in cut.copies] == [one.value for one in records]
    assert {(copy.partition, copy.key) for copy in cut.copies} == {(THERE, AWAY.encode())}
    for one, copy in zip(records, cut.copies, strict=True):
        kept = [header for header in one.headers if header[0] != "forwarded-offset"]
        assert list(copy.headers)[: len(kept)] == kept
        added = dict(list(copy.headers)[len(kept) :])
        assert added.items() >= {"forwarded-partition": b"0", "forwarded-offset": b"%d" % one.offset}.items()
    assert partition.counts.forwarded == {("crm://x", reason): 3}
    assert (partition.counts.folded, partition.counts.sources) == ({}, {})
    assert not partition.cut().copies
    target = Partition(THERE, COUNT, rules())
    assert target.fold([LogRecord(n, c.key, c.value, FAR_MS, tuple(c.headers)) for n, c in enumerate(cut.copies)]) == []
    assert meetings(target) == 3


def test_a_record_is_checked_where_it_lies() -> None:
    """By its own timestamp; what is refused there is not forwarded."""
    partition = Partition(HERE, COUNT, rules())
    late, ahead = 1_795_424_400_000, 1_795_424_400_000 - 600_001
    good = record(0, meeting(0, AWAY), None, timestamp=late)
    bad = record(1, meeting(1, AWAY), None, timestamp=ahead)
    other = record(2, meeting(2, AWAY, partitionkey="x"), None)
    assert [one.reason for one in partition.fold([good, bad, other])] == ["time_out_of_range", "wrong_key"]
    assert len(partition.cut().copies) == 1


def test_a_copy_counts_once_whoever_wrote_it_how_often() -> None:
    """Only with an offset greater than that of every copy from there before, also after a restart."""
    partition = Partition(HERE, COUNT, rules())
    offsets = [4, 9, 4, 9, 10, 3, 10]
    partition.fold([record(n, meeting(n, CLIENT), b"", headers=copied(o)) for n, o in enumerate(offsets)])
    assert meetings(partition) == 3
    assert partition.counts.duplicates == 4
    cut = partition.cut()
    again = Partition(HERE, COUNT, rules())
    again.restore_clients(cut.clients)
    again.restore_cells(cut.cells)
    more = [(10, THERE), (11, THERE), (0, 1), (0, 3), (0, 1)]
    again.fold([record(7 + n, meeting(7 + n, CLIENT), b"", headers=copied(*o)) for n, o in enumerate(more)])
    assert meetings(again) == 6
    own = dict(again.cut().clients)[PARTITION_KEY]
    assert read_own(own, rules().signature).forwarded == {THERE: 11, 1: 0, 3: 0}


def test_a_copys_clock_is_not_checked_again() -> None:
    """It was, by another broker's clock; only what no clock explains is refused."""
    partition = Partition(HERE, COUNT, rules())
    at = 1_795_424_400_000
    ages = {0: -3_600_000, 1: -86_000_000, 2: -90_000_000}
    refused = partition.fold(
        [record(n, meeting(n, CLIENT), b"", headers=copied(n), timestamp=at + age) for n, age in ages.items()]
    )
    assert [(one.record.offset, one.reason) for one in refused] == [(2, "time_out_of_range")]
    assert meetings(partition) == 2


def test_a_copy_that_lies_wrong_is_refused() -> None:
    """It is not forwarded again, or two workers could play for ever."""
    partition = Partition(HERE, COUNT, rules())
    (refused,) = partition.fold([record(0, meeting(0, AWAY), AWAY.encode(), headers=copied(5))])
    assert refused.reason == "wrong_partition"
    assert not partition.cut().copies
    assert partition.fold([record(1, meeting(1, CLIENT), b"", headers=copied(5))]) == []
    assert meetings(partition) == 1


SENSELESS = {
    "no offset": copied("x"),
    "negative": copied(-1),
    "signed": copied("+1"),
    "a space": copied(" 1"),
    "other digits": copied("١"),
    "too long": copied("9" * 20),
    "empty": copied(""),
    "from itself": copied(1, HERE),
    "from no partition": copied(1, COUNT),
    "half": copied(1)[:1],
    "null": (("forwarded-partition", None), ("forwarded-offset", b"1")),
    "later null": (*copied(1), ("forwarded-offset", None)),
    "of another value": copied(1, digest="0123456789abcdef"),
}


@pytest.mark.parametrize("headers", SENSELESS.values(), ids=SENSELESS)
def test_senseless_headers_make_no_copy(headers: tuple[tuple[str, bytes | None], ...]) -> None:
    """Such a record is one as any other: checked by its clock, counted or forwarded with headers of our own."""
    partition = Partition(HERE, COUNT, rules())
    early = 1_795_424_400_000 - 600_001
    records = [
        record(0, meeting(0, CLIENT), None, headers=headers),
        record(1, meeting(1, CLIENT), None, headers=headers),
        record(2, meeting(2, AWAY), None, headers=headers),
        record(3, meeting(3, CLIENT), None, headers=headers, timestamp=early),
    ]
    assert [one.reason for one in partition.fold(records)] == ["time_out_of_range"]
    assert meetings(partition) == 2
    (copy,) = partition.cut().copies
    names = [name for name, _ in copy.headers]
    assert len(names) == len(set(names))
    assert dict(copy.headers)["forwarded-offset"] == b"2"


def test_headers_passed_on_to_another_event_make_no_copy() -> None:
    """Frameworks give what they derive from a record all of its headers; the derived event counts all the same."""
    partition = Partition(HERE, COUNT, rules())
    partition.fold([record(0, meeting(0, AWAY), None)])
    (copy,) = partition.cut().copies
    client = client_on(THERE, COUNT, "derived")
    derived = record(1, meeting(1, client), client.encode(), headers=tuple(copy.headers))
    target = Partition(THERE, COUNT, rules())
    target.fold([LogRecord(0, copy.key, copy.value, FAR_MS, tuple(copy.headers)), derived])
    assert meetings(target) == 2


def test_with_another_number_of_partitions_each_record_is_forwarded_again() -> None:
    """Copies of the time before count nothing, wherever they lie: their originals are forwarded once more."""
    events = [meeting(n, f"cl-{n}") for n in range(40)]
    logs: dict[int, list[LogRecord]] = {number: [] for number in range(5)}

    def put(number: int, key: bytes | None, value: bytes | None, headers: Any = ()) -> None:
        logs[number].append(LogRecord(len(logs[number]), key, value, FAR_MS, tuple(headers)))

    for event in events:
        put(0, None, json.dumps(event).encode())
    for count in (3, 5):
        for _ in range(2):
            for number in range(count):
                partition = Partition(number, count, rules())
                assert partition.fold(logs[number]) == []
                for copy in partition.cut().copies:
                    put(copy.partition, copy.key, copy.value, copy.headers)
        partitions = [Partition(number, count, rules()) for number in range(count)]
        assert [partition.fold(logs[partition.number]) for partition in partitions] == [[]] * count
        assert sum(map(meetings, partitions)) == len(events)


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_a_copy_of_the_largest_record_is_not_too_large(mode: str) -> None:
    """What is added to it does not count: the longest key, and headers that say where it lay."""
    client = next(text for n in range(99) if partition_for((text := f"{n:02}" + "🙂" * 126).encode(), COUNT) == THERE)
    bare = record(0, meeting(0, client, note="", data2=""), None, mode)
    room = MAX_BYTES - len(bare.value or b"") - sum(len(name) + len(raw or b"") for name, raw in bare.headers)
    pad = ("padding", b"x" * (room - len("padding")))
    partition, target = Partition(HERE, COUNT, rules()), Partition(THERE, COUNT, rules())
    largest = LogRecord(1 << 40, None, bare.value, FAR_MS, (*bare.headers, pad))
    assert partition.fold([largest]) == []
    (copy,) = partition.cut().copies
    assert target.fold([LogRecord(0, copy.key, copy.value, FAR_MS, tuple(copy.headers))]) == []
    assert meetings(target) == 1
    too_large = LogRecord(1 << 41, None, bare.value, FAR_MS, (*bare.headers, pad, ("x", b"")))
    assert [one.reason for one in partition.fold([too_large])] == ["too_large"]


def test_memory_of_what_waits_to_be_forwarded_is_bounded() -> None:
    """Beyond some bytes a flush is due."""
    partition = Partition(HERE, COUNT, rules())
    big = meeting(0, AWAY, note="x" * 100_000)
    records = [record(n, {**big, "id": f"e-{n}"}, None) for n in range(100)]
    partition.fold(records[:40])
    assert not partition.is_full
    partition.fold(records[40:])
    assert partition.is_full
    assert len(partition.cut().copies) == 100
    assert not partition.is_full


def test_reasons_are_those_of_the_metric() -> None:
    """What a key tells of its sender."""
    assert set(forwarding.REASONS) == {"no_key", "key_spelling", "other_key", "other_partitioner"}
    assert forwarding.reason("Ф-1".encode(), "Ф-1".encode()) == "other_partitioner"
    assert forwarding.reason(json.dumps("Ф-1").encode(), "Ф-1".encode()) == "key_spelling"
    assert forwarding.reason(b"CL-1", b"cl-1") == "key_spelling"
    assert forwarding.reason(b"cl-2", b"cl-1") == "other_key"
