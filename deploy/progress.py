"""How long commands tell how far they are: a bar for people on standard error, log lines for everybody else."""

import sys
from time import monotonic
from types import TracebackType
from typing import Self

import structlog
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_LOG_EVERY = 10.0


class CommandProgress:
    """Counts events and shows their rate. `total` is in any unit that `advance` is told `done` in."""

    def __init__(self, verb: str, total: float | None) -> None:
        self._verb = verb
        self._total = total
        self._began = monotonic()
        self._told = self._began
        self.count = 0
        self._log = structlog.get_logger("deploy.progress")
        self._terminal = sys.stderr.isatty()
        self._bar = Bar(
            TextColumn("{task.fields[where]}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[count]:,} events, {task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not self._terminal,
            transient=True,
        )
        self._task = self._bar.add_task(verb, total=total, where="", count=0, rate=0.0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if kind is None:
            self._tell()

    @property
    def rate(self) -> float:
        """Events a second since the beginning."""
        return self.count / max(0.001, monotonic() - self._began)

    def advance(self, count: int, done: float, where: str = "") -> None:
        """Count `count` more events; `done` of the total is behind."""
        self.count += count
        now = monotonic()
        if self._terminal:
            total = self._total if self._total and done <= self._total else None
            self._bar.update(self._task, completed=done, total=total, where=where, count=self.count, rate=self.rate)
        elif now - self._told > _LOG_EVERY:
            self._tell(where)
            self._told = now

    def _tell(self, where: str = "") -> None:
        self._log.info(f"events {self._verb}", events=self.count, per_second=round(self.rate), at=where or None)
