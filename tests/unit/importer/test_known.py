"""The index of an import: one import at a time, recreated where damaged; versions raised as little as possible."""

import json

import pytest

from producers.events.wire import decode
from producers.importer.entities import item
from producers.importer.errors import ImportProblem
from producers.importer.known import Known
from producers.importer.raising import bumped, raised, stem


def test_one_import_at_a_time(tmp_path):
    """A second import in the same folder is told what to do, and the first goes on."""
    with Known(tmp_path / "k.sqlite") as known:
        with pytest.raises(ImportProblem, match=r"another import works in .*--rejects"):
            Known(tmp_path / "k.sqlite")
        assert known.has(known.begin())


def test_a_damaged_index_is_made_again(tmp_path):
    """What cannot be read is no reason to stop: it is read from the log again, and a run of before is not known."""
    with Known(tmp_path / "k.sqlite") as known:
        run = known.begin()
    (tmp_path / "k.sqlite").write_bytes(b"garbage" * 1000)
    with Known(tmp_path / "k.sqlite") as known:
        assert not known.has(run)
        assert len(known) == 0


def meeting(time, sequence="", id_="a"):
    event = {
        "specversion": "1.0", "id": id_, "source": "crm://x", "type": "sales.meeting.held.v1", "time": time,
        "data": {"meeting_id": "m", "client_id": "c", "manager_id": "m-1"},
    }  # fmt: skip
    return json.dumps(event | ({"sequence": sequence} if sequence else {})).encode()


TIMES = ("2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z", "2026-11-03T10:00:00Z")


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("held_sequence", ["", "0005", "0005!0001", "0005!9999"])
@pytest.mark.parametrize("sequence", ["", "0004", "0005"])
@pytest.mark.parametrize("held_id", ["a", "b~0009", "b~9999", "~"])
@pytest.mark.parametrize("time", TIMES)
def test_raised_by_as_little_as_possible(given, held_sequence, sequence, held_id, time):
    """It is greater than the one held, less than what the next sequence would make, and says the same."""
    value = meeting(time, sequence)
    held = item(decode(meeting(TIMES[1], held_sequence, held_id))).version
    what = item(decode(value))
    found = item(decode(raised(value, what, held, given=given)))
    assert held < found.version < ("0006", 0, "") or not held_sequence
    assert held < found.version < ("0", 0, "") or held_sequence or sequence
    assert found.digest == what.digest


def test_bumped():
    """A bumped text is greater, and its stem is what it was."""
    text = "x"
    for _ in range(3):
        assert bumped(text) > text
        text = bumped(text)
        assert stem(text) == "x"
    assert bumped("x~9999") == "x~9999~0001"
    assert stem("x~9999~0001") == "x"
