"""A log that grows and is rotated, however, gives each of its lines once, also to one that is killed and comes back."""

import gzip
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.connectors.asterisk.tail import Tail, TailPlace

STEPS = st.lists(
    st.sampled_from(["write", "write", "half", "rename", "copy", "read", "read", "kill", "pack"]),
    min_size=1,
    max_size=30,
)


class ExchangeLog:
    """What an exchange and what turns its logs do."""

    def __init__(self, folder):
        self.path = folder / "queue_log"
        self.path.touch()
        self.file = self.path.open("ab", buffering=0)
        self.written = []
        self.half = b""
        self.age = 0

    def do(self, step):
        if step in {"rename", "copy"}:
            self.turn(step)
        elif step == "pack":
            self.pack()
        else:
            self.write(whole=step == "write")

    def write(self, whole=True):
        line = b"line %d of the log\n" % len(self.written)
        self.file.write(self.half or (line if whole else line[:7]))
        if self.half or whole:
            self.written.append(line)
        self.half = b"" if self.half or whole else line[7:]

    def turn(self, how):
        if self.half or not self.path.stat().st_size:
            return
        self.shift()
        first = self.path.with_name("queue_log.1")
        if how == "rename":
            self.path.rename(first)
            self.file.close()
            self.file = self.path.open("ab", buffering=0)
        else:
            shutil.copyfile(self.path, first)
            os.truncate(self.path, 0)
        self.aged(first)

    def shift(self):
        olds = sorted(self.path.parent.glob("queue_log.*"), key=lambda path: -int(path.name.split(".")[1]))
        for old in olds:
            _, number, *packed = old.name.split(".")
            old.rename(old.with_name(".".join(["queue_log", str(int(number) + 1), *packed])))

    def pack(self):
        for old in self.path.parent.glob("queue_log.*[0-9]"):
            packed = old.with_name(old.name + ".gz")
            packed.write_bytes(gzip.compress(old.read_bytes()))
            stat = old.stat()
            os.utime(packed, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            old.unlink()

    def aged(self, path):
        self.age += 1
        os.utime(path, ns=(self.age * 10**9, self.age * 10**9))


@settings(max_examples=100, deadline=None)
@given(steps=STEPS)
def test_each_line_once(steps):
    """Renamed, copied and cut, packed; read in between or not; killed and resumed: each line once, in order."""
    with tempfile.TemporaryDirectory() as folder:
        log = ExchangeLog(Path(folder))
        tail, place, got = Tail(log.path, TailPlace()), TailPlace(), []

        def read():
            nonlocal place
            for at, line in tail.lines():
                got.append(line)
                place = TailPlace(at.mark, at.head, at.offset + len(line))

        for step in steps:
            if step == "read":
                read()
            elif step == "kill":
                tail.close()
                tail = Tail(log.path, place)
            else:
                log.do(step)
        if log.half:
            log.write()
        log.write()
        read()
        read()
        tail.close()
        log.file.close()
        if place.head and log.written[0] in got:
            assert got == log.written
        else:  # a first start reads the log, not what was turned before it
            assert got == log.written[len(log.written) - len(got) :]
        assert got[-1] == log.written[-1]
        assert tail.lost == []


def test_what_is_gone_is_told(tmp_path):
    """The file that was read last was removed: it says so, and goes on with what there is."""
    path = tmp_path / "queue_log"
    path.write_bytes(b"one\ntwo\n")
    tail = Tail(path, TailPlace())
    (_, _), (at, line) = list(tail.lines())
    tail.close()
    path.write_bytes(b"three\n")
    tail = Tail(path, TailPlace(at.mark, at.head, at.offset + len(line)))
    assert [line for _, line in tail.lines()] == [b"three\n"]
    tail.close()
    assert "import it" in tail.lost[0]


@pytest.mark.parametrize("there", [False, True])
def test_a_log_that_comes_later(tmp_path, there):
    """No file yet, or an empty one: it waits."""
    path = tmp_path / "queue_log"
    if there:
        path.touch()
    tail = Tail(path, TailPlace())
    assert list(tail.lines()) == []
    path.write_bytes(b"one\n")
    assert [line for _, line in tail.lines()] == [b"one\n"]
    tail.close()
