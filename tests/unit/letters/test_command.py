"""`sales-pulse dead-letters` as people meet it: lines that nothing cuts, and options that say what is wrong."""

import time
from types import SimpleNamespace

import pytest

from deploy.commands.dead_letters import _filter
from deploy.errors import MisuseError
from deploy.letter_table import Sorter, summary, table
from streams.letters.dead_letter import DeadLetter
from streams.letters.letter import make

REMEDY = "on partition 3, but murmur2 of the key modulo 8 is 5; with librdkafka set partitioner=murmur2_random"


def letter(detail=REMEDY, source="crm://a-very-long-name-of-a-source/of-a-department", closed=""):
    value = f'{{"source": "{source}"}}'.encode()
    record = SimpleNamespace(offset=12_345_678, key=b"k", value=value, timestamp=1_780_000_000_000, headers=())
    made = make(SimpleNamespace(record=record, reason="wrong_partition", detail=detail), "sales.events", 3, "a")
    lies = SimpleNamespace(offset=1, timestamp=1, key=b"k", value=value, headers=made.headers)
    found = DeadLetter.of(0, lies)
    return DeadLetter.unpacked(found.packed(), closed)


def test_one_line_in_a_pipe():
    """Everything of a letter in one line, the remedy last and whole."""
    (line,) = table([letter(closed="replayed")], None)
    assert line.startswith("2026-05-28T20:26:40Z  wrong_partition    sales.events/3/12345678  crm://a-very-long-name")
    assert line.endswith(f"  replayed  {REMEDY}")


@pytest.mark.parametrize("width", [80, 60, 200])
def test_a_terminal_is_not_overrun(width):
    """Lines fit, break between words only, and no word is lost."""
    lines = list(table([letter()], width))
    assert all(len(line) <= width for line in lines)
    assert " ".join(" ".join(lines).split()).endswith(REMEDY)
    assert "partitioner=murmur2_random" in " ".join(lines)


def test_a_sender_commands_no_terminal():
    """What senders wrote is shown without line breaks and escape sequences."""
    lines = [*table([letter(detail="a\x1b[31m\nb")], None), *summary({("not_json", "x\x1b[2J\ny"): 1})]
    assert all(line.isprintable() for line in lines)


def test_nothing_is_said_so():
    """Silence would look like a failure."""
    assert list(summary({})) == ["no open dead letters"]
    assert list(Sorter(SimpleNamespace(), each=False).lines("sent")) == ["sent 0"]


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2h ago", "", "9999999w", "999999w"])
def test_a_moment_that_is_none(text):
    """One line that says what to write."""
    with pytest.raises(MisuseError, match=r"--since .*: write how long ago \(30m, 2h, 3d\)"):
        _filter(None, None, text, None)


def test_moments(monkeypatch):
    """How long ago, a local day, a moment with its zone."""
    monkeypatch.setenv("SALES_TIMEZONE", "Europe/Moscow")
    found = _filter(None, None, "2026-11-28", "2026-11-28T09:00+05:00")
    assert found.since == 1_795_813_200_000
    assert found.until == 1_795_838_400_000
    ago = _filter(None, None, "2h", None).since
    assert ago is not None
    assert abs(ago - (time.time() - 7200) * 1000) < 5000


def test_a_reason_that_does_not_exist():
    """A typing error would find nothing, and look as if all were well."""
    with pytest.raises(MisuseError, match="--reason invalid-data is none of not_json, "):
        _filter(["invalid-data"], None, None, None)
