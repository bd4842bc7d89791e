"""Blocks of Prometheus's database: which one a moment lies in, how promtool makes it, how it takes another's place.

A new block names those it replaces as its parents, as one does that Prometheus has compacted: at its next look, within
a minute, Prometheus takes up the one and lets go of the others in one step. So no day is there twice, or not at all.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from deploy.errors import PastError

HOURS = 1458
"""Length of a block, 2 h times a power of 3 as promtool has it. Fewer blocks than that would be remade more often, more
would repeat the labels of all series more often."""
_MILLISECONDS = HOURS * 3_600_000
_META = "meta.json"
_UNREADABLE = (ValueError, TypeError, KeyError)


class TsdbBlock(NamedTuple):
    """A block as it lies there. Times are in Unix milliseconds, the last one exclusive."""

    folder: Path
    first: int
    last: int

    @property
    def place(self) -> int:
        """Number of the block."""
        return number(self.first // 1000)

    @property
    def about(self) -> dict[str, Any]:
        """How another block names it as its parent."""
        return {"ulid": self.folder.name, "minTime": self.first, "maxTime": self.last}


def number(second: int) -> int:
    """Number of the block that a moment (Unix seconds) lies in."""
    return second * 1000 // _MILLISECONDS


def promtool() -> str:
    """Path of the program. Raises PastError."""
    if found := shutil.which("promtool"):
        return found
    raise PastError("promtool is not installed; it comes with Prometheus (Debian's package: prometheus)")


def held(data: Path) -> Iterator[TsdbBlock]:
    """All blocks of a database that say what they are."""
    for folder in _folders(data):
        # Where nothing is found, Prometheus has just let go of it.
        with suppress(FileNotFoundError, *_UNREADABLE):
            yield _block(folder)


def lost(data: Path) -> Iterator[Path]:
    """Folders of blocks that no longer say what they are, as a machine that failed while writing leaves them."""
    for folder in _folders(data):
        try:
            _block(folder)
        except FileNotFoundError:
            continue
        except _UNREADABLE:
            yield folder


def remove(folder: Path, workshop: Path) -> None:
    """Take a block away in one step, unless Prometheus does. workshop: a folder in the same file system."""
    gone = workshop / folder.name
    with suppress(FileNotFoundError):
        folder.rename(gone)
        shutil.rmtree(gone)


def replace(data: Path, place: int, text: Path, workshop: Path) -> None:
    """Let a block be what a text says, instead of whatever is there of its time.

    workshop: an empty folder in the same file system. Raises PastError.
    """
    data.mkdir(parents=True, exist_ok=True)
    made = list(_made(text, workshop))
    old = [block for block in held(data) if block.place == place]
    for block in made:
        file = block.folder / _META
        said = json.loads(file.read_bytes())
        said["compaction"]["parents"] = [one.about for one in old]
        with file.open("w") as out:
            json.dump(said, out)
            out.flush()
            os.fsync(out.fileno())
        block.folder.rename(data / block.folder.name)


def _folders(data: Path) -> list[Path]:
    return sorted(meta.parent for meta in data.glob(f"*/{_META}"))


def _block(folder: Path) -> TsdbBlock:
    said = json.loads((folder / _META).read_bytes())
    return TsdbBlock(folder, int(said["minTime"]), int(said["maxTime"]))


def _made(text: Path, workshop: Path) -> Iterator[TsdbBlock]:
    argv = [promtool(), "tsdb", "create-blocks-from", "--quiet", f"--max-block-duration={HOURS}h", "openmetrics"]
    ran = subprocess.run([*argv, str(text), str(workshop)], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise PastError(f"promtool could not make a block: {_why(ran)}")
    blocks = list(held(workshop))
    if len(blocks) != 1:
        raise PastError(f"promtool made {len(blocks)} blocks of one: is it older than 2.24?")
    yield from blocks


def _why(ran: subprocess.CompletedProcess[str]) -> str:
    """What a program that failed has said, or what ended it: who is killed says nothing."""
    said = (ran.stderr or ran.stdout).strip()
    if ran.returncode >= 0:
        return said or f"it ended with {ran.returncode}"
    number = -ran.returncode
    killed = f"killed by signal {number}" + (": out of memory?" if number == signal.SIGKILL else "")
    return f"{said}; {killed}" if said else killed
