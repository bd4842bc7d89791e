"""A restore that was cut short knows how far it came, and sees when somebody else has written."""

import pytest

from producers.settings import KafkaSettings
from streams.backup.files import BackupError, BackupRecord, keep_file, write_records
from streams.backup.restore import put_spools
from streams.backup.resume import already, shares
from tests.laws.logs import InMemoryLog
from tests.laws.replay import Rec

EVENTS = [
    BackupRecord(b"c-1", b"one", (("h", None),)),
    BackupRecord(b"c-2", b"\xff"),
    BackupRecord(b"c-1", b"one"),
    BackupRecord(b"c-3", b"four"),
]
CLAIMS = [
    BackupRecord(b"a", b"1"),
    BackupRecord(b"b", b"2"),
    BackupRecord(b"a", b"3"),
    BackupRecord(b"a", None),
    BackupRecord(b"c", b"4"),
]


def backup(folder):
    """A partition in two files, another one that is empty, and claims of which later ones replace earlier ones."""
    files = [write_records(folder, f"events-{number}", EVENTS[2 * number :][:2]) for number in range(2)]
    return {
        "partitions": 2,
        "events": {"0": {"files": files}, "1": {"files": []}},
        "reference": write_records(folder, "reference", []),
        "identities": write_records(folder, "identities", CLAIMS),
    }


async def found(folder, topic, records):
    log = InMemoryLog([], 2)
    log.topics[topic] = {0: [Rec(n, *record[:2], headers=record.headers) for n, record in enumerate(records)], 1: []}
    settings = KafkaSettings(_env_file=None)
    return {
        (one.topic, one.partition): await already(log, folder, one) for one in shares(settings, backup(folder))
    }  # fmt: skip


@pytest.mark.parametrize("there", range(len(EVENTS) + 1))
async def test_what_is_there_is_counted_record_by_record(tmp_path, there):
    """Also where the next record is equal but for its headers, and across files."""
    counts = await found(tmp_path, "sales.events", EVENTS[:there])
    assert counts == {("sales.reference", 0): 0, ("sales.identities", 0): 0, ("sales.events", 0): there,
                      ("sales.events", 1): 0}  # fmt: skip


@pytest.mark.parametrize(
    "there", [[*EVENTS[:2], BackupRecord(b"c-9", b"new")], EVENTS[1:], EVENTS[:1] * 2, [*EVENTS, EVENTS[-1]]]
)
async def test_what_somebody_else_has_written_is_refused(tmp_path, there):
    """Other records, a gap, one twice, and one too many."""
    with pytest.raises(BackupError, match=r"sales\.events, partition 0, offset \d: .* delete the topics"):
        await found(tmp_path, "sales.events", there)


@pytest.mark.parametrize(
    ("there", "count"),
    [
        (CLAIMS[:3], 3),
        ([CLAIMS[1], CLAIMS[2]], 3),
        ([CLAIMS[1], CLAIMS[3]], 4),
        ([CLAIMS[1], CLAIMS[3], CLAIMS[4]], 5),
        ([CLAIMS[4]], 5),
    ],
)
async def test_what_kafka_has_dropped_of_a_compacted_topic_is_not_missed(tmp_path, there, count):
    """It keeps the order and the latest of each key: what it has is some of what was sent."""
    assert (await found(tmp_path, "sales.identities", there))["sales.identities", 0] == count


def test_a_connectors_memory_is_written_whole_and_once(tmp_path):
    """The same file is left alone, another one is never overwritten."""
    kept, spool = tmp_path / "kept", tmp_path / "spool"
    kept.mkdir()
    manifest = {"spools": [{**keep_file(kept, "spool-1", b"memory"), "file": "connector.sqlite3"}]}
    (written,) = put_spools(kept, manifest, spool)
    assert written.read_bytes() == b"memory"
    assert written.stat().st_mode & 0o777 == 0o600
    assert put_spools(kept, manifest, spool) == []
    written.write_bytes(b"went on")
    with pytest.raises(BackupError, match="is there already"):
        put_spools(kept, manifest, spool)
