"""Remembers what was sent to whom, so that a restart sends no second digest of a period.

Before each try it notes that it tries: a process that is killed there leaves a digest of which nobody knows whether it
arrived, and that is not sent again by itself.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metrics.errors import SendError

TRYING, DONE = "trying", "sent"
_FILE, _LOCK = "sent.json", "digest.lock"
_KEPT = 2000


class Sent:
    """The memory in a folder. Only one process at a time holds it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._known: dict[str, str] = {}
        try:
            found = json.loads(self._path.read_bytes())
            self._known = {str(key): str(value) for key, value in found.items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, AttributeError) as error:
            raise SendError(
                f"{self._path} cannot be read ({type(error).__name__}), so nobody knows what was sent: remove it"
            ) from error

    def state(self, key: str, to: str) -> str:
        """TRYING, DONE or ""."""
        return self._known.get(f"{key} {to}", "")

    def note(self, key: str, to: str, state: str) -> None:
        """Remember it, on disk before this returns. state "": as if it had never been tried. Raises SendError."""
        name = f"{key} {to}"
        self._known.pop(name, None)
        if state:
            self._known[name] = state
        for old in list(self._known)[:-_KEPT]:
            del self._known[old]
        beside = self._path.with_suffix(".new")
        with writing(self._path.parent):
            with beside.open("w") as file:
                json.dump(self._known, file, ensure_ascii=False, indent=0)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raises SendError where the disk or the folder does not take what is written into it."""
    try:
        yield
    except OSError as error:
        told = error.strerror or type(error).__name__
        raise SendError(f"{error.filename or folder} cannot be written: {told}; see SALES_DIGEST_DIR") from error


@contextmanager
def held(folder: Path) -> Iterator[Sent]:
    """The memory, while no other process holds it. Raises SendError."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("a+")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SendError(f"another digest holds {folder}; wait for it, or set SALES_DIGEST_DIR") from None
        yield Sent(folder)
