"""A process of one form that folds logs and tells everything that comes of them; and the other end of its pipes."""

import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

from producers.compiled import FORM, WANTED
from tests.laws.replay import fold_rules
from tests.support.folding import LogRecord

ROOT = Path(__file__).parents[2]
RAISED = "raised "
"""Begins the last line of what comes of a log that could not be folded."""
_length = struct.Struct(">Q")


@dataclass(frozen=True)
class Task:
    """A log to fold, in which batches, and what to ask for after each."""

    records: Sequence[LogRecord]
    zone: str
    steps: Sequence[int]
    partitions: int = 1


class Teller:
    """The process, as whoever asks sees it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin
        assert process.stdout
        self._in, self._out = process.stdin, process.stdout
        self.form = _read(self._out).decode()

    def told(self, task: Task) -> bytes:
        """All that comes of it, as one text."""
        _write(self._in, pickle.dumps(task))
        return _read(self._out)


def environment(folder: Path | None) -> dict[str, str]:
    """Of a process that runs what is compiled in `folder`; without one, the source."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SALES_", "PULSE_"))}
    kept |= {"PYTHONPATH": os.pathsep.join(map(str, filter(None, (folder, ROOT)))), "PYTHONHASHSEED": "0"}
    return kept if folder else kept | {WANTED: "no"}


@contextmanager
def teller(folder: Path | None) -> Iterator[Teller]:
    """A process of that form."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.compiled.telling"],
        cwd=ROOT, env=environment(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:
        yield Teller(process)
        assert process.stdin
        process.stdin.close()


def _read(pipe: IO[bytes]) -> bytes:
    return pipe.read(_length.unpack(pipe.read(_length.size))[0])


def _write(pipe: IO[bytes], said: bytes) -> None:
    pipe.write(_length.pack(len(said)) + said)
    pipe.flush()


def tell(task: Task) -> Iterator[object]:
    """Refusals, counts, views, cuts and what a new owner of the partition has, in the order in which they come."""
    from streams.state.partition import Partition

    rules = fold_rules(ZoneInfo(task.zone))
    partition = Partition(0, task.partitions, rules)
    cells: dict[bytes, bytes | None] = {}
    clients: dict[bytes, bytes | None] = {}
    done = turn = 0
    while done < len(task.records):
        step = task.steps[turn % len(task.steps)]
        turn += 1
        yield partition.fold(task.records[done : done + 1 + step % 7])
        done += 1 + step % 7
        if step // 7 % 2:
            yield partition.view()
        if step // 14 % 2 or done >= len(task.records):
            cut = partition.cut()
            cells.update(cut.cells)
            clients.update(cut.clients)
            yield cut
    yield _held(partition.counts), partition.buckets(), partition.fence, partition.time
    some = partition.everything()
    yield next(some), next(some, None)
    some.close()
    again = Partition(0, task.partitions, rules)
    again.restore_clients(clients.items())
    again.restore_cells(cells.items())
    again.check_restored()
    yield list(again.everything())
    yield again.fold(task.records), again.view(), again.cut()


def _held(counts: object) -> dict[str, object]:
    """What an object has, whether in slots, in a dict, or compiled."""
    return {
        name: value for name in dir(counts) if not name.startswith("_") and not callable(value := getattr(counts, name))
    }


def _main() -> None:
    _write(sys.stdout.buffer, FORM.name.encode())
    while head := sys.stdin.buffer.read(_length.size):
        task = pickle.loads(sys.stdin.buffer.read(_length.unpack(head)[0]))  # noqa: S301 - from the test that started us
        lines = []
        try:
            lines += [repr(one) for one in tell(task)]
        except Exception as error:  # noqa: BLE001 - it is what is compared
            lines.append(RAISED + repr(error))
        _write(sys.stdout.buffer, "\n".join(lines).encode(errors="backslashreplace"))


if __name__ == "__main__":
    _main()
