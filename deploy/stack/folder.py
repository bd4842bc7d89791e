"""The folder of a local stack: one stack at a time holds it; what lies in it outlives the stack."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.errors import AlreadyRunning

_LOCK = "up.lock"
PORTS = "ports.json"
"""Part → port of the last run: bookmarks hold from run to run, even when the data are forgotten."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder while the stack runs. Raises AlreadyRunning when another process does.

    The kernel drops the lock with its holder, so a crash leaves nothing to clean up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            process, _, wall = lock.read().strip().partition(" ")
            raise AlreadyRunning(
                f"the local stack of this folder runs already (process {process or 'unknown'}"
                f"{', wall at ' + wall if wall else ''}); stop that one first"
            ) from None
        note(folder, "")
        try:
            yield
        finally:
            (folder / "stack.env").unlink(missing_ok=True)


def note(folder: Path, wall: str) -> None:
    """Leave word for a second start: who runs here, and where the wall is."""
    (folder / _LOCK).write_text(f"{os.getpid()} {wall}")


def remembered(folder: Path) -> dict[str, int]:
    """Ports of the last run; none where it left nothing that can be read."""
    try:
        found = json.loads((folder / PORTS).read_bytes())
        return {str(name): int(port) for name, port in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def remember(folder: Path, ports: Mapping[str, int]) -> None:
    """Keep the ports of this run, and of parts that do not take part in it."""
    (folder / PORTS).write_text(json.dumps({**remembered(folder), **ports}))


def clear(folder: Path) -> None:
    """Forget all data of earlier runs. Only for the holder."""
    for entry in folder.iterdir():
        if entry.name in (_LOCK, PORTS):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
