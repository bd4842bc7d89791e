"""One child process with its log file: the part that Kafka, Redis and our own programs have in common.

A child gets its own process group, so Ctrl-C reaches only us and we decide the order of leaving; and on Linux
the kernel kills it when we die without a chance to stop it, so that no orphan keeps a port.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from deploy.errors import StartError

_PR_SET_PDEATHSIG = 1
_LOG_LIMIT = 20 << 20
_LOOK_SECONDS = 0.05
"""A log that is longer (bytes) when a program starts is set aside."""
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the parent's starting thread ends (runs in the child)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """A program that can be started, stopped, killed and frozen; its output is appended to one log file.

    Start it from the main thread where you can: the kernel ties the child's life to the starting thread, so
    a child started elsewhere is only ended by `stop`.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self.env = dict(env) if env is not None else None
        self.cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """Process id of the running or last run. Raises StartError when it never ran."""
        if self._process is None:
            raise StartError(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process exists (a frozen one does)."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """Exit status of the last run; negative for a signal; None while it runs or before."""
        return None if self._process is None else self._process.poll()

    def prepare(self) -> None:
        """Make ready what the program needs in order to start; called before each start. Raises StartError."""

    def start_process(self) -> None:
        """Start the process without waiting for readiness; harmless when it runs. Raises StartError."""
        if self.running:
            return
        self.prepare()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        mortal = _die_with_parent if threading.current_thread() is threading.main_thread() else None
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as out:
            self._log_start = out.tell()
            try:
                self._process = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=self.env,
                    cwd=self.cwd,
                    start_new_session=True,
                    preexec_fn=mortal,  # noqa: PLW1509 - one prctl call; no locks are taken in the child
                )
            except OSError as error:
                raise StartError(f"{self.name} cannot be started: {error}") from error

    def output(self, last: int | None = None) -> str:
        """What the current or last run has written so far; only the `last` bytes where given."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(self._log_start if last is None else max(self._log_start, file.seek(0, os.SEEK_END) - last))
            return file.read().decode(errors="replace")

    def wait_until(self, ready: Callable[[], bool], *, timeout: float) -> None:
        """Block until `ready()` is true. Raises StartError when the process ends first or the time is up (s)."""
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.running:
                raise StartError(f"{self.name} ended with status {self.returncode}: {self.last_words()} ({self.log})")
            if time.monotonic() > deadline:
                raise StartError(f"{self.name} was not ready after {timeout:.0f} s: {self.last_words()} ({self.log})")
            time.sleep(_LOOK_SECONDS)

    def listens(self, port: int) -> bool:
        """Whether this very process (or a child of it) listens on the port, and not somebody else."""
        if not self.running:
            return False
        try:
            process = psutil.Process(self.pid)
            family = [process, *process.children(recursive=True)]
            sockets = [connection for one in family for connection in one.net_connections("tcp")]
        except psutil.Error:
            return False
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)

    def last_words(self) -> str:
        """The last line of output, for error messages."""
        lines = [line for line in self.output(last=8192).splitlines() if line.strip()]
        return lines[-1].strip() if lines else "it wrote nothing"

    def signal(self, number: int) -> None:
        """Send a signal to the process and its children; nothing happens when it has ended."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the end; says whether it has ended."""
        if self._process is None:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        return not self.running

    def stop(self, grace: float = 10.0) -> None:
        """End it cleanly: SIGTERM, then SIGKILL after `grace` seconds. Harmless when it has ended."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if not self.wait(grace):
            self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL), as a power cut would."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): alive for the kernel, silent for its peers."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        self.signal(signal.SIGCONT)
