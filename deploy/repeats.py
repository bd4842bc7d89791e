"""One line per problem and minute: what is logged again and again is said once, then counted.

Without a server every library tries again several times a second, and says so each time: 31,000 lines in two minutes
hide the one that matters and fill the disk. Two lines are the same when they differ in numbers only (addresses,
attempts, durations), except for the fields that tell one thing from another, such as the partition. The first is
written at once. What follows is written once a minute, as the last of them with the number of `times`, and for the last
time a minute after the problem has ended, or when the process ends. So a line that comes once is never lost.
"""

import copy
import logging
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, NamedTuple

SECONDS = 60.0
_MOST_ALIKE, _MOST_GROUPS = 20, 1000
"""Lines that differ in words too: so many of one event, and of all, are told apart within a minute. A stranger may
choose the words (a source, a header): beyond this they are counted together."""
_LONGEST = 500
_PAUSE_SECONDS = 1.0
_TELLING = frozenset({"partition", "partitions", "topic", "task"})
"""Fields whose numbers tell one thing from another."""
_UNTOLD = frozenset({"timestamp", "level", "logger", "event", "exc_info", "_record", "_from_structlog"})
_NUMBER = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8,}\b|\d+")


class _Key(NamedTuple):
    logger: str
    level: int
    event: str
    words: str


@dataclass(slots=True)
class _Group:
    """Lines that are the same. `count`: of those since `began` that were not written, `last` among them."""

    began: float
    count: int = 0
    last: logging.LogRecord | None = None


class Repeats(logging.Filter):
    """The filter of a handler: lets through what is new, and writes counts by `write`, now and then from a thread."""

    def __init__(self, write: Callable[[logging.LogRecord], Any], clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._write = write
        self._clock = clock
        self._lock = threading.Lock()
        self._groups: dict[_Key, _Group] = {}
        self._alike: Counter[tuple[str, int, str]] = Counter()
        self._swept_at = clock()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write a record now."""
        if record.levelno < logging.INFO or hasattr(record, "times"):
            return True
        key, now = _key(record), self._clock()
        if now - self._swept_at >= SECONDS:
            self.sweep()
        with self._lock:
            group = self._groups.get(key) or self._groups.get(key := self._bounded(key))
            if group is None:
                self._groups[key] = _Group(now)
                self._alike[key[:3]] += 1
                return True
            group.count += 1
            group.last = _kept(record)
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name="log-repeats", daemon=True)
                self._thread.start()
        return False

    def _bounded(self, key: _Key) -> _Key:
        if self._alike[key[:3]] >= _MOST_ALIKE:
            return key._replace(words="")
        return _Key(key.logger, key.level, "", "") if len(self._groups) >= _MOST_GROUPS else key

    def sweep(self, *, everything: bool = False) -> bool:
        """Write the counts that are due; whether others will be."""
        due, now = [], self._clock()
        with self._lock:
            self._swept_at = now
            for key, group in list(self._groups.items()):
                if now - group.began < SECONDS and not everything:
                    continue
                if group.last is not None:
                    due.append((group.last, group.count, now - group.began))
                    self._groups[key] = _Group(now)
                else:
                    del self._groups[key]
                    self._alike[key[:3]] -= 1
            self._alike += Counter()  # drops zeros
            is_open = any(group.last is not None for group in self._groups.values())
        for record, count, seconds in due:
            record.times, record.within_seconds = count, round(seconds)
            self._write(record)
        return is_open or bool(due)

    def close(self) -> None:
        """Write all counts, the last words of a process or handler, and let the thread end."""
        self._ended.set()
        self.sweep(everything=True)

    def _follow(self) -> None:
        while not self._ended.wait(_PAUSE_SECONDS):
            with self._lock:
                if not self._groups:
                    self._thread = None
                    return
            self.sweep()


def _key(record: logging.LogRecord) -> _Key:
    message: Any = record.msg
    if isinstance(message, dict):  # by structlog
        event = str(message.get("event", ""))
        fields = [f"{name}={_told(name, value)}" for name, value in message.items() if name not in _UNTOLD]
        error = _error(message.get("exc_info"))
    else:
        event, error = str(message), _error(record.exc_info)
        fields = [_numberless(str(one)) for one in record.args] if isinstance(record.args, tuple) else []
    return _Key(record.name, record.levelno, _numberless(event), " ".join((*fields, error)))


def _told(name: str, value: Any) -> str:
    return str(value) if name in _TELLING else _numberless(str(value))


def _numberless(text: str) -> str:
    return _NUMBER.sub("#", text[:_LONGEST])


def _error(info: Any) -> str:
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    return _numberless(f"{type(error).__name__} {error}") if isinstance(error, BaseException) else ""


def _kept(record: logging.LogRecord) -> logging.LogRecord:
    """The record as it can be written later, from another thread."""
    kept, message = copy.copy(record), record.msg
    if isinstance(message, dict):
        kept.msg = dict(message)
        if message.get("exc_info") is True:
            kept.msg["exc_info"] = sys.exc_info()
    return kept


def add_times(_logger: Any, _method: str, event: Any) -> Any:
    """How many lines one stands for, as fields: a processor of structlog."""
    record = event.get("_record")
    if hasattr(record, "times"):
        event["times"], event["within_seconds"] = record.times, record.within_seconds
    return event
