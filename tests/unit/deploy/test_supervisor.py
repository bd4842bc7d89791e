import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.errors import AlreadyRunning, StartError
from deploy.stack.folder import clear, held, note
from deploy.stack.program import Program
from deploy.stack.supervisor import Service, Stopped, Supervisor

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


class Bench:
    """A supervisor with programs that are one line of Python, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.supervisor = Supervisor(lambda service, text: self.told.append(f"{service and service.name}: {text}"))

    def service(self, name: str, code: str = SLEEP, **options: object) -> Service:
        program = Program(name, [sys.executable, "-c", code], log=self.folder / f"{name}.log")
        return Service(name, program, lambda: "up" in program.output(), **options)  # type: ignore[arg-type]

    def watch_until(self, done: object, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline:  # type: ignore[operator]
            self.supervisor.watch()
            time.sleep(0.02)
        assert done()  # type: ignore[operator]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for service in bench.supervisor.services:
        service.program.kill()


def test_start_waits_for_readiness_and_stop_ends_all(bench: Bench) -> None:
    """After start all are ready; after stop none is there."""
    stages = [[bench.service("kafka"), bench.service("redis")], [bench.service("worker")]]
    for stage in stages:
        bench.supervisor.start(stage)
    assert sorted(bench.told) == ["kafka: ready", "redis: ready", "worker: ready"]
    pids = [service.program.pid for service in bench.supervisor.services]
    bench.supervisor.stop()
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_stop_kills_who_does_not_go(bench: Bench) -> None:
    """A program that ignores SIGTERM is killed when the grace is over, and said so."""
    bench.supervisor.start([bench.service("mule", STUBBORN)])
    began = time.monotonic()
    bench.supervisor.stop(grace=0.3)
    assert time.monotonic() - began < 3
    assert bench.told[-1].endswith("mule did not end in time and was killed")


def test_crashed_program_starts_again(bench: Bench) -> None:
    """A crash is told with its cause, and the program comes back."""
    service = bench.service("worker")
    bench.supervisor.start([service])
    first = service.program.pid
    service.program.kill()
    bench.watch_until(lambda: service.program.running and service.program.pid != first)
    assert "worker: ended (killed by signal 9: up" in bench.told[1]
    assert "starting again in 0.5 s" in bench.told[1]


def test_finished_program_stays_finished(bench: Bench) -> None:
    """A program that may end with status 0 is not started again."""
    service = bench.service("simulator", "print('up', flush=True); import time; time.sleep(0.5)", finite=True)
    bench.supervisor.start([service])
    bench.watch_until(lambda: service.program.returncode == 0)
    bench.supervisor.watch()
    assert bench.told == ["simulator: ready"]


def test_a_job_is_ready_when_it_is_done(bench: Bench) -> None:
    """However quickly it ends: nobody waits for it to run."""
    job = bench.service("playlist", "print('up')", finite=True, timeout=20.0)
    job.ready = lambda: job.program.returncode == 0
    bench.supervisor.start([job])
    assert bench.told == ["playlist: ready"]


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import sys; sys.exit('SALES_TIMEZONE: no such zone') if 0 else sys.exit(2)", "status 2"),
        ("raise SystemExit('no disk')", "no disk"),
    ],
)
def test_start_gives_up_with_the_cause(bench: Bench, code: str, cause: str) -> None:
    """Misuse ends the start at once, another failure after some tries; the error names program, cause and log."""
    with pytest.raises(StartError, match=rf"worker does not start: .*{cause}.*worker\.log"):
        bench.supervisor.start([bench.service("worker", code)])


def test_start_gives_up_on_silence(bench: Bench) -> None:
    """A program that never becomes ready is named."""
    with pytest.raises(StartError, match="worker was not ready after 0 s"):
        bench.supervisor.start([bench.service("worker", "import time; time.sleep(60)", timeout=0.3)])


def test_signal_ends_the_run(bench: Bench) -> None:
    """The first signal leaves the run in order; handlers of before are put back by the test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    bench.supervisor.handle_signals()
    try:
        bench.supervisor.start([bench.service("worker")])
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        with pytest.raises(Stopped):
            bench.supervisor.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    bench.supervisor.stop()


def test_no_orphan_survives(tmp_path: Path) -> None:
    """When the supervisor is killed without a chance to stop anything, its programs end too."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom deploy.stack.program import Program\n"
        f"p = Program('x', [sys.executable, '-c', {SLEEP!r}], log=Path({str(tmp_path / 'x.log')!r}))\n"
        "p.start_process(); print(p.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_one_stack_per_folder(tmp_path: Path) -> None:
    """A second holder learns who the first is; after the first, the folder is free; its addresses are gone."""
    with held(tmp_path):
        note(tmp_path, "http://127.0.0.1:9808/")
        (tmp_path / "stack.env").write_text("SALES_X=1")
        with pytest.raises(AlreadyRunning, match=rf"process {os.getpid()}, wall at http://127"), held(tmp_path):
            pass
    with held(tmp_path):
        assert not (tmp_path / "stack.env").exists()


def test_clear_forgets_all_data(tmp_path: Path) -> None:
    """Fresh means empty, but for the lock of the one who clears."""
    with held(tmp_path):
        (tmp_path / "kafka" / "data").mkdir(parents=True)
        (tmp_path / "simulator.json").write_text("{}")
        clear(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["up.lock"]


def test_listens_tells_own_from_foreign(tmp_path: Path) -> None:
    """A port that somebody else holds is not ours, so a program that failed to bind is never called ready."""
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        code = (
            "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
            "print(s.getsockname()[1], flush=True); time.sleep(60)"
        )
        program = Program("x", [sys.executable, "-c", code], log=tmp_path / "x.log")
        program.start_process()
        try:
            program.wait_until(lambda: program.output().endswith("\n"), timeout=10)
            assert program.listens(int(program.output()))
            assert not program.listens(foreign.getsockname()[1])
        finally:
            program.kill()
        assert not program.listens(1)
