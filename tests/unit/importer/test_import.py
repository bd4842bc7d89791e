"""Every good line is sent once, in order; every bad one is kept byte for byte; a stopped import goes on."""

import gzip
import json
from itertools import count

import msgspec
import pytest

from producers.errors import KafkaUnavailable
from producers.importer.errors import ImportProblem
from producers.importer.formats import JsonLines
from producers.importer.known import Known
from producers.importer.run import Import, dry_run
from producers.importer.source import SourceFile
from producers.importer.state import StateFile

NOW_MS = 1_795_435_200_000  # 2026-11-23 12:00 UTC


class InMemoryPublisher:
    """Keeps what it is sent; from the `fails_at`-th call on it refuses."""

    def __init__(self, fails_at=None):
        self.events = []
        self.reference = []
        self._fails_at = fails_at
        self._calls = count(1)

    async def publish_many_raw(self, records, *, reference=False):
        if self._fails_at is not None and next(self._calls) >= self._fails_at:
            raise KafkaUnavailable("away")
        taken = list(records)
        (self.reference if reference else self.events).extend(taken)
        return len(taken)


def meeting(number: int, **changes) -> bytes:
    event = {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "crm://x",
        "type": "sales.meeting.held.v1",
        "time": "2026-11-20T10:00:00Z",
        "data": {"meeting_id": f"e-{number}", "client_id": f"c-{number % 3}", "manager_id": "m-1"},
    }
    return json.dumps(event | changes).encode()


RATE = json.dumps(
    {
        "specversion": "1.0",
        "id": "r",
        "source": "crm://x",
        "type": "sales.rate.set.v1",
        "time": "2026-11-20T10:00:00Z",
        "data": {"currency": "USD", "date": "2026-11-20", "rate": "92.5"},
    }
).encode()
BAD = (
    (b'{"specversion": "1.0", ', "not_json"),
    (b"\xff\xfe", "not_json"),
    (b"[]", "not_cloudevents"),
    (meeting(1, type="sales.party.held.v1"), "unknown_type"),
    (meeting(1, data={"meeting_id": "e", "manager_id": "m"}), "invalid_data"),
    (meeting(1, time="2026-11-24T10:00:00Z"), "time_out_of_range"),
    (meeting(1, partitionkey="other"), "wrong_key"),
    (meeting(1, data={"meeting_id": "e", "client_id": "c", "manager_id": "m", "x": "x" * 300_000}), "too_large"),
)


@pytest.fixture
def job(tmp_path):
    """Make an import of a file, with batches of three lines."""
    known = Known(None, gathered=1)

    def make(path, publisher, wanted=lambda: True):
        source = SourceFile(str(path))
        states = StateFile(tmp_path / "state", source.identity)
        return Import(
            source,
            JsonLines(),
            publisher,
            tmp_path / "out.rejects",
            states,
            known,
            now_ms=lambda: NOW_MS,
            wanted=wanted,
            advance=lambda *_: None,
            batch=3,
        )

    return make


async def test_all_of_it_in_order(tmp_path, job):
    """Lines go out as they are, keyed by client; reference data goes where it belongs; blank lines are nothing."""
    lines = [meeting(n) for n in range(10)]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines[:5]) + b"\n\n  \n" + RATE + b"\n" + b"\n".join(lines[5:]))
    publisher = InMemoryPublisher()
    work = job(path, publisher)
    assert await work.run()
    assert publisher.events == [(f"c-{n % 3}".encode(), line) for n, line in enumerate(lines)]
    assert publisher.reference == [(b"rate:USD:2026-11-20", RATE)]
    assert work.state.counts.sent == 11
    assert not (tmp_path / "out.rejects").exists()


async def test_gzip_is_the_same(tmp_path, job):
    """A packed file is read as if it were not."""
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(meeting(n) + b"\n" for n in range(7))))
    publisher = InMemoryPublisher()
    assert await job(path, publisher).run()
    assert len(publisher.events) == 7


