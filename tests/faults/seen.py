"""What people see of a run: an exporter and a gateway of it, and what they and the worker answer."""

import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from deploy.stack.ports import free_port
from deploy.stack.program import Program
from tests.faults.run import Run
from tests.faults.workers import WorkerProgram

_SETTING = {"exporter": "SALES_EXPORTER_LISTEN", "gateway": "SALES_GATEWAY_LISTEN"}


def get(address: str, path: str) -> tuple[int, Any]:
    """Status and JSON (or text) of an answer; 0 and nothing when nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, _read(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _read(error.read())
    except OSError:
        return 0, {}


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


class Server:
    """A `sales-pulse exporter` or `gateway` of a run; `with` ends it."""

    def __init__(self, run: Run, what: str, name: str = "") -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.log = run.folder / f"{name or what}.log"
        env = {**run.environment, _SETTING[what]: self.address}
        argv = [sys.executable, "-m", "deploy.cli", what]
        self.program = Program(name or what, argv, log=self.log, env=env, cwd=Path.cwd())

    def get(self, path: str) -> tuple[int, Any]:
        return get(self.address, path)

    def ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def __enter__(self) -> Self:
        self.program.start_process()
        return self

    def __exit__(self, *_: object) -> None:
        self.program.kill()


def is_ready(worker: WorkerProgram) -> bool:
    """What a worker's /readyz says."""
    return get(f"127.0.0.1:{worker.port}", "/readyz")[0] == 200


def metric(text: str, name: str, **labels: str) -> float | None:
    """The sum of a metric's series that bear these labels; None without any."""
    found = [
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if re.match(rf"{name}[{{ ]", line) and all(f'{label}="{value}"' in line for label, value in labels.items())
    ]
    return sum(found) if found else None
