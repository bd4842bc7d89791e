"""Whose file SALES_LEDGER_URL names: an index of ours, nobody's yet, or somebody else's, which is never touched."""

import fcntl
import os
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from streams.ledger.schema import APPLICATION_ID, MARK, LedgerError, known

_SQLITE = b"SQLite format 3\0"
_BEGINNING = 64 << 10
"""Bytes in which an index says twice that it is one, on two of its pages: one of them may be damaged."""
_ENDINGS = ("", "-wal", "-shm")
LOST_WAL = "its -wal is another one or gone, and with it what was written last"


class IndexFile:
    """The file of one index, held against a second ledger for as long as this lives. Raises LedgerError."""

    def __init__(self, path: Path, topic: str) -> None:
        self.path = path
        self._topic = topic
        self._opened: dict[str, tuple[int, int]] = {}
        self.check()
        self._lock = _locked(path)

    def close(self) -> None:
        """Let the next one have it."""
        self._lock.close()

    def check(self) -> None:
        """Raise LedgerError where somebody else's file lies, or one that cannot be opened; nothing is changed."""
        path = self.path
        try:
            found = path.stat()
        except FileNotFoundError:
            return
        except OSError as error:
            _refuse(path, f"cannot be reached ({error.strerror})", error)
        if not stat.S_ISREG(found.st_mode):
            _refuse(path, "is not a file")
        try:
            with path.open("r+b") as file:
                beginning = file.read(_BEGINNING)
        except OSError as error:
            _refuse(path, f"cannot be opened ({error.strerror})", error)
        if not _is_ours(beginning) and self._opened.get("") != (found.st_dev, found.st_ino):
            _refuse(path, "is not an index of the ledger")
        if (topic := _topic_of(path)) not in ("", self._topic):
            _refuse(path, f"is the index of another topic, {topic}")

    def opened(self) -> None:
        """Remember which file it is that is read and written from now on."""
        self._opened = self._now()

    def lost(self) -> str:
        """Why what was opened is no longer what has this name; "" while it is."""
        now = self._now()
        if now == self._opened:
            return ""
        return "its file is another one or gone" if now.get("") != self._opened.get("") else LOST_WAL

    def _now(self) -> dict[str, tuple[int, int]]:
        found = {}
        for ending in ("", "-wal"):
            with suppress(OSError):
                one = os.stat(f"{self.path}{ending}")  # noqa: PTH116 - twenty times a second
                found[ending] = one.st_dev, one.st_ino
        return found

    def leftover(self) -> str:
        """Why what belongs to a file that is gone cannot stay: it would be taken for a new one's."""
        has = [ending for ending in _ENDINGS if _beside(self.path, "", ending).exists()]
        return f"only its {has[0]} is left" if has and "" not in has else ""

    def set_aside(self) -> Path:
        """Move an index of ours away, with what belongs to it, beside all that were set aside before."""
        number = 1
        while any(_beside(self.path, f".aside-{number}", ending).exists() for ending in _ENDINGS):
            number += 1
        for ending in _ENDINGS:
            source = _beside(self.path, "", ending)
            if source.exists():
                source.replace(_beside(self.path, f".aside-{number}", ending))
        return _beside(self.path, f".aside-{number}", "")


def _beside(path: Path, name: str, ending: str) -> Path:
    return path.with_name(f"{path.name}{name}{ending}")


def _refuse(path: Path, why: str, error: OSError | None = None) -> NoReturn:
    raise LedgerError(
        f"SALES_LEDGER_URL: {path} {why}; nothing was changed: name a file that is not there yet, or an index of ours"
    ) from error


def _is_ours(beginning: bytes) -> bool:
    if beginning[: len(_SQLITE)] == _SQLITE and int.from_bytes(beginning[68:72]) == APPLICATION_ID:
        return True
    return MARK in beginning


def _topic_of(path: Path) -> str:
    """The topic that an index is of; "" where that cannot be read. What is said of an index never changes in it."""
    try:
        return str(known(path).get("topic", ""))
    except sqlite3.Error:
        return ""


def _locked(path: Path) -> Any:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not "w": a file of that name that is not ours stays as it is.
        held = path.with_name(f"{path.name}.lock").open("a")
    except OSError as error:
        _refuse(path, f"cannot be kept there ({error.strerror})", error)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise LedgerError(f"another ledger keeps {path}; set SALES_LEDGER_URL to a file of its own") from error
    return held