async def test_bad_lines_are_kept(tmp_path, job):
    """Each bad line is in the rejects byte for byte, with its line, reason and detail; good ones go on."""
    path = tmp_path / "a.jsonl"
    lines = [line for number, (bad, _) in enumerate(BAD) for line in (meeting(number), bad)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    publisher = InMemoryPublisher()
    work = job(path, publisher)
    assert await work.run()
    assert len(publisher.events) == len(BAD)
    assert (tmp_path / "out.rejects").read_bytes() == b"".join(bad + b"\n" for bad, _ in BAD)
    reasons = [msgspec.json.decode(line) for line in (tmp_path / "out.rejects.reasons").read_bytes().splitlines()]
    assert [(r["line"], r["reason"]) for r in reasons] == [(2 * n + 2, why) for n, (_, why) in enumerate(BAD)]
    assert "client_id" in reasons[4]["detail"]
    assert work.state.refused == len(BAD)


def test_dry_run_counts_by_reason(tmp_path):
    """A dry run says what would be refused and why, and sends nothing."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join([meeting(1), *(bad for bad, _ in BAD)]))
    report = dry_run(SourceFile(str(path)), JsonLines(), NOW_MS, lambda _: None)
    assert report.types == {"sales.meeting.held.v1": 1}
    assert report.reasons["not_json"] == 2
    assert report.reasons.total() == len(BAD)
    assert report.examples["not_json"][0][0] == 2


@pytest.mark.parametrize("stop_after", [1, 2, 3])
@pytest.mark.parametrize("packed", [False, True])
async def test_stopped_and_resumed(tmp_path, job, stop_after, packed):
    """Stopped after any batch and started again, everything is sent once and refused once."""
    lines = [meeting(n) if n % 4 else b"no json " + str(n).encode() for n in range(13)]
    content = b"\n".join(lines) + b"\n"
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(content) if packed else content)
    publisher = InMemoryPublisher()
    batches = count(1)
    assert not await job(path, publisher, lambda: next(batches) < stop_after).run()
    assert len(publisher.events) < 9
    work = job(path, publisher)
    assert await work.run()
    assert [value for _, value in publisher.events] == [line for line in lines if line.startswith(b"{")]
    assert (tmp_path / "out.rejects").read_bytes() == b"".join(x + b"\n" for x in lines if x.startswith(b"no"))
    numbers = [json.loads(x)["line"] for x in (tmp_path / "out.rejects.reasons").read_bytes().splitlines()]
    assert numbers == [1, 5, 9, 13]
    assert (work.state.counts.sent, work.state.refused) == (9, 4)


async def test_killed_before_the_acknowledgement(tmp_path, job):
    """What Kafka did not acknowledge is sent again; what was refused meanwhile is not kept twice."""
    lines = [meeting(n) if n != 4 else b"bad" for n in range(9)]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(lines))
    publisher = InMemoryPublisher(fails_at=2)
    with pytest.raises(KafkaUnavailable):
        await job(path, publisher).run()
    again = InMemoryPublisher()
    assert await job(path, again).run()
    assert len(publisher.events) == 3
    assert [value for _, value in again.events] == [*lines[3:4], *lines[5:]]
    assert (tmp_path / "out.rejects").read_bytes() == b"bad\n"


async def test_changed_file_starts_over(tmp_path, job):
    """A file that is not the same any more is read from its beginning; what the log has already is not sent again."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(meeting(n) + b"\n" for n in range(7)))
    batches = count(1)
    await job(path, InMemoryPublisher(), lambda: next(batches) < 1).run()
    path.write_bytes(b"".join(meeting(n) + b"\n" for n in range(8)))
    publisher = InMemoryPublisher()
    work = job(path, publisher)
    assert await work.run()
    assert [value for _, value in publisher.events] == [meeting(n) for n in range(3, 8)]
    assert (work.state.taken, work.state.counts.known, work.state.counts.sent) == (8, 3, 5)


def test_no_such_file():
    """A wrong name is one clear line."""
    with pytest.raises(ImportProblem, match="no such file"):
        SourceFile("/nowhere/x.jsonl")


def test_truncated_gzip(tmp_path):
    """A broken archive says after which line."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"".join(meeting(n) + b"\n" for n in range(5000)))[:-5000])
    with pytest.raises(ImportProblem, match="cannot be read after line"):
        dry_run(SourceFile(str(path)), JsonLines(), NOW_MS, lambda _: None)
