"""Keeps the programs of the local stack alive: starts them in stages, restarts what crashes, ends all in reverse order.

Own code, since the known supervisors solve another problem: honcho stops everything when one ends and knows no
readiness; circus and supervisor are daemons with a control protocol.
"""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

from deploy.errors import StartError
from deploy.stack.program import Program

_BACK_OFF = (0.5, 1, 2, 5, 10, 30)
"""Seconds before each start again; the last goes on for ever."""
_STEADY_AFTER = 60.0
"""A program that lived so long (s) has its back-off reset."""
_START_TRIES = 4
"""So often a program may end before it was ready for the first time."""
_TICK = 0.1


class Stopped(BaseException):
    """A signal asked us to end; no failure, so not an Exception."""


@dataclass
class Service:
    """A program with its readiness: `ready()` must answer within about a second; `timeout` is in seconds.

    `url` is what a person may open; `finite` says that ending with status 0 is fine.
    """

    name: str
    program: Program
    ready: Callable[[], bool]
    timeout: float = 60.0
    address: str = ""
    finite: bool = False
    attempts: int = 0
    started: float = 0.0
    again_at: float | None = None
    was_ready: bool = False
    took: float = 0.0


@dataclass
class Supervisor:
    """Runs stages of services. `tell` gets one line for a person at each change (service or None, text)."""

    tell: Callable[[Service | None, str], None]
    stages: list[list[Service]] = field(default_factory=list)
    _stopping: bool = False
    _now: bool = False

    def handle_signals(self) -> None:
        """Ctrl-C, SIGTERM and SIGHUP end everything in order; a second one at once."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            self._now = True
            return
        self._stopping = True
        raise Stopped

    @property
    def services(self) -> list[Service]:
        """All services of all stages, in order of their start."""
        return [service for stage in self.stages for service in stage]

    def start(self, stage: Sequence[Service]) -> None:
        """Start a stage and wait until every service in it is ready. Raises StartError."""
        services = list(stage)
        self.stages.append(services)
        for service in services:
            service.started = time.monotonic()
            self._launch(service)
        while waiting := [service for service in services if not service.was_ready]:
            self.watch()
            for service in waiting:
                self._look(service)
            time.sleep(_TICK)

    def _launch(self, service: Service) -> None:
        service.again_at = None
        service.attempts += 1
        service.program.start_process()

    def _look(self, service: Service) -> None:
        """Note that a service became ready; give up on one that takes too long."""
        program = service.program
        if (program.running or _done(service)) and service.ready():
            service.was_ready = True
            service.took = time.monotonic() - service.started
            self.tell(service, "ready")
        elif time.monotonic() - service.started > service.timeout:
            raise StartError(f"{service.name} was not ready after {service.timeout:.0f} s: {_why(program)}")

    def watch(self) -> None:
        """Look once at every program: plan a new start for what ended, start what is due. Raises StartError."""
        now = time.monotonic()
        for service in self.services:
            if service.program.running or _done(service):
                continue
            if service.again_at is None:
                self._plan(service, now)
            elif now >= service.again_at:
                self._launch(service)
                service.started = now

    def _plan(self, service: Service, now: float) -> None:
        # What a program of ours says of a wrong command or setting: it is as wrong at the next try.
        misuse = service.program.returncode == 2
        if not service.was_ready and (misuse or service.attempts >= _START_TRIES):
            raise StartError(f"{service.name} does not start: {_why(service.program)}")
        if service.was_ready and now - service.started > _STEADY_AFTER:
            service.attempts = 0
        delay = _BACK_OFF[min(max(service.attempts - 1, 0), len(_BACK_OFF) - 1)]
        service.again_at = now + delay
        self.tell(service, f"ended ({_why(service.program)}); starting again in {delay:g} s")

    def run(self, each: Callable[[], None] = lambda: None) -> NoReturn:
        """Watch until a signal comes (raises Stopped); calls `each` at every look."""
        while True:
            self.watch()
            each()
            time.sleep(_TICK)

    def stop(self, grace: float = 6.0) -> None:
        """End all programs, last stage first; a stage has `grace` seconds before it is killed. Never raises."""
        self._stopping = True
        for stage in reversed(self.stages):
            alive = [service.program for service in stage if service.program.running]
            for program in alive:
                # One that is stopped (SIGSTOP, a debugger) would see the request to end only when it goes on.
                program.signal(signal.SIGCONT)
                program.signal(signal.SIGTERM)
            deadline = time.monotonic() + grace
            while any(program.running for program in alive) and time.monotonic() < deadline and not self._now:
                time.sleep(0.02)
            for program in alive:
                if program.running:
                    self.tell(None, f"{program.name} did not end in time and was killed")
                program.kill()


def _done(service: Service) -> bool:
    """Whether it has done what it was started for, once and for all."""
    return service.finite and service.program.returncode == 0


def _why(program: Program) -> str:
    """Status and last line of a program, with the place of the rest."""
    status = program.returncode
    how = "still running" if status is None else f"killed by signal {-status}" if status < 0 else f"status {status}"
    return f"{how}: {program.last_words()} – see {program.log}"
