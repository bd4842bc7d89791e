"""Blocks of Prometheus's database: which one a moment lies in, how promtool makes it, how it takes another's place.

A new block names those it replaces as its parents, as one does that Prometheus has compacted: at its next look, within
a minute, Prometheus takes up the one and lets go of the others in one step. So no day is there twice, or not at all.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from deploy.errors import PastError

HOURS = 1458
"""Length of a block, 2 h times a power of 3 as promtool has it. Fewer blocks than that would be remade more often, more
would repeat the labels of all series more often."""
_MILLISECONDS = HOURS * 3_600_000
_META = "meta.json"


class Block(NamedTuple):
    """A block as it lies there. Times are in Unix milliseconds, the last one exclusive."""

    folder: Path
    first: int
    last: int

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


def held(data: Path) -> Iterator[Block]:
    """All blocks of a database."""
    for meta in sorted(data.glob(f"*/{_META}")):
        try:
            said = json.loads(meta.read_bytes())
        except FileNotFoundError:
            continue  # Prometheus has just let go of it
        yield Block(meta.parent, said["minTime"], said["maxTime"])


def replace(data: Path, place: int, text: Path, workshop: Path) -> None:
    """Let a block be what a text says, instead of whatever is there of its time; an empty text clears it.

    workshop: an empty folder in the same file system. Raises PastError.
    """
    data.mkdir(parents=True, exist_ok=True)
    made = list(_made(text, workshop)) if text.stat().st_size else []
    start, end = place * _MILLISECONDS, (place + 1) * _MILLISECONDS
    old = [block for block in held(data) if start <= block.first < end]
    for block in made:
        file = block.folder / _META
        said = json.loads(file.read_bytes())
        said["compaction"]["parents"] = [one.about for one in old]
        with file.open("w") as out:
            json.dump(said, out)
            out.flush()
            os.fsync(out.fileno())
        block.folder.rename(data / block.folder.name)
    if not made:
        for block in old:
            gone = workshop / block.folder.name
            block.folder.rename(gone)
            shutil.rmtree(gone)


def _made(text: Path, workshop: Path) -> Iterator[Block]:
    argv = [promtool(), "tsdb", "create-blocks-from", "--quiet", f"--max-block-duration={HOURS}h", "openmetrics"]
    ran = subprocess.run([*argv, str(text), str(workshop)], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise PastError(f"promtool could not make a block: {(ran.stderr or ran.stdout).strip()}")
    blocks = list(held(workshop))
    if len(blocks) != 1:
        raise PastError(f"promtool made {len(blocks)} blocks of one: is it older than 2.24?")
    yield from blocks
